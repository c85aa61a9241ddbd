# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages with a fault each, given whole, byte by byte and before another; what they cost."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest

from helpers.annotated_bytes import parse_bytes
from helpers.corpus import ODD, REFUSED, Refusal, Refused
from helpers.feeding import FEEDS, Outcome, cuts, receive_every_way
from helpers.slow_decoder import crc64
from ros2_igtl import codec

each_refused = pytest.mark.parametrize('case', REFUSED, ids=[case.name for case in REFUSED])

# Rows of the matrix of bad inputs that say what bytes a peer may send. B10 and B16 are about what
# names mean; from B33 on the fault is not the peer's.
ROWS = {f'B{number}' for number in range(1, 33)} - {'B10', 'B16'}
FOUND_ROWS = {case.row for case in REFUSED} | {case.row for case in ODD}

# The rows whose fault is that size or CRC are wrong, or that there is no header.
WITHOUT_SIZE_AND_CRC = {'B3', 'B6', 'B7', 'F6'}

# Processor time of one message in seconds. Whole, none takes 100 microseconds, and in single
# bytes some for each. What is forbidden is to do anything as often as a count announces.
LONGEST_S = 0.05

# Memory in bytes: for each that arrived the copy that is kept, a second one while it is handed
# on, and views, names and rows of tables made of them; and once what a refusal is made of.
PER_BYTE = 6
AT_MOST = 32_768
# What a connection holds beside that: its buffer for small messages, and what is set aside for a
# large one, as limited here.
LIMITS = codec.Limits(max_unreceived=4096)
OF_A_CONNECTION = 65_536 + 2 * LIMITS.max_unreceived


def refusal_of(data: bytes) -> codec.DecodeError:
    with pytest.raises(codec.DecodeError) as caught:
        codec.unpack(data)
    return caught.value


def test_there_are_60_files_and_more() -> None:
    assert len(REFUSED) >= 60


@pytest.mark.parametrize('row', sorted(ROWS))
def test_a_row_that_touches_bytes_has_a_file(row: str) -> None:
    assert row in FOUND_ROWS


def test_no_file_has_a_row_that_there_is_not() -> None:
    assert not FOUND_ROWS - {*ROWS, 'F6'}


def test_every_error_of_the_decoder_has_a_file() -> None:
    def leaves(error: type[codec.DecodeError]) -> set[type[codec.DecodeError]]:
        below = error.__subclasses__()
        return set().union(*map(leaves, below)) if below else {error}

    assert leaves(codec.DecodeError) == {case.by_connection.error for case in REFUSED}
    # what unpack is given is all there, however much it is
    by_unpack = {case.by_unpack.error for case in REFUSED}
    assert leaves(codec.DecodeError) - by_unpack == {codec.BodyTooLargeError}


def test_every_type_with_a_content_of_its_own_has_a_file() -> None:
    found = {codec.text(case.data[2:14]) for case in REFUSED}
    empty = (codec.Get, codec.Start, codec.Stop, codec.Reply)
    own = {kind.type_name for kind in codec.MESSAGE_TYPES.values() if not issubclass(kind, empty)}
    assert own <= found


@each_refused
def test_nothing_is_wrong_but_what_is_said(case: Refused) -> None:
    if case.row in WITHOUT_SIZE_AND_CRC or len(set(case.data)) == 1:
        return
    body = case.data[58:]
    assert case.data[42:50] == len(body).to_bytes(8, 'big')
    assert case.data[50:58] == crc64(body).to_bytes(8, 'big')


@each_refused
def test_unpack_refuses_it(case: Refused) -> None:
    error = refusal_of(case.data)
    assert case.by_unpack.is_met_by(error), repr(error)
    assert error.cause == case.by_unpack.error.cause
    assert (error.header is None) == (len(case.data) < 58)
    assert len(str(error)) < 512  # whatever was sent, it is a line of a log


@each_refused
def test_a_connection_refuses_it_in_whatever_pieces_it_comes(case: Refused) -> None:
    if case.stream == 'waits':
        for feed in FEEDS:
            for pieces in cuts(case.data):
                assert_waits(feed, pieces, case.by_connection)
        return
    outcome = receive_every_way(case.data)  # and the next message comes, unless the stream is lost
    assert case.by_connection.is_met_by(outcome), repr(outcome)
    assert isinstance(outcome, codec.DecodeError)
    assert outcome.header is not None
    assert outcome.header.type_bytes == case.data[2:14]
    lost = isinstance(outcome, codec.FramingError)
    assert case.stream == ('is lost' if lost else 'goes on')


def assert_waits(feed: Callable[..., list[Outcome]], pieces: list[bytes], by: Refusal) -> None:
    connection = codec.Connection()
    assert feed(connection, pieces) == []
    with pytest.raises(codec.TruncatedError) as caught:
        connection.close()
    assert by.is_met_by(caught.value)


@each_refused
def test_it_takes_no_time(case: Refused) -> None:
    def unpack() -> None:
        refusal_of(case.data)

    ways: list[Callable[[], object]] = [unpack]
    ways += [partial(fed, feed, pieces) for feed in FEEDS for pieces in cuts(case.data)]
    for way in ways:
        assert any(seconds(way) < LONGEST_S for _ in range(3))


def fed(feed: Callable[..., list[Outcome]], pieces: list[bytes]) -> list[Outcome]:
    return feed(codec.Connection(LIMITS), pieces)


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call, which does not count that of other programs."""
    start = time.process_time()
    call()
    return time.process_time() - start


@each_refused
def test_it_takes_no_memory_but_for_what_arrived(case: Refused) -> None:
    arrived = len(case.data)
    refusal_of(case.data)  # so that no cache is filled while it counts
    assert peak_of(lambda: refusal_of(case.data)) < AT_MOST + PER_BYTE * arrived
    allowed = AT_MOST + OF_A_CONNECTION + PER_BYTE * arrived
    for feed in FEEDS:
        assert peak_of(partial(fed, feed, [case.data])) < allowed


def peak_of(call: Callable[[], object]) -> int:
    """Return the most memory that a call had at one time, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('line', ['0', '00 0', '0g', '00 * ', '00 * x', '* 2 00', '00 x # 00'])
def test_a_line_that_is_no_bytes_is_not_read(line: str) -> None:
    with pytest.raises(ValueError, match='line 2: '):
        parse_bytes(f'00\n{line}')


def test_bytes_are_repeated_and_commented_and_there_may_be_none() -> None:
    assert parse_bytes('# head\n\n00 0f # two\n 0Aff * 2# four\n ab * 3\n') == bytes.fromhex(
        '000f 0aff 0aff ababab'
    )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from helpers.feeding import FEEDS, NEXT, by_get_buffer, by_receive_data, cuts, drain, say
from helpers.golden import GOLDENS, golden
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec

Feed = Callable[..., Any]
each_feed = pytest.mark.parametrize('feed', FEEDS)
STRING = b'\0\3\0\2ok'
REFUSED = message_bytes(b'TRANSFORM', bytes(3))
WRONG_CRC = message_bytes(b'STRING', STRING, crc=1)
NO_HEADER = bytes(58)


@each_feed
def test_messages_that_come_at_once_come_out_one_by_one(feed: Feed) -> None:
    stream = b''.join(case.data for case in GOLDENS) * 3
    expected = [say(codec.unpack(case.data)) for case in GOLDENS] * 3
    for pieces in ([stream], *cuts(stream), [stream[i : i + 999] for i in range(0, 99999, 999)]):
        assert [say(outcome) for outcome in feed(codec.Connection(), pieces)] == expected


def test_data_that_were_given_may_change_afterwards() -> None:
    data = bytearray(NEXT)
    connection = codec.Connection()
    connection.receive_data(data)
    data[:] = bytes(len(data))
    assert connection.next_message() == codec.unpack(NEXT)


def test_data_may_be_given_several_times_before_a_message_is_taken() -> None:
    connection = codec.Connection()
    for start in range(0, len(NEXT), 7):
        connection.receive_data(NEXT[start : start + 7])
    connection.receive_data(b'')
    connection.receive_data(NEXT * 3000)
    assert len(drain(connection)) == 3001


def test_nothing_is_there_before_data_come() -> None:
    connection = codec.Connection()
    assert connection.next_message() is codec.NEED_DATA
    connection.receive_data(b'')
    assert connection.next_message() is codec.NEED_DATA
    assert repr(codec.NEED_DATA) == 'NEED_DATA'


@each_feed
def test_after_a_refused_message_the_next_one_is_read(feed: Feed) -> None:
    stream = REFUSED + WRONG_CRC + NEXT + REFUSED + REFUSED + NEXT
    causes = ['content_size', 'crc', NEXT, 'content_size', 'content_size', NEXT]
    expected = [say(codec.unpack(cause)) if cause is NEXT else cause for cause in causes]
    for pieces in cuts(stream):
        assert [say(outcome) for outcome in feed(codec.Connection(), pieces)] == expected


@each_feed
@pytest.mark.parametrize('size', [0, 1, 70_000])
def test_a_body_that_has_to_be_skipped_is_skipped_whatever_its_size(feed: Feed, size: int) -> None:
    for skipped in (
        message_bytes(b'NEW', bytes(size), version=3),
        message_bytes(b'\x01', bytes(size)),
    ):
        stream = skipped + NEXT
        for pieces in ([stream], [stream[:-1], stream[-1:]], *cuts(stream)):
            refused, message = feed(codec.Connection(), pieces)
            assert isinstance(refused, codec.MessageError)
            assert message == codec.unpack(NEXT)


def test_a_skipped_body_is_not_kept() -> None:
    connection = codec.Connection()
    by_receive_data(connection, [message_bytes(b'NEW', version=3, body_size=200_000_000)])
    tracemalloc.start()
    try:
        for _ in range(1000):
            assert by_get_buffer(connection, [bytes(65536)]) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert connection.state == 'body'


@each_feed
def test_a_lost_stream_stays_lost(feed: Feed) -> None:
    connection = codec.Connection()
    message, error = feed(connection, [NEXT + NO_HEADER + NEXT])
    assert message == codec.unpack(NEXT)
    assert isinstance(error, codec.HeaderVersionError)
    for call in (
        connection.next_message,
        connection.next_message,
        lambda: connection.receive_data(NEXT),
        lambda: connection.buffer_updated(1),
    ):
        with pytest.raises(codec.HeaderVersionError) as caught:
            call()
        assert caught.value is error
    connection.close()


@pytest.mark.parametrize('data', [REFUSED, WRONG_CRC, message_bytes(b'\x01'), NO_HEADER])
def test_a_refusal_has_the_header_it_was_read_from(data: bytes) -> None:
    for feed in FEEDS:
        (error,) = feed(codec.Connection(), [data])
        assert isinstance(error, codec.DecodeError)
        assert error.header is not None
        assert error.header.type_bytes == data[2:14]


@pytest.mark.parametrize('type_name', [b'TRANSFORM', b'IMAGE', b'STATUS', b'POSITION', b'STRING'])
@pytest.mark.parametrize('version', [1, 2])
def test_b2_a_body_of_size_0_is_consumed_at_once_and_has_no_data(
    type_name: bytes, version: int
) -> None:
    connection = codec.Connection()
    connection.receive_data(message_bytes(type_name, version=version))
    with pytest.raises(codec.NoDataError):
        connection.next_message()
    assert connection.idle


@pytest.mark.parametrize(('policy', 'ok'), [('reject', None), ('warn', False), ('ignore', False)])
def test_b6_a_wrong_crc_is_refused_or_marked_as_the_policy_says(policy: Any, ok: Any) -> None:
    for data in (WRONG_CRC, message_bytes(b'STRING', extended_body(STRING), version=2, crc=0)):
        (outcome,) = by_receive_data(codec.Connection(crc_policy=policy), [data])
        if ok is None:
            assert isinstance(outcome, codec.CrcError)
        else:
            assert isinstance(outcome, codec.Message)
            assert outcome.content == codec.String('ok')
            assert outcome.crc_ok is ok


def test_a_right_crc_is_right_under_any_policy() -> None:
    for policy in ('reject', 'warn', 'ignore'):
        (message,) = by_receive_data(codec.Connection(crc_policy=policy), [NEXT])
        assert isinstance(message, codec.Message)
        assert message.crc_ok


def test_the_peers_header_version_is_the_highest_it_has_sent() -> None:
    connection = codec.Connection()
    assert connection.peer_version == 0
    for data, version in (
        (NEXT, 1),
        (message_bytes(b'NEW', version=3), 1),
        (message_bytes(b'STRING', extended_body(STRING), version=2), 2),
        (NEXT, 2),
    ):
        by_receive_data(connection, [data])
        assert connection.peer_version == version


def test_a_large_message_tells_the_peers_version_before_its_body_has_come() -> None:
    connection = codec.Connection()
    by_receive_data(connection, [message_bytes(b'IMAGE', version=2, body_size=100_000)])
    assert connection.peer_version == 2


@each_feed
@pytest.mark.parametrize('name', ['transform', 'transformFormat2', 'image'])
def test_the_state_says_what_is_waited_for(feed: Feed, name: str) -> None:
    data = golden(name)
    connection = codec.Connection()
    assert (connection.state, connection.idle) == ('header', True)
    for count in range(1, len(data)):
        assert feed(connection, [data[count - 1 : count]]) == []
        assert connection.state == ('header' if count < 58 else 'body')
        assert not connection.idle
    assert len(feed(connection, [data[-1:]])) == 1
    assert (connection.state, connection.idle) == ('header', True)


@each_feed
def test_the_state_of_a_large_message_and_of_a_skipped_one_is_body(feed: Feed) -> None:
    for data in (
        message_bytes(b'IMAGE', body_size=100_000),
        message_bytes(b'IMAGE', bytes(100), body_size=100_000, version=1),
        message_bytes(b'NEW', bytes(100), body_size=100_000),
        message_bytes(b'NEW', body_size=10, version=3),
    ):
        connection = codec.Connection()
        assert feed(connection, [data]) == []
        assert (connection.state, connection.idle) == ('body', False)


@each_feed
def test_a_stream_may_end_between_messages_only(feed: Feed) -> None:
    connection = codec.Connection()
    connection.close()
    feed(connection, [NEXT])
    connection.close()
    for data in (
        NEXT[:1],
        NEXT[:57],
        NEXT[:58],
        NEXT[:-1],
        message_bytes(b'IMAGE', bytes(100), body_size=100_000),
        message_bytes(b'NEW', bytes(5), body_size=10, version=3),
    ):
        connection = codec.Connection()
        feed(connection, [NEXT + data])
        with pytest.raises(codec.TruncatedError) as caught:
            connection.close()
        if len(data) >= 58:
            assert caught.value.header is not None
            assert caught.value.header.type_bytes == data[2:14]
        else:
            assert caught.value.header is None
        with pytest.raises(codec.TruncatedError):
            connection.next_message()
        connection.close()


def test_the_buffer_to_receive_into_is_never_empty() -> None:
    stream = (golden('image') + NEXT) * 60
    connection = codec.Connection()
    position = messages = 0
    while position < len(stream):
        buffer = connection.get_buffer(65536)
        assert not buffer.readonly
        count = min(len(buffer), len(stream) - position)
        assert count > 0
        buffer[:count] = stream[position : position + count]
        connection.buffer_updated(count)
        position += count
        messages += len(drain(connection))
    assert messages == 120


def test_a_header_cut_at_the_end_of_the_buffer_is_read_on() -> None:
    stream = golden('transform') * 2000  # 65536 is no multiple of its 106 bytes
    received = by_get_buffer(codec.Connection(), [stream])
    assert b''.join(codec.pack(message) for message in received) == stream  # type: ignore[arg-type]


def test_a_buffer_got_before_the_last_message_was_taken_is_still_right() -> None:
    data = message_bytes(b'NEW', bytes(100_000))
    connection = codec.Connection()
    assert by_get_buffer(connection, [data[:-1]]) == []
    buffer = connection.get_buffer()
    assert len(buffer) == 1
    buffer[:] = data[-1:]
    connection.buffer_updated(1)
    for byte in NEXT:  # before next_message was called
        connection.get_buffer()[0] = byte
        connection.buffer_updated(1)
    first, second = drain(connection)
    assert isinstance(first, codec.Message)
    assert codec.pack(first) == data
    assert second == codec.unpack(NEXT)


@pytest.mark.parametrize('type_name', [b'IMAGE', b'NEW', b'TRANSFORM'])
@pytest.mark.parametrize('version', [1, 2])
def test_b3_what_is_announced_takes_no_memory_before_it_comes(
    type_name: bytes, version: int
) -> None:
    part = (extended_body() if version == 2 else b'').ljust(1024, b'\0')
    data = message_bytes(type_name, part, version=version, body_size=200_000_000)
    limits = codec.Limits(max_unreceived=65536)
    tracemalloc.start()
    try:
        connection = codec.Connection(limits)
        assert by_receive_data(connection, [data]) == []
        _, peak = tracemalloc.get_traced_memory()
        assert peak < 65536 * 4
        tracemalloc.reset_peak()
        for _ in range(100):
            assert by_get_buffer(connection, [bytes(16384)]) == []
        _, peak = tracemalloc.get_traced_memory()
        assert peak < 1_639_424 * 3 + 65536 * 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('version', [1, 2])
def test_b3_by_default_16_mib_are_set_aside_at_most(version: int) -> None:
    # of the pixels and of the metadata together
    part = bytes(1024) if version == 1 else extended_body(bytes(1024), metadata_size=50_000_000)
    data = message_bytes(b'IMAGE', part, version=version, body_size=200_000_000)
    tracemalloc.start()
    try:
        connection = codec.Connection()
        assert by_receive_data(connection, [data]) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_777_216 + 500_000


@pytest.mark.parametrize('sizes', [{'max_unreceived': 0}, {'max_body_size': -1}])
def test_limits_that_allow_nothing_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(sizes))):
        codec.Limits(**sizes)


def test_a_limit_of_0_allows_messages_without_a_body() -> None:
    connection = codec.Connection(codec.Limits(max_body_size=0))
    (message,) = by_receive_data(connection, [message_bytes(b'STP_TDATA')])
    assert isinstance(message, codec.Message)


IMAGE = codec.Image(bytes(range(256)) * 160, (256, 160, 1))
LARGE = {
    'version 1': codec.pack(codec.Message(IMAGE)),
    'version 2': codec.pack(codec.Message(IMAGE, '', 0, 2, 7, {'a': 'b' * 40_000})),
    'one buffer': codec.pack(codec.Message(codec.Unknown('NEW', bytes(40_000)))),
    'one buffer, version 2': codec.pack(
        codec.Message(codec.Unknown('NEW', bytes(40_000)), '', 0, 2)
    ),
}
PIECES = (1, 57, 58, 61, 69, 71, 141, 142, 145, 5000, 65536, 65537)  # bytes at a time, at first


@each_feed
@pytest.mark.parametrize('name', LARGE)
def test_a_large_message_comes_in_whatever_pieces_it_begins(feed: Feed, name: str) -> None:
    data = LARGE[name]
    for size in PIECES:
        for before in (b'', NEXT, NEXT * 600):  # so that the scratch buffer is full somewhere
            stream = before + data + NEXT
            ends = [0, len(before), len(before) + size, len(before) + size + 30, len(stream)]
            pieces = [stream[start:end] for start, end in pairwise(ends)]
            received = feed(codec.Connection(), pieces)
            assert b''.join(codec.pack(message) for message in received) == stream


@pytest.mark.parametrize(
    'body',
    [
        extended_body(bytes(40_000), header_size=50_000),
        extended_body(bytes(40_000), extended_size=11),
        extended_body(bytes(71), ((b'k', 3, bytes(40_000)),)),
        extended_body(b'', ((b'k', 3, bytes(40_000)),)),
        extended_body(bytes(72 + 1), extended_size=40_000),
        extended_body(IMAGE.pack_parts()[0] + bytes(40_000)),
        bytes(40_000),
    ],
    ids=['header', '11', '71', '0', 'extended', 'surplus', 'nothing'],
)
@each_feed
def test_a_large_message_is_refused_with_the_words_of_a_small_one_and_the_next_is_read(
    feed: Feed, body: bytes
) -> None:
    data = message_bytes(b'IMAGE', body, version=2)
    with pytest.raises(codec.MessageError) as caught:
        codec.unpack(data)
    for size in PIECES:
        refused, message = feed(codec.Connection(), [data[:size], data[size:] + NEXT])
        assert (type(refused), str(refused)) == (type(caught.value), str(caught.value))
        assert refused.header == caught.value.header
        assert message == codec.unpack(NEXT)


@each_feed
def test_b6_a_large_message_with_a_wrong_crc_is_refused_or_marked(feed: Feed) -> None:
    data = LARGE['version 2'][:-1] + b'?'
    refused, message = feed(codec.Connection(), [data + NEXT])
    assert isinstance(refused, codec.CrcError)
    assert refused.header is not None
    assert refused.header.type_name == 'IMAGE'
    assert message == codec.unpack(NEXT)
    (marked,) = feed(codec.Connection(crc_policy='warn'), [data])
    assert marked.content == IMAGE
    assert not marked.crc_ok


def test_what_is_set_aside_for_a_message_that_is_not_complete_is_known() -> None:
    data = codec.pack(codec.Message(codec.Unknown('NEWTYPE', bytes(100_000))))
    connection = codec.Connection()
    assert connection.held_bytes == 0
    connection.receive_data(data[:-1])
    assert connection.next_message() is codec.NEED_DATA
    assert connection.held_bytes == 100_000
    connection.receive_data(data[-1:])
    assert isinstance(connection.next_message(), codec.Message)
    assert connection.held_bytes == 0


def test_the_bytes_of_an_incomplete_header_can_be_seen() -> None:
    connection = codec.Connection()
    connection.receive_data(b'GET ')
    assert connection.next_message() is codec.NEED_DATA
    assert bytes(connection.unread) == b'GET '


@pytest.mark.parametrize(
    ('content', 'is_costly'),
    [
        (codec.Bind((codec.Message(codec.StopImage()),) * 5000), True),  # many parts
        (codec.Image.from_pixels(np.zeros((1, 300, 300), np.uint8)), False),
        (codec.Image.from_pixels(np.zeros((17, 1000, 1000), np.uint8)), True),  # very large
        (codec.String('small'), False),
    ],
)
def test_a_message_that_takes_long_to_unpack_is_announced(content: Any, is_costly: bool) -> None:
    message = codec.Message(content)
    rest = memoryview(codec.pack(message))
    stream = codec.Stream()
    while len(rest):
        buffer = stream.get_buffer()
        count = min(len(buffer), len(rest))
        buffer[:count] = rest[:count]
        stream.buffer_updated(count)
        rest = rest[count:]
        if len(rest):
            assert not stream.is_costly
            assert stream.next_message() is codec.NEED_DATA
    assert stream.is_costly is is_costly
    assert stream.next_message() == message
    assert (stream.is_costly, stream.has_large) == (False, False)

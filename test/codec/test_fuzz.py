# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The promise of the codec, asked of 100,000 messages with faults made at random.

Any bytes give a message, a need for more, or a ``DecodeError``, nothing else, in time and memory
bounded by what arrived. ``make test-long`` asks 200,000, and ``make fuzz`` goes on from there.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections import Counter
from itertools import pairwise
from typing import NoReturn

import numpy as np
import pytest

from helpers.feeding import FEEDS, Outcome, say
from helpers.mutation import HEADER_SIZE, Mutator, repaired, seeds
from helpers.promise import CAUSES, LIMITS, check_stream, check_unpack
from ros2_igtl import codec

SEED = 18944
STREAM_LENGTH = 8  # half of the messages come in streams, half one by one
DEADLINE_S = 60.0  # of the processor: what else runs on the machine does not count

# Seconds for one message, most of at most a kilobyte, with all that is asked of it.
LONGEST_S = 0.25
# Memory in bytes for each that arrived, and once. The dearest are the attributes of a mesh: 7
# bytes make an object with a name and an array, of 600 bytes.
PER_BYTE = 100
AT_MOST = 32_768

JUDGED_BY_CONTENT = {'content_size', 'content_value', 'no_data'}


class Tally:
    """What came of the messages so far."""

    def __init__(self) -> None:
        self.given = 0
        self.outcomes: Counter[str] = Counter()
        self.accepted: set[str] = set()
        self.refused: set[str] = set()  # for their content
        self.longest_s = 0.0
        self.highest = 0.0  # memory in multiples of what is allowed

    def add(self, outcome: Outcome) -> None:
        if isinstance(outcome, codec.Message):
            self.outcomes['message'] += 1
            self.accepted.add(outcome.type_name)
            return
        self.outcomes[outcome.cause] += 1
        if outcome.cause in JUDGED_BY_CONTENT and outcome.header is not None:
            self.refused.add(outcome.header.type_name)

    def __str__(self) -> str:
        counts = ', '.join(f'{count} {name}' for name, count in self.outcomes.most_common())
        return (
            f'{self.given} messages with faults gave {counts}; '
            f'longest {self.longest_s * 1000:.1f} ms, memory {self.highest:.0%} of what is allowed'
        )


def fail(what: object, number: int, data: str) -> NoReturn:
    pytest.fail(f'seed {SEED}, message {number}: {what!r}\n{data}')


def give_one_by_one(mutator: Mutator, tally: Tally) -> None:
    data = mutator.message()
    try:
        start = time.perf_counter()
        outcome = check_unpack(data)
        seconds = time.perf_counter() - start
        if seconds > LONGEST_S:  # other programs may have run, or garbage was collected
            seconds = min(processor_seconds(data) for _ in range(3))
    except Exception as error:
        fail(error, tally.given, data.hex())
    tally.longest_s = max(tally.longest_s, seconds)
    if tally.longest_s > LONGEST_S:
        fail(tally, tally.given, data.hex())
    if tally.given % 100 == 0:
        tally.highest = max(tally.highest, peak_of(data) / (AT_MOST + PER_BYTE * len(data)))
        if tally.highest > 1.0:
            fail(tally, tally.given, data.hex())
    tally.add(outcome)
    tally.given += 1


def processor_seconds(data: bytes) -> float:
    """Return what all that is asked of bytes takes."""
    start = time.process_time()
    check_unpack(data)
    return time.process_time() - start


def peak_of(data: bytes) -> int:
    """Return the most memory that a message had while it was read, in bytes."""
    tracemalloc.start()
    try:
        codec.unpack(data)
    except codec.DecodeError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def give_a_stream(mutator: Mutator, tally: Tally) -> None:
    """Give messages in pieces that begin and end anywhere; a lost stream begins anew."""
    rng = mutator.rng
    connection = codec.Connection(LIMITS)
    waiting = b''
    given: list[bytes] = []  # to this connection
    for number in range(STREAM_LENGTH):
        waiting += mutator.message()
        last = number == STREAM_LENGTH - 1
        cuts = sorted(rng.randrange(len(waiting) + 1) for _ in range(rng.randrange(1, 4)))
        pieces = [waiting[start:stop] for start, stop in pairwise([0, *cuts])]
        waiting = waiting[cuts[-1] :]
        if last:
            pieces.append(waiting)
        given += pieces
        try:
            outcomes = check_stream(pieces, connection, in_place=rng.random() < 0.5)
        except Exception as error:
            fail(error, tally.given, '|'.join(piece.hex() for piece in given))
        for outcome in outcomes:
            tally.add(outcome)
        tally.given += 1
        if outcomes and isinstance(outcomes[-1], codec.FramingError):
            connection, waiting, given = codec.Connection(LIMITS), b'', []
    try:
        connection.close()
    except codec.TruncatedError as error:
        tally.add(error)


@pytest.mark.timeout(300)
@pytest.mark.parametrize('count', [100_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_mutated_messages_give_messages_or_decode_errors(
    count: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mutator = Mutator(random.Random(SEED))
    tally = Tally()
    end = time.process_time() + DEADLINE_S
    # most of the time would be numpy's, to print many numbers
    with np.printoptions(threshold=0, edgeitems=1, formatter={'all': str}):
        while tally.given < count and time.process_time() < end:
            for _ in range(STREAM_LENGTH):
                give_one_by_one(mutator, tally)
            give_a_stream(mutator, tally)
    with capsys.disabled():
        print(f'\n{tally}')
    assert tally.given == count, f'after {DEADLINE_S} s: {tally}'
    assert tally.outcomes.keys() == {'message', *CAUSES}
    assert set(codec.MESSAGE_TYPES) - tally.accepted == set()
    assert set(codec.MESSAGE_TYPES) - tally.refused == set()
    assert tally.outcomes['message'] > count // 10  # most are not refused for one fault alone


def test_the_causes_are_those_of_the_leaves_of_the_tree_of_errors() -> None:
    def leaves(error: type[codec.DecodeError]) -> set[str]:
        below = error.__subclasses__()
        return set().union(*map(leaves, below)) if below else {error.cause}

    assert leaves(codec.DecodeError) == CAUSES


def test_the_same_seed_makes_the_same_messages() -> None:
    first, second = (Mutator(random.Random(SEED)) for _ in range(2))
    messages = [first.message() for _ in range(200)]
    assert messages == [second.message() for _ in range(200)]
    assert not set(messages) & set(seeds())


def test_the_seeds_have_every_type() -> None:
    outcomes = [check_unpack(data) for data in seeds()]
    read = {outcome.type_name for outcome in outcomes if isinstance(outcome, codec.Message)}
    assert set(codec.MESSAGE_TYPES) <= read


def test_a_repaired_message_has_the_size_and_the_crc_of_its_body() -> None:
    for data in seeds():
        outcome = check_unpack(repaired(data + b'more'))
        assert not isinstance(outcome, (codec.CrcError, codec.TruncatedError))
        assert repaired(data)[HEADER_SIZE:] == data[HEADER_SIZE:]


def test_a_stream_of_mutated_messages_is_followed_until_it_is_lost() -> None:
    mutator = Mutator(random.Random(SEED + 1))
    rng = mutator.rng
    for _ in range(200):
        stream = b''.join(mutator.message() for _ in range(10))
        cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(5))
        pieces = [stream[start:stop] for start, stop in pairwise([0, *cuts, len(stream)])]
        outcomes = [
            [say(outcome) for outcome in feed(codec.Connection(LIMITS), way)]
            for feed in FEEDS
            for way in ([stream], pieces)
        ]
        assert all(outcome == outcomes[0] for outcome in outcomes)

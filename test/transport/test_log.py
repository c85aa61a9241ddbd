# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from ros2_igtl.transport import log


@pytest.mark.parametrize(
    ('line', 'shown'),
    [
        ('Probe 1', 'Probe 1'),
        ('Sonde-ü', 'Sonde-ü'),
        ('a\nWARNING: b', r'a\nWARNING: b'),
        ('\x1b[2J\x00', r'\x1b[2J\x00'),
        ('\udcff', r'\xff'),  # a byte that is not UTF-8
        ('\u2028', r'\u2028'),
        (r"TRANSFORM 'a\x1b': crc", r"TRANSFORM 'a\x1b': crc"),  # with a name that is escaped
    ],
)
def test_a_line_is_printable_and_not_escaped_twice(line: str, shown: str) -> None:
    assert log.printable(line) == shown


class Clock:
    """Seconds that only the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def allowance(clock: Clock) -> log.Allowance:
    return log.Allowance('127.0.0.1:18944', clock)


@pytest.fixture
def throttle(clock: Clock, allowance: log.Allowance) -> log.Throttle:
    return log.Throttle(allowance, clock)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """Return what returns the logged lines."""
    with caplog.at_level(logging.INFO, 'ros2_igtl.transport'):
        yield lambda: [record.getMessage() for record in caplog.records]


Lines = Callable[[], list[str]]


def test_a_repeated_line_is_held_back_and_counted(
    throttle: log.Throttle, clock: Clock, lines: Lines
) -> None:
    for _ in range(4):
        throttle.log(logging.WARNING, 'crc', 'wrong\nCRC')
    throttle.log(logging.WARNING, 'other', 'other')
    clock.now += log.REPEAT_S
    throttle.log(logging.WARNING, 'crc', 'wrong CRC')
    assert lines() == [r'wrong\nCRC', 'other', 'wrong CRC (3 more like this were not logged)']


def test_ever_new_keys_do_not_fill_the_memory_nor_push_out_an_error(
    throttle: log.Throttle, clock: Clock, lines: Lines
) -> None:
    for key in range(3 * log.MAX_KEYS):
        clock.now += 0.02
        throttle.log(logging.WARNING, key, 'trivial')
        throttle.log(logging.ERROR, 'grave', 'grave')
    assert max(map(len, throttle._logged.values())) == log.MAX_KEYS
    assert lines().count('trivial') == 3 * log.MAX_KEYS
    assert len([line for line in lines() if line.startswith('grave')]) == 6  # one in 10 s


def test_f49_a_connection_logs_10_kb_in_any_second_and_then_how_many_lines_are_missing(
    throttle: log.Throttle, allowance: log.Allowance, clock: Clock, lines: Lines
) -> None:
    logged: list[tuple[float, int]] = []
    for number in range(20_000):  # 2000 a second
        clock.now += 0.0005
        before = len(lines())
        throttle.log(logging.WARNING, number, f'message {number:060} rejected')
        logged += [(clock.now, len(line) + log.PREFIX_BYTES) for line in lines()[before:]]
    for begin, _ in logged[::10]:
        assert sum(size for at, size in logged if begin <= at < begin + 1.0) <= 10_000
    missing = 20_000 - len(lines())
    assert missing > 19_000
    allowance.flush()  # the flood is not over
    clock.now += 2.0
    allowance.flush()
    allowance.flush()
    assert lines()[-1] == f'127.0.0.1:18944: {missing} more lines were not logged'
    assert [line for line in lines() if 'more lines' in line] == lines()[-1:]


def test_f49_a_flood_that_does_not_end_is_told_now_and_then(
    throttle: log.Throttle, allowance: log.Allowance, clock: Clock, lines: Lines
) -> None:
    for number in range(50_000):  # 25 s
        clock.now += 0.0005
        throttle.log(logging.WARNING, number, f'message {number:060} rejected')
        if number % 500 == 0:
            allowance.flush()
    assert len([line for line in lines() if 'more lines' in line]) == 2


def test_f49_a_flood_of_trivial_lines_leaves_room_for_errors(
    throttle: log.Throttle, clock: Clock, lines: Lines
) -> None:
    for number in range(1000):
        throttle.log(logging.WARNING, number, f'message {number:060} rejected')
    throttle.log(logging.ERROR, 'topic_taken', 'two devices compete')
    throttle.log(logging.WARNING, 'closed', 'closed: memory_limit', is_grave=True)
    assert lines()[-2:] == ['two devices compete', 'closed: memory_limit']


def test_f49_a_line_is_no_longer_than_allowed(throttle: log.Throttle, lines: Lines) -> None:
    throttle.log(logging.WARNING, 'long', 'x' * 100_000)
    throttle.log(logging.ERROR, 'fault', 'closed by a fault', error=ValueError('why'))
    assert list(map(len, lines())) == [log.MAX_LINE_BYTES, len('closed by a fault')]

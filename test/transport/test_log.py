# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.log."""

from __future__ import annotations

import logging

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


def test_a_repeated_line_is_held_back_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    throttle = log.Throttle(lambda: now)
    with caplog.at_level(logging.INFO, 'ros2_igtl.transport'):
        for _ in range(4):
            throttle.log(logging.WARNING, 'crc', 'wrong\nCRC')
        throttle.log(logging.WARNING, 'other', 'other')
        now += log.REPEAT_S
        throttle.log(logging.WARNING, 'crc', 'wrong CRC')
    assert [record.getMessage() for record in caplog.records] == [
        r'wrong\nCRC',
        'other',
        'wrong CRC (3 more like this were not logged)',
    ]


def test_ever_new_keys_do_not_fill_the_memory() -> None:
    throttle = log.Throttle()
    for key in range(3 * log.MAX_KEYS):
        throttle.log(logging.DEBUG, key, 'text')
    assert len(throttle._logged) <= log.MAX_KEYS

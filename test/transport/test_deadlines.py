# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.deadlines, without a socket and without waiting."""

from __future__ import annotations

import pytest

from ros2_igtl.transport import Options
from ros2_igtl.transport.deadlines import MIN_BODY_PROGRESS, Deadlines, Part, tick_of

OPTIONS = Options(header_timeout=2.0, body_timeout=5.0, idle_timeout=10.0)


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines(OPTIONS, 100.0)


def test_a_header_that_drips_misses_its_deadline(deadlines: Deadlines) -> None:
    for second in (100.0, 101.0, 102.0):
        deadlines.note('header', int(second), False, second)
    assert deadlines.is_running
    assert deadlines.missed(102, 102.0) == ''
    assert deadlines.missed(102, 102.1) == 'header_timeout'


def test_each_header_has_its_own_deadline(deadlines: Deadlines) -> None:
    deadlines.note('header', 10, False, 100.0)
    deadlines.note('header', 116, True, 101.5)
    assert deadlines.missed(116, 103.5) == ''
    assert deadlines.missed(116, 103.6) == 'header_timeout'


def test_a_body_needs_progress_and_not_just_bytes(deadlines: Deadlines) -> None:
    deadlines.note('body', 100, False, 100.0)
    deadlines.note('body', 100 + MIN_BODY_PROGRESS - 1, False, 104.0)
    assert deadlines.missed(100, 105.1) == 'body_timeout'
    deadlines.note('body', 100 + MIN_BODY_PROGRESS, False, 104.0)
    assert deadlines.missed(100, 109.0) == ''
    assert deadlines.missed(100, 109.1) == 'body_timeout'


def test_a_complete_message_ends_the_deadlines(deadlines: Deadlines) -> None:
    deadlines.note('header', 10, False, 100.0)
    deadlines.note(None, 106, True, 101.0)
    assert not deadlines.is_running
    assert deadlines.missed(106, 104.0) == ''


def test_a_peer_that_sends_nothing_is_idle(deadlines: Deadlines) -> None:
    assert deadlines.missed(1, 105.0) == ''
    assert deadlines.missed(1, 115.0) == ''
    assert deadlines.missed(1, 115.1) == 'idle_timeout'


@pytest.mark.parametrize('part', ['header', 'body'])
def test_while_nothing_is_read_all_deadlines_stand_still(part: str, deadlines: Deadlines) -> None:
    deadlines.note(part, 10, False, 100.0)  # type: ignore[arg-type]
    deadlines.pause()
    assert deadlines.missed(10, 1000.0) == ''
    deadlines.resume(1000.0)
    assert deadlines.missed(10, 1010.0) == ''
    assert deadlines.missed(10, 1010.1) == 'idle_timeout'
    deadlines.note(part, 10, False, 1010.0)  # type: ignore[arg-type]
    assert deadlines.missed(10, 1015.1) == f'{part}_timeout'


@pytest.mark.parametrize(
    ('part', 'timeout_s'), [('header', 2.0), ('body', 5.0), (None, OPTIONS.idle_timeout)]
)
def test_f47_a_time_in_which_we_stood_still_does_not_count(
    part: Part | None, timeout_s: float, deadlines: Deadlines
) -> None:
    now = 100.0
    deadlines.note(part, 10, False, now)
    deadlines.missed(10, now)
    while now < 100.0 + timeout_s - 0.25:
        now += 0.25
        deadlines.check_self(0.25, now)
        assert deadlines.missed(10, now) == ''
    now += 30.0
    deadlines.check_self(0.25, now)
    assert deadlines.missed(10, now) == ''
    assert deadlines.stalled_since(now - 1.0) == 30.0
    assert deadlines.stalled_since(now) == 0.0
    now += 0.25
    deadlines.check_self(0.25, now)
    assert deadlines.missed(10, now) == ''
    assert deadlines.missed(10, now + 0.01) == f'{part or "idle"}_timeout'


def test_the_shortest_time_decides_how_often_to_look() -> None:
    assert tick_of(Options()) == 0.25
    assert tick_of(Options(idle_timeout=0.4)) == 0.1
    assert tick_of(Options(send_timeout=0.2)) == 0.05

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What is counted, and how fast it comes."""

from __future__ import annotations

from collections import Counter

import pytest

from helpers.steady_clock import SteadyClock
from ros2_igtl.nodes.reporting import counters
from ros2_igtl.nodes.reporting.counters import Outcomes, Rate, Tally


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SteadyClock:
    clock = SteadyClock()
    monkeypatch.setattr(counters, 'time', clock)
    return clock


def tick(rate: Rate, clock: SteadyClock, count: int, period_s: float) -> None:
    for _ in range(count):
        clock.now_s += period_s
        rate.tick()


def test_two_directions_do_not_share_their_counters() -> None:
    first, second = Outcomes(), Outcomes()
    first.rejected['crc'] += 1
    first.skipped['echo'] += 1
    assert (second.rejected, second.skipped) == ({}, {})


def test_before_the_first_event_there_is_neither_age_nor_rate(clock: SteadyClock) -> None:
    rate = Rate()
    assert (rate.count, rate.age_s, rate.hz) == (0, None, 0.0)


def test_one_event_has_an_age_and_no_rate(clock: SteadyClock) -> None:
    rate = Rate()
    rate.tick()
    clock.now_s += 2.0
    assert (rate.count, rate.age_s, rate.hz) == (1, 2.0, 0.0)


@pytest.mark.parametrize('hz', [0.5, 10.0, 1000.0])
def test_the_rate_is_that_of_the_last_seconds(clock: SteadyClock, hz: float) -> None:
    rate = Rate()
    tick(rate, clock, 20, 3.0)  # long ago, at another rate
    tick(rate, clock, round(hz * 20), 1.0 / hz)
    assert rate.hz == pytest.approx(hz, rel=0.05)
    assert rate.count == 20 + round(hz * 20)


def test_the_rate_is_zero_when_nothing_comes_any_more(clock: SteadyClock) -> None:
    rate = Rate()
    tick(rate, clock, 50, 0.1)
    clock.now_s += Rate.WINDOW_S
    assert rate.hz == pytest.approx(10.0)
    clock.now_s += 0.1
    assert rate.hz == 0.0


def test_events_of_one_instant_have_no_rate(clock: SteadyClock) -> None:
    rate = Rate()
    for _ in range(5):
        rate.tick()
    assert rate.hz == 0.0


def test_memory_is_bounded_at_any_rate(clock: SteadyClock) -> None:
    rate = Rate()
    tick(rate, clock, 100_000, 0.0001)
    assert len(rate._marks) <= 10 * Rate.WINDOW_S + 2


def test_a_message_is_counted_by_what_becomes_of_it() -> None:
    tally = Tally([])
    tally.take(lambda: '')
    tally.take(lambda: 'echo')

    def fail() -> str:
        raise LookupError('a fault')

    with pytest.raises(LookupError, match='a fault'):
        tally.take(fail)
    assert tally.total() == Outcomes(3, 1, 0, Counter(internal_error=1), Counter(echo=1))

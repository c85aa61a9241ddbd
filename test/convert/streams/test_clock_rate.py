# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.streams.clock_rate: slow and fast clocks are no delays; nor the reverse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ros2_igtl.convert.streams.clock_rate import ClockRate, Sample, may_be_fast
from ros2_igtl.convert.streams.peer_clock import DeviceClock, PeerClock

S = 1_000_000_000
MS = 1_000_000


class Learner:
    """The rate of a clock from the lags of messages at 20 Hz."""

    def __init__(self, mode: Any = 'auto') -> None:
        self.clock = DeviceClock(PeerClock(mode))
        self.rate = ClockRate()
        self._arrival_ns = self._number = 0

    def feed(self, lags_ms: Iterable[float], distance_ms: float = 50.0) -> float:
        """Return the rate after messages with these lags."""
        clock = self.clock
        for lag_ms in lags_ms:
            self._arrival_ns += round(distance_ms * MS)
            self._number += 1
            lag_ns = round(lag_ms * MS)
            delay_ns = lag_ns - clock.lag_ns
            clock.lag_ns = min(clock.lag_ns, lag_ns)
            sample = Sample(self._arrival_ns, lag_ns, delay_ns, self._number)
            clock.rate = self.rate.learn(sample, clock)
        return clock.rate


def ramp(growth: float, count: int = 60, begin_ms: float = 0.0) -> list[float]:
    """Return lags in ms that grow by a part of the time."""
    return [begin_ms + growth * 50.0 * number for number in range(count)]


@pytest.mark.parametrize('rate', [0.001, 0.01, 0.97, 1.03, 100.0])
def test_lags_that_change_evenly_show_the_rate(rate: float) -> None:
    learner = Learner()
    assert learner.feed(ramp(1 - rate)) == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize('rate', [0.1, 0.5, 0.9, 1.2, 10.0])
def test_a_rate_between_those_of_clocks_is_delay(rate: float) -> None:
    assert rate < 1.0 or not may_be_fast(rate)
    assert Learner().feed(ramp(1 - rate)) == 1.0
    assert Learner('receive').feed(ramp(1 - rate)) == pytest.approx(min(rate, 1.0), rel=0.01)


def test_a_link_that_carries_hardly_anything_is_no_clock_that_counts_in_other_units() -> None:
    """The messages of 20 a second were sent at 50 ms by their clock, not at 0.5 ms."""
    lags_ms = [99 * 50.0 * number for number in range(20)]
    assert Learner().feed(lags_ms, 5000.0) == 1.0


def test_messages_that_arrive_as_often_as_before_are_not_delayed() -> None:
    learner = Learner()
    assert learner.feed([0.0] * 20) == 1.0
    assert learner.feed(ramp(0.5)) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize('rate', [0.5, 0.97])
def test_messages_that_arrive_less_often_than_before_wait(rate: float) -> None:
    learner = Learner()
    assert learner.feed([0.0] * 20) == 1.0
    lags_ms = [(1 - rate) / rate * 50.0 * number for number in range(200)]
    assert learner.feed(lags_ms, 50.0 / rate) == 1.0


def test_a_step_is_no_rate() -> None:
    assert Learner().feed([0.0] * 20 + [100.0] * 60) == 1.0


def test_a_slow_clock_stays_one_while_messages_wait() -> None:
    learner = Learner()
    learner.feed(ramp(0.03))
    assert learner.clock.rate != 1.0
    held = ramp(0.03, 30, 5000.0)
    assert learner.feed([*held, *ramp(0.03, 60, 90.0 + 45.0)]) == pytest.approx(0.97, rel=0.01)


def test_lags_that_fall_show_that_a_slow_clock_was_a_queue() -> None:
    learner = Learner()
    learner.feed(ramp(0.04))
    assert learner.clock.rate == pytest.approx(0.96, rel=0.01)
    assert learner.feed([20.0]) == 1.0


def test_a_lag_that_does_not_change_for_long_shows_that_the_clock_is_right() -> None:
    learner = Learner()
    learner.clock.rate = 0.5
    assert learner.feed([0.0] * 63) == 0.5
    assert learner.feed([0.0]) == 1.0


def test_a_fast_clock_stays_one() -> None:
    learner = Learner()
    assert learner.feed(ramp(-99.0, 200)) == pytest.approx(100.0, rel=0.01)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells a clock that runs too slowly or too fast from messages that are delayed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from ros2_igtl.convert.streams.peer_clock import DeviceClock

SAMPLES = 64
PARTS = 5  # whose lags are compared, to tell even growth from a step
MIN_COUNT = 5  # messages from which the mean distance between two is known
USUAL_NS = 500_000_000  # the time in which the usual distance is learned

# A link that carries less than a device sends looks like a slow clock, and a queue that drains
# like a fast one. Where nothing tells them apart, clocks are off by a little, or count in other
# units; what lies between is delay.
A_LITTLE = 0.05
OTHER_UNITS = 20.0
# By a clock that counts in larger units, messages are closer than any device sends them.
LEAST_DISTANCE_NS = 2_000_000


class Sample(NamedTuple):
    """
    The lag of one message.

    :ivar delay_ns: how much it exceeds the smallest lag until then.
    :ivar number: of the message.
    """

    arrival_ns: int
    lag_ns: int
    delay_ns: int
    number: int


def may_be_fast(rate: float) -> bool:
    """Return whether a clock may run at a rate over 1, if nothing else is known of it."""
    return rate <= 1 + A_LITTLE or rate >= OTHER_UNITS


class ClockRate:
    """The rate of the clock of one device, from the lags of some of its messages."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)
        self._usual_ns = inf  # between two messages while none is delayed
        self._learned_ns = 0

    def learn(self, sample: Sample, clock: DeviceClock) -> float:
        """
        Return the rate, which is 1.0 while the lags do not show another one.

        :param sample: of the next message.
        :param clock: as it is known until now.
        """
        self._samples.append(sample)
        if clock.rate != 1.0:
            return clock.rate if self._persists(clock) else 1.0
        if sample.delay_ns > clock.limit_ns // 2:
            return self._slow(clock)
        low_ns = clock.limit_ns // 8
        if sample.delay_ns <= low_ns and sample.arrival_ns - self._learned_ns >= USUAL_NS:
            self._learned_ns = sample.arrival_ns
            self._learn_usual(low_ns)
        rate = self._fast(clock.limit_ns)
        return rate if rate > 1.0 and may_be_fast(rate) else 1.0

    def _learn_usual(self, low_ns: int) -> None:
        """Learn the usual distance between messages."""
        samples = list(self._samples)
        low = [n for n, sample in enumerate(samples) if sample.delay_ns <= low_ns]
        calm = samples[low[0] : low[-1] + 1]
        if calm[-1].arrival_ns - calm[0].arrival_ns >= USUAL_NS:
            self._usual_ns = _distance_ns(calm)

    def _persists(self, clock: DeviceClock) -> bool:
        """Return whether the lags still change at the rate of the clock, or increase."""
        samples, limit_ns = self._samples, clock.limit_ns
        lags_ns = [sample.lag_ns for sample in samples]
        if len(samples) == SAMPLES and max(lags_ns) - min(lags_ns) <= limit_ns // 2:
            return False
        if clock.rate > 1.0:
            return True
        *before, last = samples
        growth = 1 - clock.rate
        # the rate is not known exactly
        limit_ns += (last.arrival_ns - samples[0].arrival_ns) // 100
        expected_ns = min(
            (s.lag_ns + growth * (last.arrival_ns - s.arrival_ns) for s in before),
            default=last.lag_ns,
        )
        return last.lag_ns >= expected_ns - limit_ns

    def _fast(self, limit_ns: int) -> float:
        """Return the rate if the lags fall evenly; those of messages that waited fall, too."""
        samples = list(self._samples)
        late = [n for n, sample in enumerate(samples) if sample.delay_ns > limit_ns // 2]
        return _rate(samples[late[-1] + 1 if late else 0 :], limit_ns // 2)

    def _slow(self, clock: DeviceClock) -> float:
        """Return the rate if the lags grow evenly, although no fewer messages arrive."""
        samples, limit_ns = list(self._samples), clock.limit_ns
        level_ns = clock.lag_ns + limit_ns // 4
        low = [n for n, sample in enumerate(samples) if sample.lag_ns <= level_ns]
        rise = samples[low[-1] if low else 0 :]
        rate = _rate(rise, limit_ns // 2)
        if rate >= 1.0:
            return 1.0
        distance_ns = _distance_ns(rise)
        if self._usual_ns < inf:
            # messages that wait longer and longer arrive less often
            is_clock = distance_ns <= self._usual_ns * (1 + (1 - rate) / 2)
        elif rate < 1 / OTHER_UNITS:
            is_clock = rate * distance_ns < LEAST_DISTANCE_NS
        else:
            is_clock = rate > 1 - A_LITTLE or clock.mode == 'receive'
        return rate if is_clock else 1.0


def _rate(samples: Sequence[Sample], least_ns: int) -> float:
    """
    Return the rate of a clock from samples of the lag, 1.0 if they do not change evenly.

    :param least_ns: the smallest change that counts.
    """
    size = len(samples) // PARTS
    if not size:
        return 1.0
    parts = [samples[-size * (number + 1) :][:size] for number in reversed(range(PARTS))]
    lags_ns = [min(sample.lag_ns for sample in part) for part in parts]
    change_ns = lags_ns[-1] - lags_ns[0]
    if abs(change_ns) < least_ns:
        return 1.0
    steps = [(after - before) / change_ns for before, after in pairwise(lags_ns)]
    if not all(0.1 <= step <= 0.5 for step in steps):
        return 1.0
    return 1 - change_ns / (parts[-1][0].arrival_ns - parts[0][0].arrival_ns)


def _distance_ns(samples: Sequence[Sample]) -> float:
    """Return the mean distance between the messages of a time; infinite if they are too few."""
    count = samples[-1].number - samples[0].number
    elapsed_ns = samples[-1].arrival_ns - samples[0].arrival_ns
    return elapsed_ns / count if count >= MIN_COUNT else inf

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Streams of poses from peers with all kinds of clocks, over networks that delay them.

Everything is computed: no clock is read, and nobody waits. A message is *late* by what the
scenario did to it, not by what the code under test says.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ros2_igtl.codec import timestamp
from ros2_igtl.convert.streams.peer_clock import (
    DRIFT_SHIFT,
    DeviceClock,
    PeerClock,
    Stamp,
    TimestampMode,
)
from ros2_igtl.convert.streams.timeliness import Timeliness

S, MS = 1_000_000_000, 1_000_000
EPOCH_NS = 1_700_000_000 * S
STEADY_NS = 5_000_000 * S  # our steady clock at the beginning
SKEW_NS = 50 * MS
NETWORK_NS = 200_000
UNKNOWN_NS = 2 * MS  # the delay of the fastest message, which nobody can know

Clock = Callable[[float], float | None]
"""The time that a peer's clock shows, from the true time, in seconds; None: no timestamp."""

Release = Callable[[float], float]
"""The time at which a network lets a message go, from the time of sending, in seconds."""


@dataclass
class OnTf:
    """A pose that is sent to tf: when it was sent and published, and its stamp; true time."""

    sent_ns: int
    published_ns: int
    stamp_ns: int


@dataclass
class Result:
    """The outcome of a scenario."""

    clock: DeviceClock
    delays_ns: dict[int, int] = field(default_factory=dict)  # by the time of sending
    on_tf: list[OnTf] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The part of the timely poses that is on tf."""
        timely = {sent_ns for sent_ns, delay_ns in self.delays_ns.items() if delay_ns <= SKEW_NS}
        return len(timely & {pose.sent_ns for pose in self.on_tf}) / len(timely)

    def late_on_tf(self, grain_s: float, delayed_s: float = 0.0) -> list[OnTf]:
        """
        Return the poses on tf that were late.

        :param grain_s: the steps of the clock; small ones hide as much of a delay.
        :param delayed_s: for how long all messages were late; in this time clocks drift apart.
        """
        grain_ns = round(grain_s * S)
        limit_ns = SKEW_NS + UNKNOWN_NS + (grain_ns if grain_ns < SKEW_NS else 0)
        limit_ns += round(delayed_s * S) >> DRIFT_SHIFT
        return [pose for pose in self.on_tf if self.delays_ns[pose.sent_ns] > limit_ns]

    @property
    def error_s(self) -> float:
        """The largest difference of a stamp from the true time of its pose."""
        return max(abs(pose.stamp_ns - pose.sent_ns) for pose in self.on_tf) / S


def play(
    clock: Clock,
    release: Release = lambda sent_s: 0.0,
    *,
    rate_hz: float = 60.0,
    duration_s: float = 20.0,
    offset_s: float = 0.0,
    mode: TimestampMode = 'auto',
    is_moving: bool = True,
    jitter_s: float = 0.0003,
) -> Result:
    """
    Return the outcome of a stream of poses.

    :param offset_s: of the peer's clock at the beginning.
    :param is_moving: whether the poses differ.
    :param jitter_s: mean of the network's usual delays, which are distributed exponentially.
    """
    random_ = random.Random(18944)
    timeliness = Timeliness(PeerClock(mode, 0, SKEW_NS))
    result = Result(timeliness.clock)
    desk = _Desk(timeliness, result)
    arrived_ns = 0
    for number in range(round(rate_hz * duration_s)):
        sent_s = number / rate_hz
        sent_ns = round(sent_s * S)
        usual_ns = sent_ns + NETWORK_NS + round(random_.expovariate(1 / jitter_s) * S)
        arrived_ns = max(usual_ns, round(release(sent_s) * S), arrived_ns + 1000)
        result.delays_ns[sent_ns] = arrived_ns - sent_ns
        shown_s = clock(sent_s)
        raw = 0
        if shown_s is not None:
            raw = timestamp.from_nanoseconds(EPOCH_NS + round((shown_s + offset_s) * S))
        desk.take(raw, number if is_moving else 0, sent_ns, arrived_ns)
    desk.release()
    return result


class _Desk:
    """Holds poses as the node does."""

    def __init__(self, timeliness: Timeliness, result: Result) -> None:
        self._timeliness = timeliness
        self._result = result
        self._held: tuple[Stamp, int, int, int] | None = None  # stamp, sent, arrived, until

    def take(self, raw: int, content: object, sent_ns: int, arrived_ns: int) -> None:
        if self._held is not None and self._held[3] <= arrived_ns:
            self.release()
        stamp, hold_ns = self._timeliness.judge(
            raw, content, STEADY_NS + arrived_ns, EPOCH_NS + arrived_ns
        )
        if self._held is not None:
            self._settle(stamp.fault, arrived_ns)
        if hold_ns > 0:
            self._held = stamp, sent_ns, arrived_ns, arrived_ns + hold_ns
        elif not stamp.fault:
            self._result.on_tf.append(OnTf(sent_ns, arrived_ns, stamp.ns - EPOCH_NS))

    def release(self) -> None:
        if self._held is not None:
            self._settle(self._timeliness.settle(), self._held[3])

    def _settle(self, fault: str, now_ns: int) -> None:
        assert self._held is not None
        stamp, sent_ns, arrived_ns, _ = self._held
        self._held = None
        if not fault:
            stamp_ns = arrived_ns if stamp.fault == 'late' else stamp.ns - EPOCH_NS
            self._result.on_tf.append(OnTf(sent_ns, now_ns, stamp_ns))


def in_steps(grain_s: float) -> Clock:
    """Return a clock that advances in steps."""
    return lambda true_s: math.floor(true_s / grain_s) * grain_s


def at_rate(rate: float) -> Clock:
    """Return a clock that runs too slowly or too fast."""
    return lambda true_s: rate * true_s


def set_at(when_s: float, by_s: float) -> Clock:
    """Return a clock that is set once."""
    return lambda true_s: true_s + (by_s if true_s > when_s else 0.0)


def frozen(begin_s: float, length_s: float) -> Release:
    """Return a network that holds everything for a time, and then lets it go at once."""
    return lambda sent_s: begin_s + length_s if begin_s <= sent_s < begin_s + length_s else 0.0


def stuttering(period_s: float, length_s: float) -> Release:
    """Return a network that holds everything again and again."""

    def release(sent_s: float) -> float:
        begin_s = math.floor(sent_s / period_s) * period_s
        return begin_s + length_s if begin_s and sent_s < begin_s + length_s else 0.0

    return release


def draining(begin_s: float, length_s: float, speed: float) -> Release:
    """Return a network that holds everything for a time, and then lets it go slowly."""

    def release(sent_s: float) -> float:
        if sent_s < begin_s:
            return 0.0
        return begin_s + length_s + (sent_s - begin_s) / speed

    return release


def swelling(begin_s: float, length_s: float, delay_s: float) -> Release:
    """Return a network whose delay grows evenly for a time, and is then gone."""

    def release(sent_s: float) -> float:
        part = (sent_s - begin_s) / length_s
        return sent_s + part * delay_s if 0.0 <= part < 1.0 else 0.0

    return release


def in_gulps(begin_s: float, length_s: float, gulps: int, pause_s: float) -> Release:
    """Return a network that holds everything for a time, and then lets it go bit by bit."""

    def release(sent_s: float) -> float:
        gulp = math.floor((sent_s - begin_s) / length_s * gulps)
        return begin_s + length_s + gulp * pause_s if 0 <= gulp < gulps else 0.0

    return release


def one_after_another(*releases: Release) -> Release:
    """Return a network that does several things."""
    return lambda sent_s: max(release(sent_s) for release in releases)


def detour(begin_s: float, delay_s: float) -> Release:
    """Return a network that delays everything from some time on."""
    return lambda sent_s: sent_s + delay_s if sent_s >= begin_s else 0.0


def saturated(begin_s: float, until_s: float, share: float, speed: float) -> Release:
    """
    Return a network that carries less than what is sent for a time, so that a queue grows.

    :param share: of the messages that it carries then.
    :param speed: at which the queue drains afterwards, in seconds of messages a second.
    """
    last_s = begin_s + (until_s - begin_s) * share  # sent when the first one left that drained

    def release(sent_s: float) -> float:
        if sent_s < begin_s:
            return 0.0
        return min(
            begin_s + (sent_s - begin_s) / share, max(until_s, until_s + (sent_s - last_s) / speed)
        )

    return release

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Shapes of a fuzzer: streams of poses from peers with all kinds of clocks, and delays."""

from __future__ import annotations

import math
import random
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from helpers.clock_scenarios import (
    Clock,
    Release,
    at_rate,
    detour,
    draining,
    frozen,
    in_steps,
    set_at,
    stuttering,
)
from helpers.live_peer import LivePeer
from helpers.live_poses import S, Sent, Track
from helpers.live_stage import Shape, Stage, Steps
from ros2_igtl.codec import timestamp

CALM_S = 1.5  # in which a device without a clock shows its usual distances
SURE_HOLD_S = 0.3  # holds that are known without a clock, too
SURE_GAPS = 10  # and are so many times longer than it was irregular before


@dataclass(frozen=True)
class ClockKind:
    """
    The clock of a peer.

    :ivar show: the time that it shows, from the true time; None: no timestamp.
    :ivar offset_s: what it differs from ours at the beginning.
    :ivar tells_time: whether it shows the time of a pose to within ``max_clock_skew``.
    :ivar grain_s: its steps.
    :ivar set_s: when it is set.
    """

    show: Clock
    offset_s: float = 0.0
    tells_time: bool = True
    grain_s: float = 0.0
    set_s: float = math.inf


def exact(true_s: float) -> float:
    """Return the true time."""
    return true_s


def unset(true_s: float) -> None:
    """Return no time."""


def stands(true_s: float) -> float:
    """Return always the same time."""
    return 0.0


def at_times(true_s: float) -> float | None:
    """Return the time, but not always."""
    return true_s if int(true_s * 7.0) % 3 else None


CLOCKS = {
    'exact': ClockKind(exact),
    'behind': ClockKind(exact, -3.0),
    'ahead': ClockKind(exact, 3600.0),
    'none': ClockKind(unset, tells_time=False),
    'fine steps': ClockKind(in_steps(0.02), grain_s=0.02),
    'whole seconds': ClockKind(in_steps(1.0), tells_time=False, grain_s=1.0),
}
"""Clocks beside delays."""

ODD_CLOCKS = {
    **CLOCKS,
    'quarter seconds': ClockKind(in_steps(0.25), 40.0, tells_time=False, grain_s=0.25),
    'stands still': ClockKind(stands, -5.0, tells_time=False),
    'slow': ClockKind(at_rate(0.98), tells_time=False),
    'half': ClockKind(at_rate(0.5), 7.0, tells_time=False),
    'fast': ClockKind(at_rate(1.02), tells_time=False),
    'very fast': ClockKind(at_rate(100.0), tells_time=False),
    'milliseconds': ClockKind(at_rate(1000.0), -9.0, tells_time=False),
    'set forward': ClockKind(set_at(2.0, 5.0), set_s=2.0),
    'set far forward': ClockKind(set_at(2.0, 3600.0), -2.0, set_s=2.0),
    'set back': ClockKind(set_at(2.0, -5.0), set_s=2.0),
    'set far back': ClockKind(set_at(2.0, -3600.0), 2.0, set_s=2.0),
    'at times': ClockKind(at_times, tells_time=False),
}


class Stream:
    """
    Poses of one device of a peer, which a network holds back.

    :param clock: of the peer.
    :param release: the network.
    :param settles: whether it delays only some, so that it can be known which.
    """

    def __init__(
        self, peer: LivePeer, device: str, clock: ClockKind, release: Release, settles: bool
    ) -> None:
        self._peer = peer
        self._device = device
        self._clock = clock
        self._release = release
        self._settles = settles
        self._track = self._new_track()
        self._set_s = clock.set_s
        self._begun_ns = time.time_ns()
        self._last_s = 0.0
        self._is_known = False  # the hold that is on, without a clock
        self._waiting: deque[tuple[float, bytes, Sent]] = deque()
        self._sent_s: deque[float] = deque(maxlen=64)  # when the last ones were, if not held

    def _new_track(self) -> Track:
        clock = self._clock
        grain_ns = round(clock.grain_s * S)
        return self._peer.track(self._device, tells_time=clock.tells_time, grain_ns=grain_ns)

    @property
    def sure_s(self) -> float:
        """The length of a hold that a device without a clock shows, as regular as it was."""
        gaps_s = [after - before for before, after in pairwise(self._sent_s)]
        if sum(gaps_s) < CALM_S:
            return math.inf
        return max(SURE_HOLD_S, SURE_GAPS * (max(gaps_s) - sum(gaps_s) / len(gaps_s)))

    @property
    def now_s(self) -> float:
        """The time of this stream."""
        return (time.time_ns() - self._begun_ns) / S

    @property
    def next_s(self) -> float | None:
        """When the next message is let go."""
        return self._waiting[0][0] if self._waiting else None

    def make(self) -> None:
        """Make the pose of now."""
        made_ns = time.time_ns()
        made_s = (made_ns - self._begun_ns) / S
        due_s = max(self._release(made_s), self._last_s, made_s)
        if due_s - made_s < 0.02:
            self._is_known = False
        elif not self._is_known:  # the first that is held
            self._is_known = self._settles and due_s - made_s > self.sure_s
        if due_s > made_s:
            self._sent_s.clear()
        else:
            self._sent_s.append(made_s)
        if made_s > self._set_s:  # how fast its poses are is not known any more
            self._set_s, self._track = math.inf, self._new_track()
        is_certain = self._clock.tells_time or self._is_known
        sent = self._peer.judge.make(self._track, made_ns, is_certain=is_certain)
        shown_s = self._clock.show(made_s)
        word = 0
        if shown_s is not None:
            shown_ns = self._begun_ns + round((shown_s + self._clock.offset_s) * S)
            word = timestamp.from_nanoseconds(shown_ns)
        self._last_s = due_s
        self._waiting.append((due_s, self._peer.pack(sent, self._device, word), sent))

    def send_due(self) -> None:
        """Send all that is let go by now, at once."""
        due = []
        while self._waiting and self._waiting[0][0] <= self.now_s:
            due.append(self._waiting.popleft())
        if due:
            data = b''.join(data for _, data, _ in due)
            self._peer.send(data, len(due), [sent for _, _, sent in due])


def stream(
    stage: Stage,
    device: str,
    clock: ClockKind,
    release: Release,
    *,
    rate_hz: float,
    duration_s: float,
    settles: bool = True,
) -> Steps:
    """Send poses for some seconds, and what is held behind them."""
    peer = stage.dial()
    line = Stream(peer, device, clock, release, settles)
    number, count = 0, round(rate_hz * duration_s)
    while (number < count or line.next_s is not None) and not peer.is_closed:
        if number < count and number / rate_hz <= line.now_s:
            line.make()
            number = max(number + 1, int(line.now_s * rate_hz))
        line.send_due()
        next_s = [number / rate_hz] if number < count else []
        if line.next_s is not None:
            next_s.append(line.next_s)
        if next_s:
            yield max(0.0, min(next_s) - line.now_s)
    yield from peer.finish()


def clocks(stage: Stage, rng: random.Random, *, name: str) -> Steps:
    """Send poses of a device whose clock is odd, or is set."""
    rate_hz = rng.choice((20.0, 25.0, 30.0))
    with stage.name('RowClock') as device:
        yield from stream(
            stage, device, ODD_CLOCKS[name], lambda sent_s: 0.0, rate_hz=rate_hz, duration_s=4.5
        )


def delays(stage: Stage, rng: random.Random, *, name: str) -> Steps:
    """Hold poses back for a while, and let them go at once, or slowly, or again and again."""
    kind = CLOCKS[rng.choice(sorted(CLOCKS))]
    length_s = min(rng.choice((0.1, 0.3, 0.5, 1.0, 3.0, 10.0)), max(1.0, stage.left_s / 4.0))
    begin_s = rng.choice((0.0, 2.5, 3.0))
    speed = rng.choice((2.0, 5.0, 10.0)) if name == 'drain' else 1e9
    caught_up_s = begin_s + length_s * speed / (speed - 1.0)
    duration_s = caught_up_s + 2.0
    network = draining(begin_s, length_s, speed)
    if name == 'hold':
        network = frozen(begin_s, length_s)
    elif name == 'again':
        network = stuttering(length_s + 3.0, length_s)
        duration_s = 2.0 * (length_s + 3.0) + 1.0
    elif name == 'detour':
        network = detour(begin_s, length_s)
    with stage.name('RowDelay') as device:
        yield from stream(
            stage,
            device,
            kind,
            network if name in ('again', 'detour') else _until(network, caught_up_s),
            rate_hz=rng.choice((20.0, 40.0)),
            duration_s=duration_s,
            settles=name != 'detour',
        )


def _until(release: Release, end_s: float) -> Release:
    """Return a network that holds nothing from some time on."""
    return lambda sent_s: release(sent_s) if sent_s < end_s else 0.0


NETWORKS = ('hold', 'drain', 'again', 'detour')
STREAM_SHAPES: dict[str, Shape] = {
    **{f'clock: {name}': partial(clocks, name=name) for name in ODD_CLOCKS},
    **{f'delay: {name}': partial(delays, name=name) for name in NETWORKS},
}

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Judges every pose on tf by what its sender knows, never by the code under test.

The sender knows when a pose was made and when its first byte was handed over; ROS says when the
node published it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from helpers.live_poses import BASE, MS, Party, S, Sent, Share, Track
from helpers.pose_ledger import PoseLedger

SKEW_NS = 50 * MS  # max_clock_skew
HOLD_NS = 100 * MS  # the longest that a pose which may be late is held
ON_THE_WAY_NS = 50 * MS  # within a busy machine
UNKNOWN_NS = 30 * MS  # the delay of the fastest message of a device, which nobody can know
TIMELY_NS = 10 * MS
SETTLE_NS = 1 * S  # then it is known all that a judgement needs
KEEP_NS = 90 * S
FIRST = 10  # poses, after which the usual distance between them is known
MAX_EXAMPLES = 20


class PoseJudge:
    """
    The poses that were made, and what is wrong with those on tf.

    :param others: the poses of messages that are not made here.
    :param clock_ns: says what time it is.
    :ivar faults: what is wrong, by kind.
    :ivar examples: the first of them in words.
    :ivar seen: how many poses were on tf.
    :ivar shares: by shape, of the poses that are forgotten by now.
    """

    def __init__(
        self, others: PoseLedger | None = None, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.others = others or PoseLedger()
        self.faults: Counter[str] = Counter()
        self.examples: list[str] = []
        self.seen = 0
        self.shares: dict[str, Share] = {}
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._parties = 0
        self._sent: dict[tuple[int, int], Sent] = {}
        self._order: deque[Sent] = deque()
        self._owners: dict[str, Track] = {}
        self._waiting: deque[tuple[int, Any]] = deque()

    def add_party(self, shape: str) -> Party:
        """Return a new session."""
        with self._lock:
            self._parties += 1
            return Party(BASE + self._parties, shape)

    def make(self, track: Track, made_ns: int | None = None, *, is_certain: bool = True) -> Sent:
        """Return a new pose, whose moment is now by default."""
        track.party.poses += 1
        made_ns = self._clock_ns() if made_ns is None else made_ns
        sent = Sent(track, track.party.poses, made_ns, is_certain)
        with self._lock:
            self._sent[sent.place[:2]] = sent
            self._order.append(sent)
        return sent

    def look(self, transform: Any, published_ns: int) -> None:
        """Take a pose that was on tf, to be judged when more is known."""
        self._waiting.append((published_ns, transform))

    def settle(self, *, is_end: bool = False) -> None:
        """Judge the poses about which all is known by now."""
        now_ns = self._clock_ns()
        while self._waiting and (is_end or self._waiting[0][0] < now_ns - SETTLE_NS):
            published_ns, transform = self._waiting.popleft()
            self._judge(transform, published_ns)
        while self._order and (is_end or self._order[0].made_ns < now_ns - KEEP_NS):
            with self._lock:
                sent = self._order.popleft()
                del self._sent[sent.place[:2]]
            self._count(sent)

    def accuse(self, fault: str, text: str) -> None:
        """Note a fault."""
        self.faults[fault] += 1
        if self.faults[fault] <= MAX_EXAMPLES:
            self.examples.append(f'{fault}: {text}')

    def _judge(self, transform: Any, published_ns: int) -> None:
        self.seen += 1
        sent = self._find(transform.transform)
        frames = transform.child_frame_id, transform.header.frame_id
        if sent is None:
            fault = self.others.fault_of(transform, published_ns)
            if fault:
                self.accuse(fault, f'{frames} {transform.transform}')
            return
        sent.seen, sent.delay_ns = sent.seen + 1, published_ns - sent.begun_ns
        for fault in self._faults(sent, frames, published_ns, stamp_of(transform)):
            self.accuse(fault, self._say(sent, frames, published_ns, transform))

    def _find(self, pose: Any) -> Sent | None:
        """Return the pose that was sent with these numbers."""
        t, q = pose.translation, pose.rotation
        x, y, z = (round(1000.0 * value) for value in (t.x, t.y, t.z))
        sent = self._sent.get((x, y))
        if sent is None or sent.place != (x, y, z) or (q.x, q.y, q.z, q.w) != (0.0, 0.0, 0.0, 1.0):
            return None
        exact = (t.x, t.y, t.z) == tuple(value / 1000.0 for value in sent.place)
        return sent if exact else None

    def _faults(
        self, sent: Sent, frames: tuple[str, str], published_ns: int, stamp_ns: int
    ) -> list[str]:
        """Return what is wrong with a pose on tf."""
        track, found = sent.track, []
        if sent.seen > 1:
            found.append('twice')
        if frames != track.frames:
            found.append('other_frame')
        if not track.is_wanted:
            found.append('not_wanted')
        if not sent.begun_ns or published_ns < sent.begun_ns:
            return [*found, 'before_it_was_sent']
        if self._is_foreign(track, frames[0], published_ns):
            found.append('other_peer')
        return found + self._faults_of_time(sent, published_ns, stamp_ns)

    def _faults_of_time(self, sent: Sent, published_ns: int, stamp_ns: int) -> list[str]:
        """
        Return what is wrong with the time of a pose on tf.

        Nobody can know by how much the fastest pose of a device was late; nor, without a clock,
        how long the first ones waited.
        """
        found, track = [], sent.track
        age_ns, off_ns = published_ns - sent.made_ns, abs(stamp_ns - sent.made_ns)
        track.fastest_ns = min(track.fastest_ns, age_ns)
        held_ns = sent.begun_ns - sent.made_ns
        ready_ns = track.party.ready_ns
        is_first = ready_ns is None or sent.begun_ns < ready_ns or sent.number <= FIRST
        if track.tells_time:
            unknown_ns = max(0, track.fastest_ns - UNKNOWN_NS)
        else:
            unknown_ns = age_ns if is_first else held_ns
        if sent.is_certain and held_ns - self._floor(sent) > SKEW_NS + UNKNOWN_NS + _small(track):
            found.append('late')
        elif age_ns - unknown_ns > SKEW_NS + HOLD_NS + ON_THE_WAY_NS + _small(track):
            found.append('late_in_the_node')
        if off_ns - unknown_ns > SKEW_NS + ON_THE_WAY_NS + track.grain_ns:
            found.append('stamp')
        return found

    def _floor(self, sent: Sent) -> int:
        """Return how long the fastest pose of its device was held, until soon after a pose."""
        if sent.begun_ns - sent.made_ns < SKEW_NS:
            return 0  # it does not matter
        return sent.track.floor_of(sent.begun_ns)

    def _is_foreign(self, track: Track, child: str, published_ns: int) -> bool:
        """Return whether a frame belongs to the session of another track, which is not closing."""
        owner = self._owners.get(child)
        if owner is not None and owner.party is not track.party:
            closing_ns = owner.party.closing_ns
            if closing_ns is None or published_ns < closing_ns:
                return True
        self._owners[child] = track
        return False

    def _count(self, sent: Sent) -> None:
        """Count a pose whose time is over."""
        party = sent.track.party
        if not sent.begun_ns or sent.done_ns - sent.made_ns > TIMELY_NS:
            return
        if party.closing_ns is not None and sent.done_ns > party.closing_ns - S:
            return  # it may have been lost with its session
        share = self.shares.setdefault(party.shape, Share())
        share.timely += 1
        if sent.seen:
            share.on_tf += 1
            if sent.track.is_measured:
                share.delays_ns.append(sent.delay_ns)

    def _say(self, sent: Sent, frames: tuple[str, str], published_ns: int, transform: Any) -> str:
        """Return all that is known of a pose, times in ms since it was made."""

        def ms(ns: int) -> str:
            return f'{(ns - sent.made_ns) / MS:.1f}'

        party = sent.track.party
        return (
            f'{party.shape} {party.number - BASE}/{sent.number} {frames} of {sent.track.frames} '
            f'handed over {ms(sent.begun_ns)}..{ms(sent.done_ns)} published {ms(published_ns)} '
            f'stamp {ms(stamp_of(transform))} ms'
        )


def stamp_of(transform: Any) -> int:
    """Return the stamp of a transform in nanoseconds."""
    return int(transform.header.stamp.sec) * S + int(transform.header.stamp.nanosec)


def _small(track: Track) -> int:
    """Return by how much a clock in small steps hides a delay."""
    return track.grain_ns if track.grain_ns < SKEW_NS else 0

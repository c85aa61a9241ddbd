# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Plays what peers do, several at a time in one thread: a shape yields how long it waits."""

from __future__ import annotations

import heapq
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeAlias

from helpers.live_peer import Door, LivePeer
from helpers.pose_judge import PoseJudge

Steps: TypeAlias = Iterator[float]
Shape: TypeAlias = 'Callable[[Stage, random.Random], Steps]'
"""What a peer, or several, do; they wait for the seconds that it yields."""

LONGEST_WAIT_S = 0.02  # then what the node has sent is received
SETTLE_S = 0.2  # between two looks of the judge


class Stage:
    """
    What shapes need: the node's connections, the judge, and how much time is left.

    :param judge: of the poses.
    :param doors: the connections of the node, by name.
    :param props: what else a shape uses, by name.
    :param end_s: when the time is over, by time.monotonic().
    :ivar played: how often each shape was played.
    """

    def __init__(
        self,
        judge: PoseJudge,
        doors: Mapping[str, Door],
        props: Mapping[str, Any],
        end_s: float,
    ) -> None:
        self.judge = judge
        self.doors = doors
        self.props = props
        self.end_s = end_s
        self.played: Counter[str] = Counter()
        self.longest_stall_s = 0.0
        self._shape = ''
        self._peers: list[LivePeer] = []
        self._names: set[str] = set()

    @property
    def left_s(self) -> float:
        """The seconds that are left."""
        return self.end_s - time.monotonic()

    @contextmanager
    def name(self, prefix: str) -> Iterator[str]:
        """Provide a device name that no other shape uses now, and another did before."""
        number = next(n for n in count() if f'{prefix}{n}' not in self._names)
        name = f'{prefix}{number}'
        self._names.add(name)
        try:
            yield name
        finally:
            self._names.remove(name)

    def dial(self, door: str = 'open', **options: Any) -> LivePeer:
        """Return a new session with a connection of the node."""
        peer = LivePeer(self.judge, self.doors[door], self._shape, **options)
        self._peers.append(peer)
        return peer

    def play(self, groups: Sequence[tuple[int, Mapping[str, Shape]]], seed: int) -> None:
        """
        Play each shape once, then any of them until the time is over.

        :param groups: shapes by name, and how many of them are played at a time.
        """
        heap: list[tuple[float, int, str, _Group, Steps]] = []
        all_groups = [
            _Group(at_a_time, shapes, random.Random(f'{seed}/{number}'))
            for number, (at_a_time, shapes) in enumerate(groups)
            if shapes
        ]
        turn, settle_s = 0, 0.0
        while True:
            for group in all_groups:
                while group.free and (group.names or self.left_s > 0):
                    name = group.names.popleft() if group.names else group.choose()
                    steps = group.shapes[name](self, random.Random(f'{seed}/{name}/{turn}'))
                    heapq.heappush(heap, (time.monotonic(), turn, name, group, steps))
                    self.played[name] += 1
                    group.free -= 1
                    turn += 1
            if not heap:
                break
            now_s = time.monotonic()
            due_s, number, name, group, steps = heap[0]
            if due_s <= now_s:
                self._shape = name
                wait_s = next(steps, None)
                if wait_s is None:
                    heapq.heappop(heap)
                    group.free += 1
                else:
                    heapq.heapreplace(heap, (now_s + wait_s, number, name, group, steps))
            else:
                self._sleep(min(due_s - now_s, LONGEST_WAIT_S))
            if now_s > settle_s:
                settle_s = now_s + SETTLE_S
                self._settle()

    def _sleep(self, wait_s: float) -> None:
        due_s = time.monotonic() + wait_s
        time.sleep(wait_s)
        self.longest_stall_s = max(self.longest_stall_s, time.monotonic() - due_s)

    def _settle(self) -> None:
        """Receive what the node has sent, and judge the poses on tf."""
        self._peers = [peer for peer in self._peers if not peer.is_closed]
        for peer in self._peers:
            peer.receive()
        self.judge.settle()


class _Group:
    """Shapes of which so many are played at a time."""

    def __init__(self, free: int, shapes: Mapping[str, Shape], rng: random.Random) -> None:
        self.free = free
        self.shapes = shapes
        self.names = deque(shapes)  # not played yet
        self._rng = rng

    def choose(self) -> str:
        """Return any of them."""
        return self._rng.choice(sorted(self.shapes))

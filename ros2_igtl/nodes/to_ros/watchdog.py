# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Detects devices and tools of one connection that have fallen silent.

Good samples arrive on the I/O thread and the worker; the I/O thread checks for silence, on the
steady clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.to_ros.frame_tree import MAX_FRAMES, MAX_FRAMES_OF_PEER
from ros2_igtl.nodes.to_ros.room import Room

CHECKS_A_TIMEOUT = 4  # so that stale is reported at most a quarter of the time-out late
MIN_PERIOD_S, MAX_PERIOD_S = 0.005, 0.25
MAX_WATCHED_OF_PEER, MAX_WATCHED = MAX_FRAMES_OF_PEER, MAX_FRAMES  # each tool is a frame

CallSoon: TypeAlias = Callable[[float, Callable[[], None]], None]
"""Calls a function on the I/O thread after a number of seconds; on any thread."""


@dataclass(slots=True, eq=False)
class Watched:
    """
    A watched device, or a tool of one.

    :ivar device: the device.
    :ivar tool: its frame; empty if the device is watched as a whole.
    :ivar peer: the sender.
    :ivar pool: of the room that it takes.
    :ivar timeout_s: how long it may be silent; 0: without limit.
    :ivar last_s: steady clock at its last good sample.
    :ivar fault: why it cannot be trusted: ``stale: ...`` or the peer's report; empty if it can.
    """

    device: Hashable
    tool: str
    peer: Peer
    pool: Hashable
    timeout_s: float
    last_s: float
    fault: str = ''

    @property
    def is_stale(self) -> bool:
        """Whether it is silent, in contrast to a fault that the peer reported."""
        return self.fault.startswith('stale')

    @property
    def age_s(self) -> float:
        """Seconds since the last good sample."""
        return time.monotonic() - self.last_s


class Watchdog:
    """
    Reports once when a device or tool can no longer be trusted, and once when it can again.

    Every method may be called on any thread.

    :param call_soon: schedules the next check.
    :param report: called when a fault begins or ends, while the watchdog is locked.
    """

    def __init__(self, call_soon: CallSoon, report: Callable[[Watched], None]) -> None:
        self._call_soon = call_soon
        self._report = report
        self._lock = threading.RLock()  # of the attributes below
        self._tools: dict[Hashable, dict[str, Watched]] = {}  # by device
        self._room = Room(MAX_WATCHED_OF_PEER, MAX_WATCHED)
        self._lost: dict[Watched, None] = {}  # of disconnected peers, the oldest first
        self._period_s = 0.0  # 0: no checks
        self._round = 0  # scheduled checks of an earlier round are ignored

    def feed(
        self, device: Hashable, tool: str, peer: Peer, timeout_s: float, pool: Hashable = None
    ) -> Watched | None:
        """
        Note a good sample; return None if there are too many tools to watch this one.

        :param timeout_s: longest time until the next sample; 0: without limit.
        :param pool: of the room that a new tool takes; always the same for a device.
        """
        with self._lock:
            tools = self._tools.get(device, {})
            watched = tools.get(tool)
            if watched is None:
                if tool and '' in tools:  # the tools of the device are known now
                    self._drop(tools[''])
                watched = self._watch(device, tool, peer, pool, timeout_s)
                if watched is None:
                    return None
                self._look_after(timeout_s)
                self._report(watched)
                return watched
            if watched.peer is not peer:
                self._move(watched, peer)
            if watched.timeout_s != timeout_s:
                watched.timeout_s = timeout_s
                self._look_after(timeout_s)
            watched.last_s = time.monotonic()
            if watched.fault:
                watched.fault = ''
                self._report(watched)
            return watched

    def mark_faulty(
        self, device: Hashable, tool: str, peer: Peer, fault: str, pool: Hashable = None
    ) -> None:
        """
        Note that the peer itself reports a fault.

        :param tool: empty for a device without known tools.
        :param fault: the peer's report.
        :param pool: as for :meth:`feed`.
        """
        with self._lock:
            watched = self._tools.get(device, {}).get(tool)
            watched = watched or self._watch(device, tool, peer, pool, 0.0)
            if watched is not None:
                self._set_fault(watched, fault)

    def peer_lost(self, peer: Peer) -> None:
        """Mark all devices of a disconnected peer as stale; they make room for those of others."""
        with self._lock:
            self._room.leave(peer)
            for watched in self._all():
                if watched.peer is not peer:
                    continue
                self._lost[watched] = None
                if not watched.is_stale:
                    self._set_fault(watched, f'stale: {peer.name} has disconnected')

    def forget(self, device: Hashable) -> None:
        """Forget a device and its tools; nothing is reported of them after this."""
        with self._lock:
            for watched in list(self._tools.get(device, {}).values()):
                self._drop(watched)

    def of(self, device: Hashable) -> Sequence[Watched]:
        """Return the watched tools of a device, or the device itself."""
        with self._lock:
            return list(self._tools.get(device, {}).values())

    def stop(self) -> None:
        """Stop checking; may be called twice."""
        with self._lock:
            self._round += 1
            self._period_s = 0.0

    def check(self) -> None:
        """Report devices and tools as stale that have been silent too long."""
        now = time.monotonic()
        with self._lock:
            for watched in self._all():
                is_silent = watched.timeout_s and now - watched.last_s > watched.timeout_s
                if is_silent and not watched.fault:
                    self._set_fault(watched, f'stale: no good sample for {watched.timeout_s:g} s')

    def _watch(
        self, device: Hashable, tool: str, peer: Peer, pool: Hashable, timeout_s: float
    ) -> Watched | None:
        """Begin to watch a tool; return None if there are too many."""
        room = self._room
        if room.is_full(pool):
            self._drop(next(watched for watched in self._lost if watched.pool == pool))
        if room.lacks(pool, peer):
            return None
        room.take(pool, peer)
        watched = Watched(device, tool, peer, pool, timeout_s, time.monotonic())
        self._tools.setdefault(device, {})[tool] = watched
        if peer.is_gone:  # its message waited
            self._lost[watched] = None
        return watched

    def _move(self, watched: Watched, peer: Peer) -> None:
        """Note that another peer sends a tool now."""
        self._room.move(watched.pool, watched.peer, peer)
        watched.peer = peer
        self._lost.pop(watched, None)
        if peer.is_gone:
            self._lost[watched] = None

    def _drop(self, watched: Watched) -> None:
        """End the watch of a tool."""
        self._room.give_back(watched.pool, watched.peer)
        self._lost.pop(watched, None)
        tools = self._tools[watched.device]
        del tools[watched.tool]
        if not tools:
            del self._tools[watched.device]

    def _all(self) -> Iterator[Watched]:
        for tools in self._tools.values():
            yield from tools.values()

    def _set_fault(self, watched: Watched, fault: str) -> None:
        if watched.fault != fault:
            watched.fault = fault
            self._report(watched)

    def _look_after(self, timeout_s: float) -> None:
        """Make sure that checks are frequent enough for a time-out."""
        if not timeout_s:
            return
        period_s = min(MAX_PERIOD_S, max(MIN_PERIOD_S, timeout_s / CHECKS_A_TIMEOUT))
        if not self._period_s or period_s < self._period_s:
            self._round += 1
            self._period_s = period_s
            self._schedule(self._round)

    def _schedule(self, number: int) -> None:
        self._call_soon(self._period_s, lambda: self._look(number))

    def _look(self, number: int) -> None:
        with self._lock:
            if number == self._round:
                self._schedule(number)
                self.check()

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which devices and tools of one connection have fallen silent; what is done about it is elsewhere.

Good samples come from the I/O thread and from the worker; silence is looked for on the I/O thread,
by the steady clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ros2_igtl.nodes.peer import Peer

CHECKS_A_TIMEOUT = 4  # so that stale is said at most a quarter of the time-out late
MIN_PERIOD_S, MAX_PERIOD_S = 0.005, 0.25
MAX_WATCHED = 2000  # a peer that makes up tools must not make us watch without end

CallSoon: TypeAlias = Callable[[float, Callable[[], None]], None]
"""Calls a function on the I/O thread after a number of seconds; on any thread."""


@dataclass(slots=True, eq=False)
class Watched:
    """
    A device, or a tool of one, that must not be silent.

    :ivar device: the device.
    :ivar tool: its frame; empty if the device is watched as a whole.
    :ivar peer: who sends it.
    :ivar timeout_s: how long it may be silent; 0: for ever.
    :ivar last_s: steady clock at its last good sample.
    :ivar fault: why it cannot be trusted: ``stale: ...``, or what its peer says; empty: it can.
    """

    device: Hashable
    tool: str
    peer: Peer
    timeout_s: float
    last_s: float
    fault: str = ''

    @property
    def is_stale(self) -> bool:
        """Whether it is silent, and not only said to be in trouble."""
        return self.fault.startswith('stale')

    @property
    def age_s(self) -> float:
        """Seconds since the last good sample."""
        return time.monotonic() - self.last_s


class Watchdog:
    """
    Reports once when a device or tool cannot be trusted any more, and once when it can again.

    Every method may be called on any thread.

    :param call_soon: schedules the next look.
    :param report: is called when a fault begins or ends, while the watchdog is locked.
    """

    def __init__(self, call_soon: CallSoon, report: Callable[[Watched], None]) -> None:
        self._call_soon = call_soon
        self._report = report
        self._lock = threading.RLock()  # of what follows
        self._tools: dict[Hashable, dict[str, Watched]] = {}  # of each device
        self._count = 0
        self._period_s = 0.0  # 0: nothing is looked for
        self._round = 0  # a look that belongs to an earlier round is out of date

    def feed(self, device: Hashable, tool: str, peer: Peer, timeout_s: float) -> Watched | None:
        """
        Note a good sample; return what is watched, None if there are too many.

        :param timeout_s: until when the next has to come; 0: for ever.
        """
        with self._lock:
            tools = self._tools.setdefault(device, {})
            watched = tools.get(tool)
            if watched is None:
                if tool and '' in tools:  # now it is known which tools the device has
                    del tools['']
                    self._count -= 1
                watched = self._watch(device, tool, peer, timeout_s)
                if watched is None:
                    return None
                self._look_after(timeout_s)
                self._report(watched)
                return watched
            watched.peer = peer
            if watched.timeout_s != timeout_s:
                watched.timeout_s = timeout_s
                self._look_after(timeout_s)
            watched.last_s = time.monotonic()
            if watched.fault:
                watched.fault = ''
                self._report(watched)
            return watched

    def mark_faulty(self, device: Hashable, tool: str, peer: Peer, fault: str) -> None:
        """
        Note that the peer itself says a pose is bad.

        :param tool: empty if it is about the device, of which no tool is known yet.
        :param fault: what the peer says.
        """
        with self._lock:
            watched = self._tools.get(device, {}).get(tool)
            watched = watched or self._watch(device, tool, peer, 0.0)
            if watched is not None:
                self._set_fault(watched, fault)

    def peer_lost(self, peer: Peer) -> None:
        """Note that a peer has gone, and all its devices with it."""
        with self._lock:
            for watched in self._all():
                if watched.peer is peer and not watched.is_stale:
                    self._set_fault(watched, f'stale: {peer.name} has gone')

    def of(self, device: Hashable) -> Sequence[Watched]:
        """Return the device and its tools, as far as they are watched."""
        with self._lock:
            return list(self._tools.get(device, {}).values())

    def stop(self) -> None:
        """Look for nothing any more; may be called twice."""
        with self._lock:
            self._round += 1
            self._period_s = 0.0

    def check(self) -> None:
        """Report as stale whatever has been silent for too long."""
        now = time.monotonic()
        with self._lock:
            for watched in self._all():
                is_silent = watched.timeout_s and now - watched.last_s > watched.timeout_s
                if is_silent and not watched.fault:
                    self._set_fault(watched, f'stale: no good sample for {watched.timeout_s:g} s')

    def _watch(self, device: Hashable, tool: str, peer: Peer, timeout_s: float) -> Watched | None:
        """Watch something from now on; None if there is too much already."""
        if self._count >= MAX_WATCHED:
            return None
        self._count += 1
        watched = Watched(device, tool, peer, timeout_s, time.monotonic())
        self._tools.setdefault(device, {})[tool] = watched
        return watched

    def _all(self) -> Iterator[Watched]:
        for tools in self._tools.values():
            yield from tools.values()

    def _set_fault(self, watched: Watched, fault: str) -> None:
        if watched.fault != fault:
            watched.fault = fault
            self._report(watched)

    def _look_after(self, timeout_s: float) -> None:
        """Check often enough for a time-out."""
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

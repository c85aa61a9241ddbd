# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which devices and tools of one connection have fallen silent; what is done about it is not here.

Everything here runs on the I/O thread, by the steady clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CHECKS_A_TIMEOUT = 4  # so that stale is said at most a quarter of the time-out late
MIN_PERIOD_S, MAX_PERIOD_S = 0.005, 0.25
MAX_WATCHED = 2000  # a peer that makes up tools must not make us watch without end


@dataclass(slots=True, eq=False)
class Watched:
    """
    A device, or a tool of one, that must not be silent.

    :ivar device: whose it is.
    :ivar tool: its frame; empty if the device is watched as a whole.
    :ivar peer: who sends it.
    :ivar timeout_s: how long it may be silent; 0: for ever.
    :ivar last_s: steady clock at its last good sample.
    :ivar fault: why it is not to be trusted: ``stale: ...``, or what its peer says; empty: it is.
    """

    device: Hashable
    tool: str
    peer: str
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
    Tells once when a device or tool is not to be trusted any more, and once when it is again.

    :param call_later: of the I/O thread's loop; returns a handle with ``cancel``.
    :param report: is called when a fault begins or ends.
    """

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], Any],
        report: Callable[[Watched], None],
    ) -> None:
        self._call_later = call_later
        self._report = report
        self._tools: dict[Hashable, dict[str, Watched]] = {}  # of each device
        self._count = 0
        self._timer: Any = None
        self._period_s = MAX_PERIOD_S

    def feed(self, device: Hashable, tool: str, peer: str, timeout_s: float) -> bool:
        """
        Take note of a good sample; return whether it is watched: not so if there are too many.

        :param timeout_s: until when the next has to come; 0: for ever.
        """
        tools = self._tools.setdefault(device, {})
        watched = tools.get(tool)
        if watched is None:
            if tool and '' in tools:  # now it is known which tools the device has
                del tools['']
                self._count -= 1
            watched = self._watch(device, tool, peer, timeout_s)
            if watched is None:
                return False
            self._look_after(timeout_s)
            self._report(watched)
            return True
        watched.peer = peer
        if watched.timeout_s != timeout_s:
            watched.timeout_s = timeout_s
            self._look_after(timeout_s)
        watched.last_s = time.monotonic()
        if watched.fault:
            watched.fault = ''
            self._report(watched)
        return True

    def accuse(self, device: Hashable, tool: str, peer: str, fault: str) -> None:
        """
        Take note that the peer does not vouch for a pose.

        :param tool: empty if it is about the device, of which no tool is known yet.
        :param fault: what it says of it.
        """
        watched = self._tools.get(device, {}).get(tool) or self._watch(device, tool, peer, 0.0)
        if watched is not None:
            self._set_fault(watched, fault)

    def lose(self, peer: str) -> None:
        """Take note that a peer has gone, and with it all that it sends."""
        for watched in self._all():
            if watched.peer == peer and not watched.is_stale:
                self._set_fault(watched, f'stale: {peer} has gone')

    def of(self, device: Hashable) -> Sequence[Watched]:
        """Return the device and its tools, as far as they are watched; from any thread."""
        return list(self._tools.get(device, {}).values())

    def stop(self) -> None:
        """Watch no more; may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self, device: Hashable, tool: str, peer: str, timeout_s: float) -> Watched | None:
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
        period_s = max(MIN_PERIOD_S, timeout_s / CHECKS_A_TIMEOUT)
        if self._timer is None or period_s < self._period_s:
            self.stop()
            self._period_s = min(period_s, MAX_PERIOD_S)
            self._timer = self._call_later(self._period_s, self._check_again)

    def check(self) -> None:
        """Say of whatever has been silent for too long that it is stale."""
        now = time.monotonic()
        for watched in self._all():
            is_silent = watched.timeout_s and now - watched.last_s > watched.timeout_s
            if is_silent and not watched.fault:
                self._set_fault(watched, f'stale: no good sample for {watched.timeout_s:g} s')

    def _check_again(self) -> None:
        self._timer = self._call_later(self._period_s, self._check_again)
        self.check()

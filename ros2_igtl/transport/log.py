# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The log of the transport, which escapes control characters and suppresses repetitions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ros2_igtl.codec import escape

logger = logging.getLogger('ros2_igtl.transport')

REPEAT_S = 10.0  # a peer that sends invalid messages at 1 kHz must not fill the disk
MAX_KEYS = 1000  # invalid messages with ever new names must not fill the memory

# In any second a connection logs at most BURST_BYTES + BYTES_A_SECOND, 10 kB.
BURST_BYTES = 7000  # the lines of some forty devices that begin at once
BYTES_A_SECOND = 3000
GRAVE_BYTES = 1000  # of the burst, for errors
QUIET_BYTES = 5000  # a flood is over if so much of the burst is there again
MAX_LINE_BYTES = 500
PREFIX_BYTES = 50  # severity, time and node, which ROS puts before each line


def printable(line: str) -> str:
    """Return a line unchanged, or escaped if it has a character that cannot be printed."""
    return line if line.isprintable() else escape(line)


def shorten(line: str) -> str:
    """Return a line of at most ``MAX_LINE_BYTES`` characters."""
    return line if len(line) <= MAX_LINE_BYTES else f'{line[: MAX_LINE_BYTES - 3]}...'


class Allowance:
    """
    The bytes that may be logged about one connection; every method may be called on any thread.

    At most 10 kB in any second. Errors have a part of it that nothing else uses.

    :param name: of the connection, for the line that says how many lines were left out.
    :param clock: seconds, steady.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()  # of the attributes below
        self._room = float(BURST_BYTES)
        self._filled_at = clock()
        self._left_out = 0
        self._left_out_since = 0.0

    def take(self, line: str, *, is_grave: bool) -> bool:
        """
        Return whether a line may be logged now; if not, it is counted.

        :param is_grave: no flood of other lines may suppress it.
        """
        size = PREFIX_BYTES + len(line.encode('utf-8', 'replace'))
        with self._lock:
            self._fill()
            if self._room - size < (0 if is_grave else GRAVE_BYTES):
                self._left_out += 1
                return False
            self._room -= size
        return True

    def flush(self) -> None:
        """Log how many lines were left out, if the flood is over or goes on for long."""
        with self._lock:
            count, now = self._left_out, self._fill()
            if not count:
                self._left_out_since = now
                return
            if self._room < QUIET_BYTES and now - self._left_out_since < REPEAT_S:
                return
            self._left_out, self._left_out_since = 0, now
            self._room -= MAX_LINE_BYTES
        logger.warning('%s: %d more lines were not logged', self._name, count)

    def _fill(self) -> float:
        """Add the bytes of the time since the last call; return the time of this one."""
        now = self._clock()
        gained = (now - self._filled_at) * BYTES_A_SECOND
        self._room = min(BURST_BYTES, self._room + gained)
        self._filled_at = now
        return now


class Throttle:
    """
    Logs the first line of a key, then one line every ``REPEAT_S`` with the count.

    Every method may be called on any thread.
    """

    def __init__(self, allowance: Allowance, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Start without logged lines.

        :param allowance: of the connection.
        :param clock: seconds, steady.
        """
        self.allowance = allowance
        self._clock = clock
        self._lock = threading.Lock()  # of the attribute below
        # errors in a room of their own, so that nothing else makes them forgotten
        self._logged: dict[bool, dict[object, tuple[float, int]]] = {False: {}, True: {}}

    def log(
        self,
        level: int,
        key: object,
        text: str,
        *,
        is_grave: bool = False,
        error: Exception | None = None,
    ) -> None:
        """
        Log a line unless one with this key was logged a short time ago.

        :param key: identifies repetitions, e.g. a peer's host and a cause.
        :param text: one line; names in it are escaped already.
        :param is_grave: whether a flood of other lines must not suppress it, as with errors.
        :param error: logged with its traceback.
        """
        now = self._clock()
        is_grave |= level >= logging.ERROR
        logged = self._logged[is_grave]
        with self._lock:
            logged_at, suppressed = logged.get(key, (None, 0))
            if logged_at is not None and now - logged_at < REPEAT_S:
                logged[key] = (logged_at, suppressed + 1)
                return
        suffix = f' ({suppressed} more like this were not logged)' if suppressed else ''
        line = shorten(printable(text)) + suffix
        if not self.allowance.take(line, is_grave=is_grave):
            return
        with self._lock:
            logged.pop(key, None)  # the oldest first
            if len(logged) >= MAX_KEYS:
                del logged[next(iter(logged))]
            logged[key] = (now, 0)
        logger.log(level, '%s', line, exc_info=error)

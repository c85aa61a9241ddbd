# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The log of the transport, which escapes control characters and suppresses repetitions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ros2_igtl.codec import escape

logger = logging.getLogger('ros2_igtl.transport')

REPEAT_S = 10.0  # a peer that sends invalid messages at 1 kHz must not fill the disk
MAX_KEYS = 1000  # invalid messages with ever new names must not fill the memory


def printable(line: str) -> str:
    """Return a line unchanged, or escaped if it has a character that cannot be printed."""
    return line if line.isprintable() else escape(line)


class Throttle:
    """Logs the first line of a key, then one line every ``REPEAT_S`` with the count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Start without logged lines.

        :param clock: seconds, steady.
        """
        self._clock = clock
        self._logged: dict[object, tuple[float, int]] = {}

    def log(self, level: int, key: object, text: str) -> None:
        """
        Log a line unless one with this key was logged a short time ago.

        :param key: identifies repetitions, e.g. a peer's host and a cause.
        :param text: one line; names in it are escaped already.
        """
        now = self._clock()
        logged_at, suppressed = self._logged.get(key, (None, 0))
        if logged_at is not None and now - logged_at < REPEAT_S:
            self._logged[key] = (logged_at, suppressed + 1)
            return
        if len(self._logged) >= MAX_KEYS:
            self._logged.clear()
        self._logged[key] = (now, 0)
        suffix = f' ({suppressed} more like this were not logged)' if suppressed else ''
        logger.log(level, '%s%s', printable(text), suffix)

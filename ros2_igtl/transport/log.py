# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The log of the transport: control characters escaped, repetitions held back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ros2_igtl.codec import escape

logger = logging.getLogger('ros2_igtl.transport')

REPEAT_S = 10.0  # a peer that sends rubbish at 1 kHz must not fill the disk
MAX_KEYS = 1000  # nor the memory by giving each piece of rubbish another name


def printable(line: str) -> str:
    """Return a line unchanged, or escaped if it has a character that cannot be printed."""
    return line if line.isprintable() else escape(line)


class Throttle:
    """Lets the first line of a key through, then one every ``REPEAT_S`` with the count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Start with nothing said.

        :param clock: seconds, steady.
        """
        self._clock = clock
        self._said: dict[object, tuple[float, int]] = {}

    def log(self, level: int, key: object, text: str) -> None:
        """
        Log a line unless one with this key was logged a short time ago.

        :param key: what counts as the same, e.g. a peer's host and a cause.
        :param text: one line; names in it are escaped already.
        """
        now = self._clock()
        said_at, held_back = self._said.get(key, (None, 0))
        if said_at is not None and now - said_at < REPEAT_S:
            self._said[key] = (said_at, held_back + 1)
            return
        if len(self._said) >= MAX_KEYS:
            self._said.clear()
        self._said[key] = (now, 0)
        suffix = f' ({held_back} more like this were not logged)' if held_back else ''
        logger.log(level, '%s%s', printable(text), suffix)

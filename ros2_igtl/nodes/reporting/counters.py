# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a connection's node counts; every message has exactly one outcome."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcomes:
    """
    What became of messages in one direction.

    ``received`` + ``contained`` = ``done`` + ``replaced`` + the sums of ``rejected`` and
    ``skipped``.

    :ivar done: published on ROS, answered or noted; or handed to the transport.
    :ivar replaced: overtaken by newer ones before its subscribers were connected.
    :ivar rejected: refused, by cause.
    :ivar skipped: not ours, by cause.
    :ivar contained: came in another message, which is done when it is taken apart.
    """

    received: int = 0
    done: int = 0
    replaced: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    contained: int = 0

    def take(self, take: Callable[[], str]) -> bool:
        """
        Count a message that has come by what becomes of it; return whether it is done.

        :param take: does with it what is to be done, and returns why it is skipped, or nothing.
            What it raises is a fault of ours: it is counted, and raised on.
        """
        self.received += 1
        try:
            cause = take()
        except Exception:
            self.rejected['internal_error'] += 1
            raise  # the transport logs it, and closes this session only
        if cause:
            self.skipped[cause] += 1
        else:
            self.done += 1
        return not cause


class Rate:
    """The rate of the last few seconds and the age of the last event, on the steady clock."""

    WINDOW_S = 5.0

    def __init__(self) -> None:
        self.count = 0
        self.last_s: float | None = None
        self._marks: deque[tuple[float, int]] = deque()

    def tick(self) -> None:
        """Count one event, now."""
        now = time.monotonic()
        self.count += 1
        self.last_s = now
        marks = self._marks
        if not marks or now - marks[-1][0] >= 0.1:  # bounded at any rate
            marks.append((now, self.count))
            while now - marks[0][0] > self.WINDOW_S:
                marks.popleft()

    @property
    def age_s(self) -> float | None:
        """Seconds since the last event, None before the first."""
        return None if self.last_s is None else time.monotonic() - self.last_s

    @property
    def hz(self) -> float:
        """Events a second over the window, 0 when the last is older than that."""
        marks = list(self._marks)
        now = time.monotonic()
        if len(marks) < 2 or self.last_s is None or now - self.last_s > self.WINDOW_S:
            return 0.0
        elapsed = self.last_s - marks[0][0]
        return (self.count - marks[0][1]) / elapsed if elapsed > 0.0 else 0.0


def by_cause(what: str, counter: Mapping[str, int]) -> dict[str, int]:
    """Return counts by names such as ``rejected crc``."""
    return {f'{what} {cause}': count for cause, count in sorted(counter.items())}

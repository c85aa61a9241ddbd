# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The counters of a connection; every message has exactly one outcome."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcomes:
    """
    The outcomes of messages in one direction.

    ``received`` + ``contained`` = ``done`` + ``late`` + ``replaced`` + ``publish_failed`` + the
    sums of ``rejected`` and ``skipped``.

    :ivar done: published on ROS, answered or noted; or passed to the transport.
    :ivar late: poses published on their topics, but not on tf, because they were late.
    :ivar replaced: replaced by newer messages before the subscribers were connected.
    :ivar rejected: invalid or not allowed, by cause.
    :ivar skipped: not needed, by cause.
    :ivar contained: arrived inside another message, which counts as done itself.
    :ivar tf_withheld: poses published on their topic but not on tf, because their stamp was not
        newer than the last one's or lay in the future, or because their frame was refused.
    :ivar publish_failed: ROS could not publish them.
    """

    received: int = 0
    done: int = 0
    replaced: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    contained: int = 0
    late: int = 0
    tf_withheld: int = 0
    publish_failed: int = 0

    def add(self, other: Outcomes) -> None:
        """Add the counts of another."""
        self.received += other.received
        self.done += other.done
        self.late += other.late
        self.replaced += other.replaced
        self.publish_failed += other.publish_failed
        self.contained += other.contained
        self.tf_withheld += other.tf_withheld
        # copies, since another thread may add causes
        self.rejected.update(dict(other.rejected))
        self.skipped.update(dict(other.skipped))

    def settle(self, cause: str) -> None:
        """
        Count a message as done, or as skipped.

        :param cause: why it is skipped; empty if it is done.
        """
        if cause:
            self.skipped[cause] += 1
        else:
            self.done += 1


class Tally(threading.local):
    """
    Outcomes counted on several threads: each thread has its own counters, and readers add them up.

    So no count is lost, and no thread waits for a lock.

    :ivar here: the outcomes of the calling thread.
    :param threads: an empty list, which collects the outcomes of all threads.
    """

    def __init__(self, threads: list[Outcomes]) -> None:
        # runs once in each thread that uses the object, with the same list
        self.here = Outcomes()
        self._threads = threads
        threads.append(self.here)

    def total(self) -> Outcomes:
        """Return the sum over all threads; on any thread."""
        total = Outcomes()
        for outcomes in tuple(self._threads):
            total.add(outcomes)
        return total

    def take(self, take: Callable[[], str]) -> None:
        """
        Process a received message, and count the outcome.

        :param take: processes the message, and returns the cause if it skips it, or ''.
        """
        outcomes = self.here
        outcomes.received += 1
        try:
            cause = take()
        except Exception:
            outcomes.rejected['internal_error'] += 1
            raise  # the transport logs it, and closes only this session
        outcomes.settle(cause)


def received_counts(tally: Tally, done: str) -> dict[str, int]:
    """
    Return the outcomes of received messages, by names for the user.

    :param done: the name for messages that are done.
    """
    total = tally.total()
    return {
        done: total.done,
        'contained': total.contained,
        'published_replaced': total.replaced,
        'publish_failed': total.publish_failed,
        **by_cause('rejected', total.rejected),
        **by_cause('skipped', total.skipped),
    }


def sent_counts(tally: Tally) -> dict[str, int]:
    """Return the outcomes of messages to peers, by names for the user."""
    total = tally.total()
    return {
        'outbound_received': total.received,
        'outbound_queued': total.done,
        'outbound_replaced': total.replaced,
        **by_cause('outbound_rejected', total.rejected),
        **by_cause('outbound_skipped', total.skipped),
    }


class Rate:
    """
    The rate of the last few seconds and the age of the last event, on the steady clock.

    :ivar count: of all events.
    :ivar last_s: when the last one was; None before the first.
    :ivar next_mark_s: when the count is to be marked again.
    """

    WINDOW_S = 5.0
    MARK_S = 1.0  # between two marks, so that their number is bounded at any rate
    LEAST_S = 0.1  # the rate of a shorter time says nothing

    def __init__(self) -> None:
        self.count = 0
        self.last_s: float | None = None
        self.next_mark_s = 0.0
        self._marks: deque[tuple[float, int]] = deque()

    def tick(self) -> None:
        """Count one event, now."""
        self.count += 1
        self.last_s = now = time.monotonic()
        if now >= self.next_mark_s:
            self.mark(now)

    def mark(self, now: float) -> None:
        """Note the count of now, from which the rate is taken."""
        self.next_mark_s = now + self.MARK_S
        self._marks.append((now, self.count))
        while now - self._marks[0][0] > self.WINDOW_S:
            self._marks.popleft()

    @property
    def age_s(self) -> float | None:
        """Seconds since the last event, None before the first."""
        return None if self.last_s is None else time.monotonic() - self.last_s

    @property
    def hz(self) -> float:
        """Events per second over the window; 0 if the last is older than that."""
        marks = list(self._marks)
        if not marks or self.last_s is None or time.monotonic() - self.last_s > self.WINDOW_S:
            return 0.0
        since_s, count = marks[0]
        elapsed = self.last_s - since_s
        return (self.count - count) / elapsed if elapsed >= self.LEAST_S else 0.0


def by_cause(what: str, counter: Mapping[str, int]) -> dict[str, int]:
    """Return counts by names such as ``rejected crc``."""
    return {f'{what} {cause}': count for cause, count in sorted(counter.items())}

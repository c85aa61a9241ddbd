# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Holds the first messages of new topics until their waiting subscribers are connected."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from rclpy._rclpy_pybind11 import RCLError
from rclpy.node import Node
from rclpy.publisher import Publisher

from ros2_igtl.nodes.to_ros.watchdog import CallSoon
from ros2_igtl.transport import Session

logger = logging.getLogger(__name__)

HOLD_S = 0.3  # the longest hold
RETRY_S = 1.0  # ten times the wait of a publisher, so that it costs a tenth of the time
DISCOVERY_S = 1.0  # after the start, during which a node may not know all subscribers
POLL_S = 0.002

Batch = list[tuple[Publisher, Any]]
"""The ROS messages for one message, each with its publisher."""


class Retries:
    """
    Limits how long the routes of a connection wait for a ROS that cannot publish.

    A publisher with ``keep_all`` waits up to 0.1 s for a subscriber that does not read. All
    failing routes together try again once in ``RETRY_S``; their other messages fail at once.

    :param clock: seconds, steady.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_s = 0.0

    def begin(self) -> None:
        """
        Begin to publish on a failing route.

        :raises RCLError: it is too early.
        """
        now = self._clock()
        if now < self._next_s:
            raise RCLError(f'it could not a short time ago, and tries again every {RETRY_S:g} s')
        self._next_s = now + RETRY_S

    def end(self) -> None:
        """Let the other routes try again at once, since this one succeeded."""
        self._next_s = 0.0


class Hold:
    """
    Holds the first messages of a new topic until its subscribers are connected.

    Discovery takes some milliseconds, during which subscribers would miss them. Every method may
    be called on any thread.

    :param limit: how many messages to hold; a larger burst would overflow the publisher's queue.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()  # of the attributes below
        self._batches: deque[Batch] = deque()
        self._sizes: deque[tuple[Session, int]] = deque()  # the same, negative
        self._held: Counter[Session] = Counter()  # bytes
        self._is_over = False
        self._lost: Callable[[int], None] = lambda count: None

    def put(
        self, batch: Batch, session: Session, size: int, lost: Callable[[int], None]
    ) -> bool | None:
        """
        Hold a message.

        :param session: of its sender, for which the memory is counted.
        :param size: bytes.
        :param lost: called with the number of held messages that ROS cannot publish.
        :returns: False if the hold is over; None if the message replaced the oldest one.
        """
        with self._lock:
            if self._is_over:
                return False
            is_full = len(self._batches) == self._limit
            if is_full:
                self._account(*self._sizes.popleft())
                self._batches.popleft()
            self._batches.append(batch)
            self._sizes.append((session, -size))
            self._account(session, size)
            self._lost = lost
            return None if is_full else True

    def release(self) -> None:
        """Publish the held messages; may be called twice."""
        with self._lock:  # later messages are published after these
            self._is_over = True
            try:
                while self._batches:
                    for publisher, ros_message in self._batches[0]:
                        publisher.publish(ros_message)
                    self._batches.popleft()
            except RCLError as error:  # each of them might wait
                logger.error('cannot publish held messages: %s', error)
                self._lost(len(self._batches))
                self._batches.clear()
            for session in self._held:
                session.hold(self, 0)
            self._held.clear()
            self._sizes.clear()

    def _account(self, session: Session, change: int) -> None:
        self._held[session] += change
        session.hold(self, self._held[session])


class HoldReleaser:
    """
    Releases held messages when the subscribers of a topic are connected, or after ``HOLD_S``.

    :param node: provides the graph.
    :param call_soon: calls a function on the I/O thread after a number of seconds.
    """

    def __init__(self, node: Node, call_soon: CallSoon) -> None:
        self._node = node
        self._call_soon = call_soon
        self._discovered_s = time.monotonic() + DISCOVERY_S

    def begin(
        self, hold: Hold, publishers: Sequence[Publisher], released: Callable[[], None]
    ) -> None:
        """
        Schedule the release of a hold.

        :param publishers: of its topics.
        :param released: called on the I/O thread after the release.
        """
        deadline = time.monotonic() + HOLD_S

        def look() -> None:
            now = time.monotonic()
            if now < deadline and (now < self._discovered_s or not self._has_all(publishers)):
                self._call_soon(POLL_S, look)
                return
            hold.release()
            released()

        look()

    def _has_all(self, publishers: Sequence[Publisher]) -> bool:
        """Return whether all subscribers in the graph are connected."""
        return all(
            publisher.get_subscription_count()
            >= self._node.count_subscribers(publisher.topic_name)
            for publisher in publishers
        )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Holds the first messages of new topics until their waiting subscribers are connected."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher

from ros2_igtl.nodes.to_ros.watchdog import CallSoon

HOLD_S = 0.3  # the longest hold
DISCOVERY_S = 1.0  # after the start, during which a node may not know all subscribers
POLL_S = 0.002

Batch = list[tuple[Publisher, Any]]
"""The ROS messages for one message, each with its publisher."""


def publish_all(batch: Batch) -> None:
    """Publish the ROS messages of a batch."""
    for publisher, ros_message in batch:
        publisher.publish(ros_message)


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
        self._is_over = False

    def put(self, batch: Batch) -> bool | None:
        """
        Hold a message.

        :returns: False if the hold is over; None if the message replaced the oldest one.
        """
        with self._lock:
            if self._is_over:
                return False
            is_full = len(self._batches) == self._limit
            if is_full:
                self._batches.popleft()
            self._batches.append(batch)
            return None if is_full else True

    def release(self) -> None:
        """Publish the held messages; may be called twice."""
        with self._lock:  # later messages are published after these
            self._is_over = True
            for batch in self._batches:
                publish_all(batch)
            self._batches.clear()


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

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the first messages of new topics until the subscribers waiting for them are connected."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher

from ros2_igtl.nodes.to_ros.watchdog import CallSoon

HOLD_S = 0.3  # at most
DISCOVERY_S = 1.0  # after its start a node does not know yet who waits
POLL_S = 0.002

Batch = list[tuple[Publisher, Any]]
"""What one message becomes: ROS messages, each with its publisher."""


def publish_all(batch: Batch) -> None:
    """Publish what a message has become."""
    for publisher, ros_message in batch:
        publisher.publish(ros_message)


class Hold:
    """
    Keeps the first messages of a new topic until its subscribers are connected.

    They would never see them otherwise: discovery takes some milliseconds. Every method may be
    called on any thread.

    :param limit: how many messages may be held; a burst beyond the queue would be lost later.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()  # of what follows
        self._batches: deque[Batch] = deque()
        self._is_over = False

    def put(self, batch: Batch) -> bool | None:
        """
        Hold a message.

        :returns: False if nothing is held any more; None if the oldest one gave way to it.
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
        """Publish what is held; may be called twice."""
        with self._lock:  # what comes next is published behind it
            self._is_over = True
            for batch in self._batches:
                publish_all(batch)
            self._batches.clear()


class HoldReleaser:
    """
    Releases what is held once the subscribers of a topic are connected, or it is late.

    :param node: whose graph it is.
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
        Release a hold in time.

        :param publishers: of its topics.
        :param released: is called on the I/O thread when it is.
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
        """Tell whether all subscribers that the graph knows are connected."""
        return all(
            publisher.get_subscription_count()
            >= self._node.count_subscribers(publisher.topic_name)
            for publisher in publishers
        )

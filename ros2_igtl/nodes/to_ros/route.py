# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of the messages of one device; how it is decided is in router.py."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rclpy.publisher import Publisher

from ros2_igtl.convert.context import Context
from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.nodes.reporting.counters import Rate
from ros2_igtl.nodes.to_ros.frame_tree import Source


class Output(NamedTuple):
    """One topic of a device."""

    conversion: Conversion
    publisher: Publisher


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


@dataclass(slots=True, eq=False)
class Route:
    """
    What one device of one type becomes.

    Made and changed on the I/O thread. The messages of a *bulk* route are published by the
    worker, in order; all others on the I/O thread.

    :ivar skip: why the device is not published at all; empty: it is.
    :ivar poses: gives the TransformStamped of a content, for tf and the watchdog; None: it has
        none.
    :ivar frames: child frame and parent frame.
    :ivar topic: the one that its siblings are beside.
    :ivar siblings: topics beside it that are made when there is something to publish; None: the
        topic is refused.
    :ivar last_stamp_ns: of the last pose; I/O thread.
    :ivar last_tf_ns: of the last pose that may go to tf; the thread that publishes.
    :ivar is_in_parts: messages may be parts of a volume.
    :ivar is_decoded: an output takes pictures, not frames of a video stream.
    :ivar is_lazy: converted only for topics with subscribers.
    :ivar is_exclusive: a pose, which only one peer may send at a time.
    :ivar is_bulk: published by the worker.
    :ivar source: who sends it now.
    :ivar stale_timeout_s: 0: never stale.
    :ivar interval_s: least time between two messages; 0: none.
    """

    type_name: str = ''
    device_name: str = ''
    skip: str = ''
    outputs: list[Output] = field(default_factory=list)
    poses: Callable[[Any, Context], Sequence[Any]] | None = None
    is_on_tf: bool = False
    frames: tuple[str, str] = ('', '')
    rate: Rate = field(default_factory=Rate)
    topics: tuple[str, ...] = ()
    topic: str = ''
    siblings: dict[str, Publisher | None] = field(default_factory=dict)
    hold: Hold | None = None
    last_stamp_ns: int = -1
    last_tf_ns: int = -1
    is_in_parts: bool = False
    is_decoded: bool = False
    is_lazy: bool = False
    is_exclusive: bool = False
    is_bulk: bool = False
    source: Source | None = None
    is_watched: bool = False
    stale_timeout_s: float = 0.0
    interval_s: float = 0.0
    next_s: float = 0.0

    def is_due(self) -> bool:
        """Tell whether the interval is over; if it is, the next one begins."""
        now = time.monotonic()
        if now < self.next_s:
            return False
        self.next_s = now + self.interval_s
        return True

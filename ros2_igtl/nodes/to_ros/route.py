# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of the messages of one device; how it is decided is in router.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rclpy.publisher import Publisher

from ros2_igtl.convert.context import Context
from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.counters import Rate
from ros2_igtl.nodes.to_ros.frame_tree import Source
from ros2_igtl.nodes.to_ros.hold import Hold
from ros2_igtl.nodes.to_ros.watchdog import Watched


class Output(NamedTuple):
    """One topic of a device."""

    conversion: Conversion
    publisher: Publisher


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
    :ivar claimed_by: the peer that owns these frames on tf; None: ask the tree.
    :ivar watched: the entry of the child frame in the watchdog, after the first good pose.
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
    claimed_by: Peer | None = None
    watched: Watched | None = None
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

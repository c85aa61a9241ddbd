# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The route of the messages of one device to ROS; ``router.py`` makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rclpy.publisher import Publisher

from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.convert.streams.peer_clock import Stamp
from ros2_igtl.convert.streams.timeliness import Timeliness
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.causes import Causes
from ros2_igtl.nodes.reporting.counters import Rate
from ros2_igtl.nodes.to_ros.frame_tree import Refusal, Source
from ros2_igtl.nodes.to_ros.hold import Hold
from ros2_igtl.nodes.to_ros.watchdog import Watched


class Output(NamedTuple):
    """One topic of a device."""

    conversion: Conversion
    publisher: Publisher


class Pending(NamedTuple):
    """
    A message that may have waited somewhere, held until this is known.

    :ivar stamp: its stamp, with the reason to hold it.
    :ivar receive_ns: ROS time of its arrival.
    """

    message: codec.Message
    source: Source
    stamp: Stamp
    receive_ns: int


@dataclass(slots=True, eq=False)
class Route:
    """
    The topics and options of one device of one type.

    The I/O thread makes and changes routes. The worker publishes the messages of a *bulk* route
    in order; the I/O thread publishes all others.

    :ivar skip: why the device is not published; empty if it is.
    :ivar is_mapped: whether a row of the mapping file selects it.
    :ivar is_counted: whether it takes room, which a device named by a row does not need.
    :ivar pool: of the room that it takes.
    :ivar owner: the peer whose room it takes: the sender, or the last one.
    :ivar claims: the topics claimed for it.
    :ivar poses: returns the TransformStamped of a content, for tf and the watchdog; None: the type
        has no poses.
    :ivar frames: child frame and parent frame.
    :ivar claimed_by: the peer that owns these frames on tf; None: ask the tree.
    :ivar refusal: why its last pose was refused for tf; None if it was not.
    :ivar was_on_tf: whether one of its poses ever was.
    :ivar watched: the entry of the child frame in the watchdog, after the first good pose.
    :ivar topic: the topic to which the names of siblings are appended.
    :ivar siblings: publishers of sibling topics, made when they are needed; None: the topic was
        rejected.
    :ivar timeliness: stamps the messages of the current sender; I/O thread.
    :ivar pending: a pose that may be late; I/O thread.
    :ivar causes: of the messages that went wrong; the thread that publishes.
    :ivar last_stamp_ns: of the last message; I/O thread.
    :ivar last_tf_ns: of the last pose for tf; the thread that publishes.
    :ivar is_in_parts: messages may be parts of a volume.
    :ivar is_decoded: an output takes decoded pictures of a video stream.
    :ivar is_lazy: converted only for topics with subscribers.
    :ivar is_exclusive: a pose, which only one peer may send at a time.
    :ivar is_bulk: published by the worker.
    :ivar is_failing: ROS could not publish the last message.
    :ivar source: the current sender.
    :ivar stale_timeout_s: 0: never stale.
    :ivar interval_s: shortest time between two messages; 0: no limit.
    """

    type_name: str = ''
    device_name: str = ''
    skip: str = ''
    is_mapped: bool = False
    is_counted: bool = False
    pool: Hashable = None
    owner: Peer | None = None
    claims: list[str] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    poses: Callable[[Any, Context], Sequence[Any]] | None = None
    is_on_tf: bool = False
    frames: tuple[str, str] = ('', '')
    claimed_by: Peer | None = None
    refusal: Refusal | None = None
    was_on_tf: bool = False
    watched: Watched | None = None
    rate: Rate = field(default_factory=Rate)
    topics: tuple[str, ...] = ()
    topic: str = ''
    siblings: dict[str, Publisher | None] = field(default_factory=dict)
    hold: Hold | None = None
    timeliness: Timeliness | None = None
    pending: Pending | None = None
    causes: Causes = field(default_factory=Causes)
    last_stamp_ns: int = -1
    last_tf_ns: int = -1
    is_in_parts: bool = False
    is_decoded: bool = False
    is_lazy: bool = False
    is_exclusive: bool = False
    is_bulk: bool = False
    is_failing: bool = False
    source: Source | None = None
    is_watched: bool = False
    stale_timeout_s: float = 0.0
    interval_s: float = 0.0
    next_s: float = 0.0

    @property
    def publishers(self) -> list[Publisher]:
        """The publishers of all its topics."""
        siblings = [each for each in self.siblings.values() if each is not None]
        return [output.publisher for output in self.outputs] + siblings

    def is_due(self) -> bool:
        """Return whether the interval is over; if it is, begin the next one."""
        now = time.monotonic()
        if now < self.next_s:
            return False
        self.next_s = now + self.interval_s
        return True

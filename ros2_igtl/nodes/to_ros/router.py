# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
From OpenIGTLink to ROS: which topics a device becomes, and publishing it there.

Everything here runs on the I/O thread. What becomes of a type stands in ``convert.conversions``.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from tf2_ros import TransformBroadcaster

from ros2_igtl import codec
from ros2_igtl.config import MappingRow
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.conversion import ToRos
from ros2_igtl.convert.diagnostic_msgs import device_status
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.metadata import faults_of
from ros2_igtl.convert.ros2_igtl_msgs import metadata_to_ros
from ros2_igtl.convert.sub_volumes import Assembler
from ros2_igtl.convert.time import StampEstimator, split_stamp
from ros2_igtl.convert.video_decoder import Decoder, load_decoders
from ros2_igtl.nodes.qos import (
    DEVICE_STATUS_QOS,
    held_limit,
    publisher_overriding,
    publisher_qos,
)
from ros2_igtl.nodes.reporting.counters import Outcomes, Rate
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_ros.watchdog import Watchdog, Watched
from ros2_igtl.transport.log import Throttle

# A peer that makes up names must not make publishers without end.
MAX_DEVICES = 500
MAX_FRAMES = 5000  # nor frames, though one message of tracking data has many

# What comes first on a new topic is held until the subscribers that wait for it are connected, or
# they would never see it: discovery takes some milliseconds.
HOLD_S = 0.3
DISCOVERY_S = 1.0  # after its start a node does not know yet who waits
HOLD_POLL_S = 0.002

# A device that is refused because another is in its place: somebody has to decide.
GRAVE_CAUSES = frozenset({'topic_taken', 'second_source', 'second_connection'})

# Messages that one read brought have one time of arrival; tf needs different ones.
BURST_NS = 10_000_000


class Source(NamedTuple):
    """Whose pose it is: two of them in one place would make a tool jump between two."""

    connection: str
    peer: str
    type_name: str
    device_name: str

    def __str__(self) -> str:
        device = f"{self.type_name} '{naming.escape(self.device_name)}'"
        return f'{device} of {self.connection}: {self.peer}'


TopicOwners = dict[str, tuple[str, ...]]
"""Of each topic the connection, type, device and ROS type that it belongs to: one of each."""


REGISTRATION = 'a registration'


class Tree:
    """
    Keeps what one node sends to tf a tree, each frame of which has one source.

    The first to say where a frame is goes on doing so, with the same parent, until its peer goes;
    what is registered stays. Any thread may ask.
    """

    def __init__(self) -> None:
        # of each child its parent, and who says so; None: it is registered
        self._edges: dict[str, tuple[str, Source | None]] = {}
        self._lock = threading.Lock()

    def refusal(self, child: str, parent: str, source: Source) -> tuple[str, str]:
        """Return why a pose may not go to tf, a word and a sentence; both empty if it may."""
        with self._lock:
            edge = self._edges.get(child)
            if edge is None:
                if len(self._edges) >= MAX_FRAMES:
                    return 'too_many_frames', f'{MAX_FRAMES} frames are allowed'
                if self._hangs_below(parent, child):
                    return 'circle', (
                        f"frame '{parent}' hangs below '{child}' on tf already; this pose is on "
                        'its topic only'
                    )
                edge = self._edges[child] = (parent, source)
        first_parent, first = edge
        if first_parent != parent:
            return 'second_parent', (
                f"frame '{child}' has parent '{first_parent}' on tf already, from "
                f"{first or REGISTRATION}; its pose in '{parent}' is on its topic only"
            )
        if first != source:
            return 'second_source', (
                f"frame '{child}' comes from {first or REGISTRATION} already; this pose is on its "
                'topic only'
            )
        return '', ''

    def claimed_by_another(self, transforms: Iterable[Any], connection: str) -> str:
        """
        Return which pose another connection's device gives already, in a sentence; empty: none.

        To be asked before any of a message's poses takes its place: it is refused as a whole.
        """
        with self._lock:
            for transform in transforms:
                child = transform.child_frame_id
                parent, first = self._edges.get(child, ('', None))
                is_other = first is not None and first.connection != connection
                if is_other and parent == transform.header.frame_id:
                    return (
                        f"frame '{child}' comes from {first} already; this pose is refused; "
                        'frame_prefix, or frames of its row, can give it another'
                    )
        return ''

    def register(self, child: str, parent: str) -> str:
        """Keep a frame its place in another for good; return why it cannot be, or nothing."""
        with self._lock:
            first_parent, first = self._edges.get(child, (parent, None))
            if first is not None or first_parent != parent:
                return (
                    f"frame '{child}' has parent '{first_parent}' on tf already, from "
                    f'{first or REGISTRATION}'
                )
            if self._hangs_below(parent, child):
                return f"frame '{parent}' hangs below '{child}' on tf already"
            if len(self._edges) >= MAX_FRAMES:
                return f'{MAX_FRAMES} frames are allowed'
            self._edges[child] = parent, None
        return ''

    def release(self, peer: str) -> None:
        """Give free what came from a peer that has gone."""
        with self._lock:
            self._edges = {
                child: (parent, source)
                for child, (parent, source) in self._edges.items()
                if source is None or source.peer != peer
            }

    def _hangs_below(self, frame: str, ancestor: str) -> bool:
        """Return whether a frame is another one, or hangs somewhere below it."""
        while frame != ancestor and frame in self._edges:
            frame = self._edges[frame][0]
        return frame == ancestor


Outputs = list[tuple[conversions.Conversion, Publisher]]
Batch = list[tuple[Publisher, Any]]
"""What one message becomes."""


class _Device(Protocol):
    """What has the type and the name of a device."""

    @property
    def type_name(self) -> str: ...

    @property
    def device_name(self) -> str: ...


@dataclass(slots=True, eq=False)
class Route:
    """What one device of one type becomes; ``skip`` names why it becomes nothing."""

    skip: str = ''
    type_name: str = ''
    device_name: str = ''
    outputs: list[tuple[conversions.Conversion, Publisher]] = field(default_factory=list)
    poses: Callable[[Any, Context], Sequence[Any]] | None = None  # TransformStamped
    is_on_tf: bool = False
    frames: tuple[str, str] = ('', '')  # child, parent
    rate: Rate = field(default_factory=Rate)
    topics: tuple[str, ...] = ()
    topic: str = ''  # that the others are beside of
    companions: dict[str, Publisher | None] = field(default_factory=dict)
    """Topics beside it that are made when there is something for them; None: it is refused."""
    max_held: int = 0
    held: deque[Batch] | None = None  # None: publish at once
    last_stamp_ns: int = -1
    is_in_parts: bool = False  # what comes may be a part
    is_decoded: bool = False  # an output takes pictures, not frames
    is_lazy: bool = False  # converted only for those who subscribe
    is_exclusive: bool = False  # a pose, which only one peer may send at a time
    source: Source | None = None  # who does
    is_watched: bool = False
    stale_timeout_s: float = 0.0  # 0: never stale
    interval_s: float = 0.0  # least time between two messages
    next_s: float = 0.0


class Inbound:
    """
    Publishes what comes from the peers of one connection.

    :param node: where the publishers are made.
    :param settings: the connection's.
    :param broadcaster: what sends to /tf.
    :param tree: of the node; shared by its connections.
    :param owners: likewise.
    :param call_later: of the I/O thread's loop: calls a function after seconds.
    :param subscribed: topics this connection sends from, which it must not publish on; see
        :meth:`reserve`.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        broadcaster: TransformBroadcaster,
        tree: Tree,
        owners: TopicOwners,
        call_later: Callable[[float, Callable[[], None]], Any],
        subscribed: frozenset[str],
    ) -> None:
        self.outcomes = Outcomes()
        self.routes: dict[tuple[str, str, tuple[conversions.Conversion, ...]], Route] = {}
        self.tf_withheld = 0
        """Poses that were published on their topic but not on tf, their stamp not being newer."""
        self._node = node
        self._settings = settings
        self._broadcaster = broadcaster
        self._tree = tree
        self._call_later = call_later
        self._topics_lock = threading.Lock()  # of the two that follow
        self._subscribed = set(subscribed)
        self._owners = owners
        self._publishers: list[Publisher] = []
        self._discovered_s = time.monotonic() + DISCOVERY_S
        self._told: set[tuple[str, ...]] = set()
        self._throttle = Throttle()
        self._rows = tuple(row for row in settings.rows if row.direction == 'IGTL_TO_ROS')
        self.watchdog = Watchdog(call_later, self._report)
        self.clocks: dict[str, StampEstimator] = {}
        """The clock of each peer that is connected, by its name."""
        self._assemblers: dict[str, Assembler] = {}  # of each peer
        self._decoders: dict[str, Decoder] = {}  # likewise
        if any(_is_decoded(row) for row in self._rows):
            with suppress(ConvertError):  # which the first frame raises again
                load_decoders()  # now, not on the I/O thread

    def add_peer(self, peer: str) -> None:
        """Get to know a peer, whose clock is like no other's."""
        settings = self._settings
        self.clocks[peer] = StampEstimator(
            settings.timestamp_mode,  # type: ignore[arg-type]
            settings.time_offset_ns,
            settings.max_clock_skew_ns,
        )
        # what may come in one message may come in parts, and a byte is kept for each voxel
        self._assemblers[peer] = Assembler(2 * settings.options.max_message_bytes)
        self._decoders[peer] = Decoder(settings.options.max_message_bytes)

    def remove_peer(self, peer: str) -> None:
        """Forget a peer that has gone: others may send its devices now."""
        for route in self.routes.values():
            if route.source is not None and route.source.peer == peer:
                route.source = None
        self._tree.release(peer)
        self.watchdog.lose(peer)
        self._assemblers.pop(peer, None)
        self._decoders.pop(peer, None)
        self.clocks.pop(peer, None)

    def reserve(self, topic: str) -> bool:
        """
        Keep a topic, which is to be sent, from being published on; from any thread.

        :returns: False if it is published on already.
        """
        with self._topics_lock:
            is_free = topic not in self._owners
            if is_free:
                self._subscribed.add(topic)
            return is_free

    def give_back(self, topic: str) -> None:
        """Let a topic be published on that is not sent any more; from any thread."""
        with self._topics_lock:
            self._subscribed.discard(topic)

    def publish(self, peer: str, message: codec.Message, receive_time_ns: int) -> str:
        """
        Publish a message, or count why not and return the cause.

        :param peer: whom it came from; was added.
        :param receive_time_ns: system clock at its last byte.
        """
        self.outcomes.received += 1
        return self._take(peer, message, receive_time_ns)

    def _take(
        self,
        peer: str,
        message: codec.Message,
        receive_time_ns: int,
        stamp_ns: int | None = None,
    ) -> str:
        """
        Publish a message, or count why not and return the cause.

        :param stamp_ns: of the message that it came in.
        """
        outcomes = self.outcomes
        if message.metadata:
            message.device_name = naming.full_device_name(
                message.device_name, message.metadata.get(naming.FULL_NAME_KEY)
            )
        try:
            take_apart = conversions.CONTAINERS.get(message.type_name)
            if take_apart is None:
                cause = self._publish(peer, message, receive_time_ns, stamp_ns)
            else:
                parts = take_apart(message)
                cause = self._take_parts(peer, message, parts, receive_time_ns, stamp_ns)
        except ConvertError as error:
            cause = error.cause
            self._decoders[peer].forget(message.device_name)  # frames behind it need it
            self._tell(message, cause, str(error))
            outcomes.rejected[cause] += 1
        except Exception:
            outcomes.rejected['internal_error'] += 1
            raise  # the transport logs it, and closes this session only
        else:
            if cause:
                outcomes.skipped[cause] += 1
            else:
                outcomes.done += 1
        return cause

    def release(self) -> None:
        """Publish what is held, now, and watch no more."""
        self.watchdog.stop()
        for route in self.routes.values():
            self._release(route, 0.0)

    def destroy(self) -> None:
        """Destroy the publishers; nothing may be held any more."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers.clear()
        self.routes.clear()
        # a copy: what other connections publish goes on, and adds topics meanwhile
        for topic, owner in list(self._owners.items()):
            if owner[0] == self._settings.name:
                del self._owners[topic]

    def _take_parts(
        self,
        peer: str,
        message: codec.Message,
        parts: Sequence[codec.Message],
        receive_time_ns: int,
        stamp_ns: int | None,
    ) -> str:
        """Take what came in a message, with one stamp; return the cause if it is skipped."""
        route = self._route(message)
        if route.skip:
            return route.skip
        if stamp_ns is None:
            routes = [route, *map(self._route, parts)]
            stamp_ns = self._stamp_ns(self.clocks[peer], message, routes, receive_time_ns)
        route.last_stamp_ns = stamp_ns
        route.rate.tick()
        for part in parts:
            self.outcomes.contained += 1
            self._take(peer, part, receive_time_ns, stamp_ns)
        return ''

    def _publish(
        self,
        peer: str,
        message: codec.Message,
        receive_time_ns: int,
        stamp_ns: int | None = None,
    ) -> str:
        """Publish a message; return the cause if it is skipped."""
        route = self._route(message)
        cause = route.skip or self._hindrance(peer, message, route)
        if cause:
            return cause
        outputs = self._wanted_outputs(route)
        if not outputs and route.poses is None:
            self._feed(peer, message, route, ())
            self._decoders[peer].forget(message.device_name)  # it misses this frame
            return 'no_subscriber'
        if message.metadata:
            self._check_faults(peer, message, route)
        content, picture, outputs, cause = self._contents(peer, message, route, outputs)
        if cause:
            return cause
        if stamp_ns is None:
            stamp_ns = self._stamp_ns(self.clocks[peer], message, (route,), receive_time_ns)
        sec, nanosec = split_stamp(stamp_ns)
        child, parent = route.frames
        context = Context(
            message.device_name,
            Time(sec=sec, nanosec=nanosec),
            parent,
            child,
            message.header_version,
            message.message_id,
            message.metadata,
            self._settings.frame_prefix,
        )
        # All is converted before anything is published: a message is refused as a whole.
        convert_poses = route.poses
        poses = convert_poses(content, context) if convert_poses is not None else ()
        is_due = not route.interval_s or _is_time(route)
        made = (convert_poses, poses)
        batch = _convert(outputs if is_due else (), content, picture, context, made)
        transforms = self._transforms(peer, message, route, poses, stamp_ns)
        if not is_due:
            return 'rate_limit'
        if not outputs and not route.is_on_tf:
            return 'no_subscriber'
        if transforms:
            self._broadcaster.sendTransform(transforms)
        if message.metadata:
            batch += self._metadata(route, message, context)
        self._hold_or_publish(route, batch)
        route.rate.tick()
        return ''

    def _hindrance(self, peer: str, message: codec.Message, route: Route) -> str:
        """Return why a message that has a route is skipped all the same."""
        if route.source is None:
            route.source = Source(
                self._settings.name, peer, message.type_name, message.device_name
            )
        elif route.is_exclusive and route.source.peer != peer:
            self._tell(message, 'second_source', f'{peer} sends it, and {route.source} does')
            return 'second_source'
        return ''

    def _contents(
        self, peer: str, message: codec.Message, route: Route, outputs: Outputs
    ) -> tuple[Any, Any, Outputs, str]:
        """
        Pass a content through what keeps others of its device.

        :returns: the content; the picture that it makes, for outputs that take one; the outputs
            that there is something for; why it is skipped, if it is a part of a volume whose
            others have not come, or a frame that makes no picture and nothing else.
        """
        content = message.content
        if route.is_in_parts:
            content = self._assemblers[peer].add(message.device_name, content)
            return content, None, outputs, 'part_of_volume' if content is None else ''
        if not route.is_decoded:
            return content, None, outputs, ''
        picture, outputs, cause = self._decode(peer, message, outputs)
        return content, picture, outputs, cause

    def _decode(
        self, peer: str, message: codec.Message, outputs: Outputs
    ) -> tuple[Any, Outputs, str]:
        """Return the picture, the outputs that can be published, and why a frame is skipped."""
        decoder = self._decoders[peer]
        if not any(row.is_decoded for row, _ in outputs):
            decoder.forget(message.device_name)  # it misses this frame
            return None, outputs, ''
        picture = decoder.decode(message.device_name, message.content)
        if picture is None:
            outputs = [output for output in outputs if not output[0].is_decoded]
        return picture, outputs, 'no_picture' if picture is None and not outputs else ''

    def _wanted_outputs(self, route: Route) -> Outputs:
        """Return those to which somebody listens, or may come later for what is kept."""
        if not route.is_lazy:
            return route.outputs
        return [
            (row, publisher)
            for row, publisher in route.outputs
            if row.latched
            or publisher.get_subscription_count()
            # the graph knows of subscribers before they are connected
            or self._node.count_subscribers(publisher.topic_name)
        ]

    def _metadata(self, route: Route, message: codec.Message, context: Context) -> Batch:
        """Return what is published of a message's metadata."""
        # as late joiners get the message, so do they its metadata
        qos = publisher_qos(route.outputs[0][0], {})
        publisher = self._companion(route, conversions.METADATA, qos)
        if publisher is None:
            return []
        return [(publisher, metadata_to_ros(message.type_name, context))]

    def _companion(
        self, route: Route, row: conversions.Conversion, qos: QoSProfile
    ) -> Publisher | None:
        """Return what publishes beside a device's topic, None if ROS or another refuses that."""
        name = row.topic_suffix
        if name not in route.companions:
            route.companions[name] = None
            topic = f'{route.topic}/{name}'
            try:
                if not self._claim(route, [(row, None)], [topic]):
                    publisher = self._node.create_publisher(
                        conversions.ros_type(row.ros_type_name), topic, qos
                    )
                    self._publishers.append(publisher)
                    route.companions[name] = publisher
            except Exception as error:  # a name too long
                self._tell(route, 'topic_refused', f'ROS refuses {topic}: {error}')
        return route.companions[name]

    def _check_faults(self, peer: str, message: codec.Message, route: Route) -> None:
        """
        Refuse a pose that its sender does not vouch for: a lost tool has a matrix too.

        :raises ConvertError: ``transform_status``.
        """
        faults = faults_of(message.metadata)
        if not faults:
            return
        own = ('', message.device_name, *naming.header_names(message.device_name))
        fault = next((faults[name] for name in own if name in faults), None)
        if fault is not None:
            fault = f'the peer says {naming.escape(fault)}'
            tools = [watched.tool for watched in self.watchdog.of(route)]
            for tool in tools or ([''] if route.is_watched else []):
                self.watchdog.accuse(route, tool, peer, fault)
            raise ConvertError('transform_status', fault)
        known = {watched.tool for watched in self.watchdog.of(route)}
        for name, fault in faults.items():
            tool, _ = naming.frames_of(name, '', self._settings.frame_prefix)
            if tool in known:
                self.watchdog.accuse(route, tool, peer, f'the peer says {naming.escape(fault)}')

    def _feed(self, peer: str, message: codec.Message, route: Route, poses: Sequence[Any]) -> None:
        """Take note of good samples, for the watchdog."""
        if not route.is_watched:
            return
        tools = ('',) if route.poses is None else [pose.child_frame_id for pose in poses]
        for tool in tools:
            if not self.watchdog.feed(route, tool, peer, route.stale_timeout_s):
                self._tell(message, 'not_watched', f"too many tools, '{tool}' is not watched")

    def _report(self, watched: Watched) -> None:
        """Publish that a device or tool is not to be trusted, or that it is again."""
        route = watched.device
        assert isinstance(route, Route)  # it is what we have fed
        publisher = self._companion(route, conversions.DEVICE_STATUS, DEVICE_STATUS_QOS)
        name = f'{self._settings.name}: {route.type_name} {naming.escape(route.device_name)}'
        if watched.tool:
            name += f': {watched.tool}'
        if publisher is not None:
            publisher.publish(device_status(name, watched.fault, watched.is_stale, watched.age_s))
        if watched.fault:
            self._throttle.log(logging.WARNING, name, f'{name}: {watched.fault}')

    def _stamp_ns(
        self,
        estimator: StampEstimator,
        message: codec.Message,
        routes: Sequence[Route],
        receive_time_ns: int,
    ) -> int:
        """Return the stamp of what goes these ways."""
        clock = self._node.get_clock()
        if clock.ros_time_is_active:
            receive_time_ns = clock.now().nanoseconds
        stamp_ns = estimator.stamp(message.timestamp, receive_time_ns)
        last_ns = max(route.last_stamp_ns for route in routes)
        if stamp_ns == receive_time_ns and 0 <= last_ns - stamp_ns < BURST_NS:
            return last_ns + 1  # they came together, and in this order
        return stamp_ns

    def _transforms(
        self,
        peer: str,
        message: codec.Message,
        route: Route,
        poses: Sequence[Any],
        stamp_ns: int,
    ) -> list[Any]:
        """
        Return which poses may go to tf.

        :raises ConvertError: ``second_connection``: another connection's device is there.
        """
        if poses and stamp_ns <= route.last_stamp_ns:
            # tf must not be told an older or a second pose for one time.
            self.tf_withheld += route.is_on_tf
            self._tell(message, 'stamp_not_newer', 'its stamp is not newer than the last; no tf')
            return []
        assert route.source is not None  # whose message this is
        source = route.source
        fitting = []
        if route.is_on_tf:
            claimed = self._tree.claimed_by_another(poses, source.connection)
            if claimed:
                raise ConvertError('second_connection', claimed)
            fitting = [pose for pose in poses if self._fits(message, pose, source)]
        if poses:
            route.last_stamp_ns = stamp_ns
        self._feed(peer, message, route, poses)
        return fitting

    def _fits(self, message: codec.Message, transform: Any, source: Source) -> bool:
        cause, text = self._tree.refusal(
            transform.child_frame_id, transform.header.frame_id, source
        )
        if cause:
            self._tell(message, cause, text)
        return not cause

    def _route(self, message: codec.Message) -> Route:
        rows = conversions.conversions_for(message.type_name, message.content)
        key = (message.type_name, message.device_name, rows)
        route = self.routes.get(key)
        if route is None:
            if len(self.routes) >= MAX_DEVICES:
                self._tell(message, 'too_many_devices', f'{MAX_DEVICES} devices are allowed')
                return Route(skip='too_many_devices')
            route = self.routes[key] = self._new_route(message, rows)
        return route

    def _new_route(
        self, message: codec.Message, defaults: tuple[conversions.Conversion, ...]
    ) -> Route:
        rows = [row for row in self._rows if _matches(row, message)]
        cause = self._refusal(message, rows)
        if cause or message.type_name in conversions.CONTAINERS:
            return Route(skip=cause)
        outputs = self._choose_outputs(message, rows, defaults)
        if not outputs:
            self._tell(message, 'no_mapping', 'no row of the table takes it')
            return Route(skip='no_mapping')
        names = (message.type_name, message.device_name)
        route = Route('', *names, frames=self._frames(message.device_name, rows))
        route.is_in_parts = message.type_name in conversions.TYPES_IN_PARTS
        route.is_decoded = any(mapping.is_decoded for mapping, _ in outputs)
        poses = conversions.TF_SOURCES.get(message.type_name)
        is_on_tf = self._settings.publish_tf and all(row.publish_tf is not False for row in rows)
        route.is_on_tf = is_on_tf and poses is not None
        # without tf what has tools is taken apart all the same, so that each can be watched
        route.poses = poses if is_on_tf or message.type_name in conversions.TF_TOOLS else None
        said = (row.lazy for row in rows if row.lazy is not None)  # all say the same
        route.is_lazy = next(said, self._settings.lazy)
        is_state = all(mapping.traffic == 'state' for mapping, _ in outputs)
        route.is_exclusive = is_state and message.type_name in conversions.TF_SOURCES
        timeouts = [row.stale_timeout for row in rows if row.stale_timeout is not None]
        route.is_watched = route.is_exclusive or bool(timeouts)
        if route.is_watched:
            route.stale_timeout_s = min(timeouts, default=self._settings.stale_timeout_s)
        intervals = (1.0 / row.rate_limit for row in rows if row.rate_limit)
        route.interval_s = max(intervals, default=0.0)
        topics = [self._topic(message, mapping, row) for mapping, row in outputs]
        try:
            # All or nothing: half of a device's topics would be taken for the whole.
            cause = self._claim(message, outputs, topics)
            if cause:
                return Route(skip=cause)
            for (mapping, row), topic in zip(outputs, topics, strict=True):
                self._add_output(route, message, mapping, row, topic)
        except Exception as error:  # a name too long, a qos_overrides parameter that is wrong ...
            self._tell(message, 'topic_refused', f'ROS refuses {", ".join(topics)}: {error}')
            return Route(skip='topic_refused')
        route.topic = topics[0].removesuffix(f'/{outputs[0][0].topic_suffix}')
        route.topics = tuple(publisher.topic_name for _, publisher in route.outputs)
        self._begin_holding(route)
        return route

    def _hold_or_publish(self, route: Route, batch: Batch) -> None:
        """Hold a message while its topic is new; a burst beyond the queue would be lost later."""
        if route.held is None:
            _publish_all(batch)
            return
        if len(route.held) == route.max_held:
            route.held.popleft()
            self.outcomes.done -= 1
            self.outcomes.replaced += 1
        route.held.append(batch)

    def _begin_holding(self, route: Route) -> None:
        """Hold what comes until those who wait for it are connected."""
        route.max_held = min(held_limit(mapping) for mapping, _ in route.outputs)
        route.held = deque()
        self._release(route, time.monotonic() + HOLD_S)

    def _release(self, route: Route, deadline: float) -> None:
        """Publish what is held if all are connected, or it is late; else look again soon."""
        if route.held is None:
            return
        now = time.monotonic()
        if now < deadline and (now < self._discovered_s or not _are_connected(route, self._node)):
            self._call_later(HOLD_POLL_S, lambda: self._release(route, deadline))
            return
        held, route.held = route.held, None
        for batch in held:
            _publish_all(batch)

    def _refusal(self, message: codec.Message, rows: Sequence[MappingRow]) -> str:
        """Return why a device is not published at all."""
        if not self._wanted(message.device_name):
            return 'device_filtered'
        if any(row.skip for row in rows):
            return 'mapping_skip'
        is_taken = self._settings.auto_inbound or message.type_name in conversions.CONTAINERS
        return '' if rows or is_taken else 'not_mapped'

    def _choose_outputs(
        self,
        message: codec.Message,
        rows: Sequence[MappingRow],
        defaults: Sequence[conversions.Conversion],
    ) -> list[tuple[conversions.Conversion, MappingRow | None]]:
        """
        Return the rows of the table to publish by, and what the mapping file says to each.

        A row that is made for other contents gives way to one that is made for this: a volume
        becomes slices where an Image is asked for and no Volume.
        """
        if not rows:
            return [(default, None) for default in defaults]
        outputs: list[tuple[conversions.Conversion, MappingRow | None]] = []
        for row in rows:
            if row.ros_type_name is None:
                outputs += [(default, row) for default in defaults]
            else:
                mapping = conversions.find_conversion(message.type_name, row.ros_type_name)
                if mapping.accepts(message.content):
                    outputs.append((conversions.with_options(mapping, vars(row)), row))
        return [output for output in outputs if output[0].is_for(message.content)] or outputs

    def _wanted(self, device: str) -> bool:
        allowed = self._settings.device_whitelist
        if allowed and not any(_fits_expression(pattern, device) for pattern in allowed):
            return False
        blacklist = self._settings.device_blacklist
        return not any(_fits_expression(pattern, device) for pattern in blacklist)

    def _frames(self, device: str, rows: Sequence[MappingRow]) -> tuple[str, str]:
        settings = self._settings
        child, parent = naming.frames_of(device, settings.default_frame_id, settings.frame_prefix)
        for row in rows:
            parent = row.frame_id or parent
            child = row.child_frame_id or child
        return child, parent

    def _topic(
        self, message: codec.Message, mapping: conversions.Conversion, row: MappingRow | None
    ) -> str:
        """Return the topic of an output, as it is before namespace and remapping."""
        suffix = '' if row and row.ros_type_name else mapping.topic_suffix
        if row and row.ros_topic_name:
            return '/'.join(filter(None, (row.ros_topic_name, suffix)))
        return naming.default_topic(
            self._settings.name, message.type_name, message.device_name, suffix
        )

    def _claim(
        self,
        device: _Device,
        outputs: Sequence[tuple[conversions.Conversion, MappingRow | None]],
        topics: Sequence[str],
    ) -> str:
        """Make the topics a device's own, or return why they cannot be."""
        with self._topics_lock:
            return self._claim_locked(device, outputs, topics)

    def _claim_locked(
        self,
        device: _Device,
        outputs: Sequence[tuple[conversions.Conversion, MappingRow | None]],
        topics: Sequence[str],
    ) -> str:
        claims: TopicOwners = {}
        for (mapping, _), topic in zip(outputs, topics, strict=True):
            resolved = self._node.resolve_topic_name(topic)
            names = (self._settings.name, device.type_name, device.device_name)
            owner = (*names, mapping.ros_type_name)
            if resolved in self._subscribed:
                self._tell(device, 'echo', f'{resolved} is sent to this peer; it would come back')
                return 'echo'
            first = self._owners.get(resolved) or claims.setdefault(resolved, owner)
            if first != owner:
                text = naming.escape(' '.join(first))
                self._tell(
                    device,
                    'topic_taken',
                    f'{resolved} belongs to {text} already, and this would be '
                    f'{mapping.ros_type_name}; a mapping row can name another topic',
                )
                return 'topic_taken'
        self._owners.update(claims)
        return ''

    def _add_output(
        self,
        route: Route,
        message: codec.Message,
        mapping: conversions.Conversion,
        row: MappingRow | None,
        topic: str,
    ) -> None:
        publisher = self._node.create_publisher(
            conversions.ros_type(mapping.ros_type_name),
            topic,
            publisher_qos(mapping, row.qos if row else {}),
            qos_overriding_options=publisher_overriding(row.qos if row else {}),
        )
        self._publishers.append(publisher)
        route.outputs.append((mapping, publisher))
        self._node.get_logger().info(
            f"{self._settings.name}: {message.type_name} '{naming.escape(message.device_name)}' "
            f'-> {publisher.topic_name} ({mapping.ros_type_name})'
        )

    def _tell(self, device: _Device, cause: str, text: str) -> None:
        """Log the first of each cause a device; the counters tell the rest."""
        key = (cause, device.type_name, device.device_name)
        if key in self._told or len(self._told) >= MAX_DEVICES:
            return
        self._told.add(key)
        name = f"{self._settings.name}: {device.type_name} '{naming.escape(device.device_name)}'"
        if cause in GRAVE_CAUSES:
            self._node.get_logger().error(f'{name}: {cause}: {text}')
        else:
            self._node.get_logger().warning(f'{name}: {cause}: {text}')


def _is_time(route: Route) -> bool:
    """Return whether the interval of a route is over; if so the next one begins."""
    now = time.monotonic()
    if now < route.next_s:
        return False
    route.next_s = now + route.interval_s
    return True


def _convert(
    outputs: Sequence[tuple[conversions.Conversion, Publisher]],
    content: Any,
    picture: Any,
    context: Context,
    made: tuple[ToRos | None, Sequence[Any]],
) -> Batch:
    """
    Return what a content becomes.

    :param picture: for the outputs that take one.
    :param made: what is on tf too, which is made once, and by which function.
    """
    convert_poses, poses = made
    return [
        (publisher, ros_message)
        for row, publisher in outputs
        for ros_message in (
            poses
            if row.to_ros is convert_poses
            else row.to_ros(picture if row.is_decoded else content, context)  # type: ignore[misc]
        )
    ]


def _publish_all(batch: Batch) -> None:
    for publisher, ros_message in batch:
        publisher.publish(ros_message)


def _are_connected(route: Route, node: Node) -> bool:
    return all(
        publisher.get_subscription_count() >= node.count_subscribers(publisher.topic_name)
        for _, publisher in route.outputs
    )


def _is_decoded(row: MappingRow) -> bool:
    """Return whether a row of the mapping file asks for pictures."""
    return (
        row.ros_type_name is not None
        and conversions.find_conversion(row.igtl_type_name, row.ros_type_name).is_decoded
    )


def _matches(row: MappingRow, message: codec.Message) -> bool:
    if row.igtl_type_name != message.type_name:
        return False
    if row.igtl_device_regex is not None:
        return _fits_expression(row.igtl_device_regex, message.device_name)
    return row.igtl_device_name in naming.header_names(message.device_name)


def _fits_expression(pattern: re.Pattern[str], device: str) -> bool:
    """Return whether a device fits; expressions are bounded for the 20 bytes of a header."""
    return any(pattern.fullmatch(name) for name in naming.header_names(device))

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds or makes the route of each device: claims its topics, and creates the publishers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from ros2_igtl import codec
from ros2_igtl.config import MappingRow
from ros2_igtl.convert import conversions
from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.nodes.claims import TopicClaims
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.qos import held_limit
from ros2_igtl.nodes.reporting.log import DeviceLog
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_ros.frame_tree import Source
from ros2_igtl.nodes.to_ros.hold import Hold, HoldReleaser
from ros2_igtl.nodes.to_ros.refusals import Refusals
from ros2_igtl.nodes.to_ros.room import Room
from ros2_igtl.nodes.to_ros.route import Route
from ros2_igtl.nodes.to_ros.rows import Choice, Rows
from ros2_igtl.nodes.to_ros.topics import Topics
from ros2_igtl.nodes.to_ros.watchdog import CallSoon
from ros2_igtl.nodes.worker import Task, Worker

# A peer that invents names must not create publishers without limit, and must leave room for the
# other peers.
MAX_DEVICES_OF_PEER = 500  # for each row of the mapping file, and for devices without a row
MAX_DEVICES = 2000  # of all peers of a connection, likewise


class Router:
    """
    Keeps the routes of one connection.

    A route stays when its peer disconnects, so that subscribers keep their topic until the peer is
    back. It ends if another device needs its topic or its room, or, without a row of the mapping
    file, if there are more of them than one peer may have. The route of a device that a row names
    never ends, and takes no room.

    Routes are made on the I/O thread; :attr:`all` may be read on any thread.

    :param node: creates the publishers.
    :param settings: the connection's.
    :param claims: of the node; shared by its connections.
    :param log: of the connection's devices.
    :param call_soon: calls a function on the I/O thread after a number of seconds.
    :param worker: of the connection; it publishes messages of routes that end.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        claims: TopicClaims,
        log: DeviceLog,
        call_soon: CallSoon,
        worker: Worker,
    ) -> None:
        self.rows = Rows(settings)
        self.refusals = Refusals()
        self.ended: Callable[[Route], None] = lambda route: None
        """Called on any thread when a route has ended, before its publishers are destroyed."""
        self._settings = settings
        self._log = log
        self._topics = Topics(
            node,
            settings.name,
            claims,
            log,
            self._vacate,
        )
        self._releaser = HoldReleaser(node, call_soon)
        self._worker = worker
        self._room = Room(MAX_DEVICES_OF_PEER, MAX_DEVICES)
        self._routes: dict[Hashable, Route] = {}  # by type, device name and default conversions
        self.fixed: dict[tuple[str, str], Route] = {}
        """The routes by type and device, of types whose conversions ignore the content."""

    @property
    def all(self) -> Sequence[Route]:
        """All current routes."""
        return tuple(self._routes.values())

    def route(self, message: codec.Message, peer: Peer) -> Route:
        """Return the route of a message; a new route holds its messages at first."""
        defaults = conversions.conversions_for(message.type_name, message.content)
        key = message.type_name, message.device_name, defaults
        route = self._routes.get(key) or self.refusals.find((peer, *key))
        if route is None:
            route = self._make(message, peer, defaults)
            if route.skip:
                self.refusals.remember((peer, *key), route)
            elif route.owner is not None:
                self._routes[key] = route
        if route.skip:
            self.refusals.note(peer, route, route.skip)
        elif route.owner is not None and not conversions.depends_on_content(message.type_name):
            self.fixed[message.type_name, message.device_name] = route
        return route

    def adopt(self, route: Route, peer: Peer) -> Source:
        """Return the sender of a route without one, whose room it takes from now on."""
        if route.is_counted and route.owner is not None and route.owner is not peer:
            self._room.move(route.pool, route.owner, peer)
        route.owner = peer
        self.refusals.note(peer, route, '')
        names = self._settings.name, peer, route.type_name, route.device_name
        route.source = Source(*names, route.pool)
        return route.source

    def peer_closed(self, peer: Peer) -> None:
        """Release the devices of a disconnected peer, so that others may send them."""
        for route in self._routes.values():
            if route.source is not None and route.source.peer is peer:
                route.source = None
            if route.claimed_by is peer:
                route.claimed_by = None
        self._room.leave(peer)
        self.refusals.peer_closed(peer)
        made_up = self._idle(lambda route: not route.is_mapped)
        self._end(made_up[: max(0, len(made_up) - MAX_DEVICES_OF_PEER)])

    def sibling(self, route: Route, conversion: Conversion, qos: QoSProfile) -> Publisher | None:
        """Return the publisher of a sibling topic; None if the topic was rejected."""
        return self._topics.sibling(route, conversion, qos)

    def forget_stamps(self) -> None:
        """Let any stamp be newer than the last one; on the I/O thread."""
        for route in self._routes.values():
            route.last_stamp_ns = route.last_tf_ns = -1

    def destroy(self) -> None:
        """Destroy the publishers and release their topics; no messages may be held."""
        for route in self._routes.values():
            self._topics.destroy(route)
        self._routes.clear()
        self.fixed.clear()
        self._topics.release_all()

    def _make(self, message: codec.Message, peer: Peer, defaults: Sequence[Conversion]) -> Route:
        rows = self.rows.matching(message)
        pool, is_named = self.rows.pool(message.device_name, rows)
        route = Route(message.type_name, message.device_name, is_counted=not is_named, pool=pool)
        route.skip = self.rows.skip_reason(message, rows)
        if route.skip:
            return route
        route.is_mapped = bool(rows)
        is_container = message.type_name in conversions.CONTAINERS
        choices = () if is_container else self.rows.choose(message, rows, defaults)
        if not choices and not is_container:
            return self._refuse(route, 'no_mapping', 'no conversion is available for this type')
        lack = self._make_room(route, peer)
        if is_container and lack:  # it takes no topic; such a route is not kept
            return route
        if lack:
            text = f'{lack}, except for those that a row of the mapping file names'
            return self._refuse(route, 'too_many_devices', text)
        if not is_container:
            self._open(message, route, rows, choices)
        if not route.skip:
            route.owner = peer
            if route.is_counted:
                self._room.take(pool, peer)
            self.adopt(route, peer)
        return route

    def _open(
        self,
        message: codec.Message,
        route: Route,
        rows: Sequence[MappingRow],
        choices: Sequence[Choice],
    ) -> None:
        """Claim the topics of a new route and create its publishers, or set why it is skipped."""
        route.frames = self.rows.frames(message.device_name, rows)
        self._set_options(route, [choice.conversion for choice in choices], rows)
        topics = [self.rows.topic(message, choice) for choice in choices]
        self._topics.open(route, choices, topics)
        if route.skip:
            self._topics.release(route)
            return
        route.topic = topics[0].removesuffix(f'/{choices[0].conversion.sibling}')
        route.topics = tuple(output.publisher.topic_name for output in route.outputs)
        route.hold = Hold(min(held_limit(output.conversion) for output in route.outputs))
        self._releaser.begin(route.hold, route.publishers, lambda: setattr(route, 'hold', None))

    def _refuse(self, route: Route, cause: str, text: str) -> Route:
        """Refuse to publish the device of a route, and return the route."""
        route.skip = cause
        self._log.once(route, cause, text)
        return route

    def _make_room(self, route: Route, peer: Peer) -> str:
        """Make room for a new route of a peer; return why that is impossible, or ''."""
        if not route.is_counted:
            return ''
        if self._room.is_full(route.pool):
            self._end(self._idle(lambda idle: idle.pool == route.pool)[:1])
        return self._room.lacks(route.pool, peer)

    def _vacate(self, topic: str) -> bool:
        """End the route of a disconnected peer that has a topic; return whether there is one."""
        idle = self._idle(lambda route: topic in route.claims)
        self._end(idle)
        return bool(idle)

    def _idle(self, is_chosen: Callable[[Route], bool]) -> list[Route]:
        """Return the chosen ones of the routes that may end, the oldest first."""
        return [
            route
            for route in self.all
            if route.owner is not None
            and route.owner.is_gone
            and route.is_counted
            and route.hold is None
            and is_chosen(route)
        ]

    def _end(self, routes: Sequence[Route]) -> None:
        """End routes of disconnected peers, when the worker has published their messages."""
        if not routes:
            return
        ended = set(routes)
        self._routes = {key: route for key, route in self._routes.items() if route not in ended}
        self.fixed = {key: route for key, route in self.fixed.items() if route not in ended}
        self.refusals.clear()
        for route in routes:
            assert route.owner is not None  # it was made for a peer
            self._room.give_back(route.pool, route.owner)
            self._topics.release(route)
            route.skip = 'ended'

        def destroy() -> None:
            for route in routes:
                self.ended(route)
                self._topics.destroy_soon(route)

        self._worker.put(Task(destroy, lambda loss: destroy()))

    def _set_options(
        self, route: Route, chosen: Sequence[Conversion], rows: Sequence[MappingRow]
    ) -> None:
        """Set the options of a route from rows and settings."""
        settings = self._settings
        poses = conversions.TF_SOURCES.get(route.type_name)
        is_on_tf = settings.publish_tf and all(row.publish_tf is not False for row in rows)
        route.is_on_tf = is_on_tf and poses is not None
        # tools are extracted even without tf, so that each can be watched
        has_tools = route.type_name in conversions.TF_TOOLS
        route.poses = poses if is_on_tf or has_tools else None
        route.is_in_parts = route.type_name in conversions.TYPES_IN_PARTS
        route.is_decoded = any(conversion.is_decoded for conversion in chosen)
        route.is_bulk = any(conversion.is_bulk for conversion in chosen)
        lazy = (row.lazy for row in rows if row.lazy is not None)  # all rows have the same value
        route.is_lazy = next(lazy, settings.lazy)
        is_state = all(conversion.traffic == 'state' for conversion in chosen)
        route.is_exclusive = is_state and poses is not None
        timeouts = [row.stale_timeout for row in rows if row.stale_timeout is not None]
        route.is_watched = route.is_exclusive or bool(timeouts)
        if route.is_watched:
            route.stale_timeout_s = min(timeouts, default=settings.stale_timeout_s)
        intervals = (1.0 / row.rate_limit for row in rows if row.rate_limit)
        route.interval_s = max(intervals, default=0.0)

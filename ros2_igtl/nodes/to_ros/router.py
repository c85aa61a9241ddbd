# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds or makes the route of each device: claims its topics, and creates the publishers."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from ros2_igtl import codec
from ros2_igtl.config import MappingRow
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.nodes.claims import Owner, TopicClaims
from ros2_igtl.nodes.qos import held_limit, publisher_overriding, publisher_qos
from ros2_igtl.nodes.reporting.log import Device, DeviceLog
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_ros.hold import Hold, HoldReleaser
from ros2_igtl.nodes.to_ros.route import Output, Route
from ros2_igtl.nodes.to_ros.rows import Choice, Rows
from ros2_igtl.nodes.to_ros.watchdog import CallSoon

MAX_DEVICES = 500  # a peer that invents names must not create publishers without limit


class Router:
    """
    Keeps the routes of one connection.

    Routes are made on the I/O thread; :attr:`all` may be read on any thread.

    :param node: creates the publishers.
    :param settings: the connection's.
    :param claims: of the node; shared by its connections.
    :param log: of the connection's devices.
    :param call_soon: calls a function on the I/O thread after a number of seconds.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        claims: TopicClaims,
        log: DeviceLog,
        call_soon: CallSoon,
    ) -> None:
        self.rows = Rows(settings)
        self._node = node
        self._settings = settings
        self._claims = claims
        self._log = log
        self._releaser = HoldReleaser(node, call_soon)
        self._routes: dict[tuple[str, str, tuple[Conversion, ...]], Route] = {}
        self.fixed: dict[tuple[str, str], Route] = {}
        """The routes by type and device, of types whose conversions ignore the content."""
        self._publishers: list[Publisher] = []

    @property
    def all(self) -> Sequence[Route]:
        """All current routes."""
        return tuple(self._routes.values())

    def route(self, message: codec.Message) -> Route:
        """Return the route of a message; a new route holds its messages at first."""
        defaults = conversions.conversions_for(message.type_name, message.content)
        key = message.type_name, message.device_name, defaults
        route = self._routes.get(key)
        if route is None:
            if len(self._routes) >= MAX_DEVICES:
                self._log.once(message, 'too_many_devices', f'{MAX_DEVICES} devices are allowed')
                return Route(skip='too_many_devices')
            route = self._routes[key] = self._make(message, defaults)
        if not conversions.depends_on_content(message.type_name):
            self.fixed[message.type_name, message.device_name] = route
        return route

    def sibling(self, route: Route, conversion: Conversion, qos: QoSProfile) -> Publisher | None:
        """Return the publisher of a sibling topic; None if the topic was rejected."""
        name = conversion.sibling
        if name not in route.siblings:
            route.siblings[name] = None
            topic = f'{route.topic}/{name}'
            try:
                if not self._claim(route, [conversion], [topic]):
                    publisher = self._node.create_publisher(
                        conversions.ros_type(conversion.ros_type_name), topic, qos
                    )
                    self._publishers.append(publisher)
                    route.siblings[name] = publisher
            except Exception as error:  # such as a name that is too long
                self._log.once(route, 'topic_refused', f'ROS rejects {topic}: {error}')
        return route.siblings[name]

    def forget_stamps(self) -> None:
        """Let any stamp be newer than the last one; on the I/O thread."""
        for route in self._routes.values():
            route.last_stamp_ns = route.last_tf_ns = -1

    def destroy(self) -> None:
        """Destroy the publishers and release their topics; no messages may be held."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers.clear()
        self._routes.clear()
        self.fixed.clear()
        self._claims.release(self._settings.name)

    def _make(self, message: codec.Message, defaults: Sequence[Conversion]) -> Route:
        rows = self.rows.matching(message)
        names = message.type_name, message.device_name
        reason = self.rows.skip_reason(message, rows)
        if reason or message.type_name in conversions.CONTAINERS:
            return Route(*names, skip=reason)
        choices = self.rows.choose(message, rows, defaults)
        if not choices:
            self._log.once(message, 'no_mapping', 'no conversion is available for this type')
            return Route(*names, skip='no_mapping')
        route = Route(*names, frames=self.rows.frames(message.device_name, rows))
        self._set_options(route, [choice.conversion for choice in choices], rows)
        topics = [self.rows.topic(message, choice) for choice in choices]
        try:
            # all or none, so that users do not mistake some topics for all of them
            reason = self._claim(route, [choice.conversion for choice in choices], topics)
            if reason:
                return Route(*names, skip=reason)
            route.outputs = [
                self._make_output(route, choice, topic)
                for choice, topic in zip(choices, topics, strict=True)
            ]
        except Exception as error:  # such as a long name, or a wrong qos_overrides parameter
            text = f'ROS rejects {", ".join(topics)}: {error}'
            self._log.once(message, 'topic_refused', text)
            return Route(*names, skip='topic_refused')
        route.topic = topics[0].removesuffix(f'/{choices[0].conversion.sibling}')
        route.topics = tuple(output.publisher.topic_name for output in route.outputs)
        route.hold = Hold(min(held_limit(output.conversion) for output in route.outputs))
        publishers = [output.publisher for output in route.outputs]
        self._releaser.begin(route.hold, publishers, lambda: setattr(route, 'hold', None))
        return route

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

    def _claim(self, device: Device, chosen: Sequence[Conversion], topics: Sequence[str]) -> str:
        """Claim topics for a device; return why that is impossible, or ''."""
        claims: dict[str, Owner] = {}
        for conversion, topic in zip(chosen, topics, strict=True):
            resolved = self._node.resolve_topic_name(topic)
            names = self._settings.name, device.type_name, device.device_name
            owner = Owner(*names, conversion.ros_type_name)
            first = claims.setdefault(resolved, owner)
            if first != owner:
                return self._log_taken(device, resolved, owner, first)
        refused = self._claims.claim(claims)
        if refused is None:
            return ''
        topic, taken_by = refused
        if taken_by is None:
            text = f'this connection sends {topic} to its peers, so it does not publish on it'
            self._log.once(device, 'echo', text)
            return 'echo'
        return self._log_taken(device, topic, claims[topic], taken_by)

    def _log_taken(self, device: Device, topic: str, owner: Owner, first: Owner) -> str:
        text = naming.escape(' '.join(first))
        self._log.once(
            device,
            'topic_taken',
            f'{topic} already belongs to {text}; this device needs {owner.ros_type_name}; '
            'a mapping row can set another topic',
        )
        return 'topic_taken'

    def _make_output(self, route: Route, choice: Choice, topic: str) -> Output:
        conversion, row = choice
        publisher = self._node.create_publisher(
            conversions.ros_type(conversion.ros_type_name),
            topic,
            publisher_qos(conversion, row.qos if row else {}),
            qos_overriding_options=publisher_overriding(row.qos if row else {}),
        )
        self._publishers.append(publisher)
        self._node.get_logger().info(
            f"{self._settings.name}: {route.type_name} '{naming.escape(route.device_name)}' "
            f'-> {publisher.topic_name} ({conversion.ros_type_name})'
        )
        return Output(conversion, publisher)

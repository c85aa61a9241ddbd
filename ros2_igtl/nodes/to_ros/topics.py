# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Claims the topics of routes, and creates and destroys their publishers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.nodes.claims import Owner, TopicClaims
from ros2_igtl.nodes.qos import may_block, publisher_overriding, publisher_qos
from ros2_igtl.nodes.reporting.log import DeviceLog
from ros2_igtl.nodes.to_ros.route import Output, Route
from ros2_igtl.nodes.to_ros.rows import Choice

# rclpy's warnings of subscribers that do not fit cost the executor two things to wait for with
# each publisher: 50 publishers took a fifth of a core. The report of a device says the same.
NOT_WATCHED = PublisherEventCallbacks(use_default_callbacks=False)


class Topics:
    """
    The topics of the routes of one connection.

    :param node: creates the publishers.
    :param connection: its name.
    :param claims: of the node; shared by its connections.
    :param log: of the connection's devices.
    :param vacate: makes a route without a peer give up a topic; returns whether there is one.
    """

    def __init__(
        self,
        node: Node,
        connection: str,
        claims: TopicClaims,
        log: DeviceLog,
        vacate: Callable[[str], bool],
    ) -> None:
        self._node = node
        self._connection = connection
        self._claims = claims
        self._log = log
        self._vacate = vacate

    def open(self, route: Route, choices: Sequence[Choice], topics: Sequence[str]) -> None:
        """
        Claim the topics of a new route and create its publishers, or set why it is skipped.

        The caller releases the topics of a route that is skipped.
        """
        try:
            # all or none, so that users do not mistake some topics for all of them
            route.skip = self._claim(route, [choice.conversion for choice in choices], topics)
            if not route.skip:
                for choice, topic in zip(choices, topics, strict=True):
                    route.outputs.append(self._make_output(route, choice, topic))
        except Exception as error:  # such as a long name, or a wrong qos_overrides parameter
            route.skip = 'topic_refused'
            self._log.once(route, route.skip, f'ROS rejects {", ".join(topics)}: {error}')
            self.destroy_soon(route)

    def sibling(self, route: Route, conversion: Conversion, qos: QoSProfile) -> Publisher | None:
        """Return the publisher of a sibling topic; None if the topic was rejected."""
        name = conversion.sibling
        if name not in route.siblings and not route.skip:
            route.siblings[name] = None
            topic = f'{route.topic}/{name}'
            try:
                if not self._claim(route, [conversion], [topic]):
                    publisher = self._node.create_publisher(
                        conversions.ros_type(conversion.ros_type_name),
                        topic,
                        qos,
                        event_callbacks=NOT_WATCHED,
                    )
                    route.siblings[name] = publisher
            except Exception as error:  # such as a name that is too long
                self._log.once(route, 'topic_refused', f'ROS rejects {topic}: {error}')
        return route.siblings.get(name)

    def release(self, route: Route) -> None:
        """Release the topics of a route, unless its device has them through another route too."""
        self._claims.give_back(route.claims)

    def release_all(self) -> None:
        """Release all topics of the connection."""
        self._claims.release(self._connection)

    def destroy_soon(self, route: Route) -> None:
        """
        Destroy the publishers of a route where ROS runs; on any thread.

        Executors fail if another thread destroys a publisher while they collect what to wait for.
        """
        executor = self._node.executor
        if executor is None:
            self.destroy(route)
            return
        for publisher in route.publishers:
            executor.create_task(self._node.destroy_publisher, publisher)
        route.outputs = []
        route.siblings = {}

    def destroy(self, route: Route) -> None:
        """Destroy the publishers of a route; where ROS runs."""
        for publisher in route.publishers:
            self._node.destroy_publisher(publisher)
        route.outputs = []
        route.siblings = {}

    def _claim(self, route: Route, chosen: Sequence[Conversion], topics: Sequence[str]) -> str:
        """Claim topics for a device; return why that is impossible, or ''."""
        claims: dict[str, Owner] = {}
        for conversion, topic in zip(chosen, topics, strict=True):
            resolved = self._node.resolve_topic_name(topic)
            names = self._connection, route.type_name, route.device_name
            owner = Owner(*names, conversion.ros_type_name)
            first = claims.setdefault(resolved, owner)
            if first != owner:
                return self._log_taken(route, resolved, owner, first)
        while (refused := self._claims.claim(claims)) is not None:
            topic, taken_by = refused
            if taken_by is None:
                text = f'this connection sends {topic} to its peers, so it does not publish on it'
                self._log.once(route, 'echo', text)
                return 'echo'
            # siblings, which are made on any thread, vacate no topic
            if route.outputs or not self._vacate(topic):
                return self._log_taken(route, topic, claims[topic], taken_by)
        route.claims += claims
        return ''

    def _log_taken(self, route: Route, topic: str, owner: Owner, first: Owner) -> str:
        text = naming.escape(' '.join(first))
        self._log.once(
            route,
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
            event_callbacks=NOT_WATCHED,
            qos_overriding_options=publisher_overriding(row.qos if row else {}),
        )
        route.is_bulk |= may_block(publisher.qos_profile)
        self._log.info(
            f"{self._connection}: {route.type_name} '{naming.escape(route.device_name)}' "
            f'-> {publisher.topic_name} ({conversion.ros_type_name})'
        )
        return Output(conversion, publisher)

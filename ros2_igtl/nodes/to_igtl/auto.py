# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds the topics to send without a row of the mapping file, as they appear and disappear."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from ros2_igtl.config import MappingRow
from ros2_igtl.config.device_regex import TOPIC_NAME_LENGTH
from ros2_igtl.convert import conversions, naming
from ros2_igtl.nodes.claims import TopicClaims
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_igtl.topic import TopicSender


class AutoOutbound:
    """
    Keeps a sender for each topic that matches a connection's ``auto_outbound``.

    It leaves out topics without a publisher, topics that this node publishes, hidden topics,
    topics with a row, and topics of types that cannot be sent. Runs in ROS callbacks.

    :param node: provides the graph.
    :param settings: the connection's.
    :param claims: the topics of the node, which must not publish on topics that it sends.
    :param make_sender: makes the sender of a row.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        claims: TopicClaims,
        make_sender: Callable[[MappingRow], TopicSender],
    ) -> None:
        self.senders: dict[str, TopicSender] = {}
        """By topic."""
        self._node = node
        self._settings = settings
        self._claims = claims
        self._make_sender = make_sender
        self._topics: set[str] = set()  # topics of rows
        self._devices: dict[tuple[str, str], str] = {}  # type and device name -> its source
        for row in settings.rows:
            if row.ros_topic_name is not None:
                self._topics.add(node.resolve_topic_name(row.ros_topic_name))
            if row.direction == 'ROS_TO_IGTL':
                self._devices[_device_of(row)] = f'the row in line {row.line}'
        self._wanted: dict[str, bool] = {}  # by existing topic
        self._refused: set[str] = set()  # topics whose refusal was logged

    def follow(self) -> bool:
        """Send new topics, and drop removed ones; return whether there was a change."""
        if not self._settings.auto_outbound:
            return False
        found = self._find()
        self._refused &= found.keys()
        before = set(self.senders)
        for topic, sender in list(self.senders.items()):
            row = found.get(topic)
            if row is None or row.ros_type_name != sender.row.ros_type_name:
                self._leave(topic)
                self._node.get_logger().info(f'{self._settings.name}: {topic} is no longer sent')
        for topic, row in sorted(found.items()):
            if topic not in self.senders:
                self._take(topic, row)
        return before != set(self.senders)

    def destroy(self) -> None:
        """Stop sending all topics; may be called twice."""
        for topic in list(self.senders):
            self._leave(topic)

    def _find(self) -> dict[str, conversions.Conversion]:
        """Return the topics to send, with their conversions."""
        found = {}
        own = (self._node.get_namespace(), self._node.get_name())
        # matching an expression may take some milliseconds, so keep the results
        topics = [topic for topic, _ in self._node.get_topic_names_and_types()]
        known = self._wanted
        self._wanted = {
            topic: known[topic] if topic in known else self._is_wanted(topic) for topic in topics
        }
        for topic in filter(self._wanted.__getitem__, topics):
            publishers = self._node.get_publishers_info_by_topic(topic)
            ros_type_names = {publisher.topic_type for publisher in publishers}
            row = conversions.find_outbound(*ros_type_names) if len(ros_type_names) == 1 else None
            names = [(publisher.node_namespace, publisher.node_name) for publisher in publishers]
            if row is not None and own not in names:
                found[topic] = row
        return found

    def _is_wanted(self, topic: str) -> bool:
        """Return whether to send a topic, judged by its name."""
        if topic in self._topics or '/_' in topic or len(topic) > TOPIC_NAME_LENGTH:
            return False
        if not any(pattern.fullmatch(topic) for pattern in self._settings.auto_outbound):
            return False
        # a remapping would subscribe to another topic
        return bool(self._node.resolve_topic_name(topic) == topic)

    def _take(self, topic: str, mapping: conversions.Conversion) -> None:
        """Begin to send a topic, or log once why not."""
        row = MappingRow(
            mapping.type_name,
            'ROS_TO_IGTL',
            line=0,
            igtl_device_name=naming.device_name_of_topic(topic),
            ros_topic_name=topic,
            ros_type_name=mapping.ros_type_name,
        )
        device = _device_of(row)
        first = self._devices.get(device)
        if first is not None:
            self._refuse(
                topic,
                f"{first} already sends {device[0]} '{device[1]}'; "
                'a mapping row can set another name',
            )
            return
        if not self._claims.reserve(self._settings.name, topic):
            return  # the node publishes there, which the graph will show the next time
        try:
            sender = self._make_sender(row)
        except Exception as error:  # such as a wrong qos_overrides parameter
            self._claims.release_sent(self._settings.name, topic)
            self._refuse(topic, f'ROS rejects the subscription: {error}')
            return
        self.senders[topic] = sender
        self._devices[device] = topic
        self._refused.discard(topic)
        self._node.get_logger().info(
            f'{self._settings.name}: {topic} ({mapping.ros_type_name}) -> '
            f"{mapping.type_name} '{row.igtl_device_name}'"
        )

    def _leave(self, topic: str) -> None:
        sender = self.senders.pop(topic)
        sender.destroy()
        del self._devices[_device_of(sender.row)]
        self._claims.release_sent(self._settings.name, topic)

    def _refuse(self, topic: str, reason: str) -> None:
        if topic not in self._refused:
            self._refused.add(topic)
            self._node.get_logger().error(f'{self._settings.name}: {topic} is not sent: {reason}')


def _device_of(row: MappingRow) -> tuple[str, str]:
    """Return type and device name of a row's messages, as in the header."""
    return row.igtl_type_name, naming.fit_device_name(row.igtl_device_name or '')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Topics that are sent without a row of the mapping file: which there are, as they come and go."""

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
    Has a sender for each topic that a connection's ``auto_outbound`` fits.

    A topic is not taken that nobody publishes or this node does, that is hidden, that has a row or
    that is of a type which is not sent. Runs in ROS callbacks.

    :param node: whose graph it is.
    :param settings: the connection's.
    :param claims: the topics of the node: it must not publish on those that it sends.
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
        # topics that have rows, and what their rows send
        self._topics: set[str] = set()
        self._devices: dict[tuple[str, str], str] = {}  # type and device name -> who sends it
        for row in settings.rows:
            if row.ros_topic_name is not None:
                self._topics.add(node.resolve_topic_name(row.ros_topic_name))
            if row.direction == 'ROS_TO_IGTL':
                self._devices[_device_of(row)] = f'the row in line {row.line}'
        self._wanted: dict[str, bool] = {}  # of each topic there is
        self._refused: set[str] = set()  # topics, whose refusal was logged

    def follow(self) -> bool:
        """Take the topics that have come, and leave those that have gone; whether any has."""
        if not self._settings.auto_outbound:
            return False
        found = self._find()
        self._refused &= found.keys()
        before = set(self.senders)
        for topic, sender in list(self.senders.items()):
            row = found.get(topic)
            if row is None or row.ros_type_name != sender.row.ros_type_name:
                self._leave(topic)
                self._node.get_logger().info(
                    f'{self._settings.name}: {topic} is not sent any more'
                )
        for topic, row in sorted(found.items()):
            if topic not in self.senders:
                self._take(topic, row)
        return before != set(self.senders)

    def destroy(self) -> None:
        """Leave all topics; may be called twice."""
        for topic in list(self.senders):
            self._leave(topic)

    def _find(self) -> dict[str, conversions.Conversion]:
        """Return the topics that are to be sent, and by which row of the table."""
        found = {}
        own = (self._node.get_namespace(), self._node.get_name())
        # each is judged once: an expression may take some milliseconds
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
        """Return whether a topic is to be sent by its name."""
        if topic in self._topics or '/_' in topic or len(topic) > TOPIC_NAME_LENGTH:
            return False
        if not any(pattern.fullmatch(topic) for pattern in self._settings.auto_outbound):
            return False
        # or else a remapping would make it another topic
        return bool(self._node.resolve_topic_name(topic) == topic)

    def _take(self, topic: str, mapping: conversions.Conversion) -> None:
        """Send a topic from now on, or say once why not."""
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
                f"{device[0]} '{device[1]}' comes from {first} already; "
                'a mapping row can give it another name',
            )
            return
        if not self._claims.reserve(self._settings.name, topic):
            return  # what a peer sends is published there, which the graph says the next time
        try:
            sender = self._make_sender(row)
        except Exception as error:  # a qos_overrides parameter that is wrong ...
            self._claims.release_sent(self._settings.name, topic)
            self._refuse(topic, f'ROS refuses the subscription: {error}')
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
    """Return type and device name that a row sends, as the header has them."""
    return row.igtl_type_name, naming.fit_device_name(row.igtl_device_name or '')

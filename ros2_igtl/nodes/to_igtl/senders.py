# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The senders of one connection, for rows and for automatically sent topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rclpy.node import Node

from ros2_igtl.config import MappingRow
from ros2_igtl.nodes.claims import TopicClaims
from ros2_igtl.nodes.feature import Feature, Send
from ros2_igtl.nodes.peer import Peers
from ros2_igtl.nodes.reporting.counters import Tally, sent_counts
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_igtl.audience import Audience, ReplySource
from ros2_igtl.nodes.to_igtl.auto import AutoOutbound
from ros2_igtl.nodes.to_igtl.bind import BindGroup
from ros2_igtl.nodes.to_igtl.chain import ChainSender, JointChainSender
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_igtl.sender import Sender, Wiring
from ros2_igtl.nodes.to_igtl.tf import TfSender
from ros2_igtl.nodes.to_igtl.topic import TopicSender
from ros2_igtl.nodes.worker import Worker
from ros2_igtl.transport import Endpoint


class Senders(Feature):
    """
    Sends the topics and frames of one connection to its peers.

    :param node: subscribes to the topics.
    :param settings: the connection's.
    :param peers: of the connection.
    :param send: queues a message for peers.
    :param endpoint: of the connection.
    :param worker: converts bulk messages.
    :param claims: the topics of the node, which must not publish on topics that it sends.
    :param buffer: of tf.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        peers: Peers,
        send: Send,
        endpoint: Endpoint,
        worker: Worker,
        claims: TopicClaims,
        buffer: FrameBuffer,
    ) -> None:
        self.reply_sources: Sequence[ReplySource] = ()
        """The sources of answers to queries; replaced, never changed."""
        self._node = node
        self._settings = settings
        self._peers = peers
        self._send = send
        self._endpoint = endpoint
        self._worker = worker
        self._buffer = buffer
        self._tally = Tally([])
        self._rows = [row for row in settings.rows if row.direction == 'ROS_TO_IGTL']
        self._by_row: list[Sender] = []
        self._groups: dict[str, BindGroup] = {}
        self._auto = AutoOutbound(node, settings, claims, self._make_topic_sender)
        for row in self._rows:
            if row.ros_topic_name is not None:
                claims.add_sent(settings.name, node.resolve_topic_name(row.ros_topic_name))

    @property
    def all(self) -> Sequence[Sender]:
        """The current senders; where ROS runs."""
        return (*self._by_row, *self._auto.senders.values())

    def start(self) -> None:
        """Subscribe to topics and tf."""
        for row in self._rows:
            self._by_row.append(self._make(row))
        self._auto.follow()
        self._note_reply_sources()

    def stop(self) -> None:
        """Unsubscribe; waiting messages are still sent."""
        self._auto.destroy()
        for sender in self._by_row:
            sender.destroy()
        self._by_row.clear()

    def destroy(self) -> None:
        """Count messages in incomplete BINDs; the worker is stopped."""
        for group in self._groups.values():
            group.destroy()
        self._groups.clear()

    def follow(self) -> None:
        """Follow new and removed topics, and the quality of service of their publishers."""
        if self._auto.follow():
            self._note_reply_sources()
        for sender in self.all:
            sender.follow()

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return sent_counts(self._tally)

    def reports(self) -> Sequence[Report]:
        """Return a report of each row."""
        return [sender.report() for sender in self.all]

    def _note_reply_sources(self) -> None:
        """Answer queries from the current senders."""
        self.reply_sources = (*self.all, *self._groups.values())

    def _make(self, row: MappingRow) -> Sender:
        # the messages of a BIND are sent alone only to peers that ask for them
        audience = self._audience(row.on_request or row.bind is not None)
        group = None if row.bind is None else self._group(row.bind)
        wiring = self._wiring(row, audience, group)
        if row.tf is None:
            return TopicSender(wiring)
        if row.tf.chain is None:
            return TfSender(wiring, self._buffer)
        sender = ChainSender if row.tf.joint_states is None else JointChainSender
        return sender(wiring, self._buffer, self._settings.frame_prefix)

    def _make_topic_sender(self, row: MappingRow) -> TopicSender:
        """Return the sender of a topic without a row in the mapping file."""
        audience = self._audience(on_request=False)
        return TopicSender(self._wiring(row, audience))

    def _wiring(
        self, row: MappingRow, audience: Audience, group: BindGroup | None = None
    ) -> Wiring:
        return Wiring(
            self._node,
            row,
            audience,
            self._endpoint,
            self._tally,
            self._worker,
            self._settings.stale_timeout_s,
            group,
        )

    def _audience(self, on_request: bool) -> Audience:
        return Audience(self._peers, self._send, on_request=on_request)

    def _group(self, device_name: str) -> BindGroup:
        """Return the BIND of a device name; it is sent on request if one of its rows is."""
        if device_name not in self._groups:
            rows = (row for row in self._rows if row.bind == device_name)
            audience = self._audience(any(row.on_request for row in rows))
            self._groups[device_name] = BindGroup(
                device_name, self._settings.bind_tolerance_ns, audience, self._tally
            )
        return self._groups[device_name]

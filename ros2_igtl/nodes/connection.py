# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One connection of a node: its client or server, and the two directions, wired together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rclpy.node import Node
from tf2_ros import TransformBroadcaster

from ros2_igtl import codec
from ros2_igtl.config import MappingRow
from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.exchanges.commands import Commands
from ros2_igtl.nodes.exchanges.queries import COMPANIONS, Queries
from ros2_igtl.nodes.reporting.counters import Outcomes
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_igtl.audience import Audience
from ros2_igtl.nodes.to_igtl.auto import AutoOutbound
from ros2_igtl.nodes.to_igtl.bind import BindGroup
from ros2_igtl.nodes.to_igtl.chain import ChainSender, JointChainSender
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_igtl.sender import Sender, TfSender, TopicSender
from ros2_igtl.nodes.to_ros.router import Inbound, TopicOwners, Tree
from ros2_igtl.transport import Client, ConnectionState, IoThread, Server, Session


@dataclass(frozen=True)
class Shared:
    """
    What the connections of a node have in common.

    :ivar io_thread: running from start() to stop() of each.
    :ivar broadcaster: to /tf.
    :ivar buffer: of tf.
    :ivar status_changed: is called when a peer comes or goes, and when a state changes.
    :ivar tree: of tf.
    :ivar topics: what is published, and what is published there.
    """

    io_thread: IoThread
    broadcaster: TransformBroadcaster
    buffer: FrameBuffer
    status_changed: Callable[[], None]
    tree: Tree = field(default_factory=Tree)
    topics: TopicOwners = field(default_factory=dict)


class BridgeConnection:
    """
    Joins the peers of one connection to the ROS graph while it is started.

    It is the transport's handler; those methods run on the I/O thread.

    :param node: the node.
    :param settings: what to do.
    :param shared: what it shares with the node's other connections.
    """

    def __init__(self, node: Node, settings: Settings, shared: Shared) -> None:
        self.settings = settings
        self.sent = Outcomes()
        self.zero: dict[str, int] = {}
        """What diagnostics subtract of the counts since ~/reset_statistics was called."""
        self.state: ConnectionState = 'closed'
        self.detail = ''
        self._row_senders: list[Sender] = []
        self._rejects_cut_names = settings.long_device_names == 'reject'
        self._groups: dict[str, BindGroup] = {}
        self._node = node
        self.actual_port = settings.port
        """The port dialled, or listened on once it is started."""
        self._shared = shared
        self._io_thread = io_thread = shared.io_thread
        endpoint = Client if settings.mode == 'client' else Server
        self._endpoint: Client | Server = endpoint(
            io_thread, settings.address, settings.port, self, settings.options
        )
        self._outbound_rows = [row for row in settings.rows if row.direction == 'ROS_TO_IGTL']
        subscribed = frozenset(
            node.resolve_topic_name(row.ros_topic_name)
            for row in self._outbound_rows
            if row.ros_topic_name is not None
        )
        self.inbound = Inbound(
            node,
            settings,
            shared.broadcaster,
            shared.tree,
            shared.topics,
            lambda delay_s, function: io_thread.loop.call_later(delay_s, function),
            subscribed,
        )
        self._auto_outbound = AutoOutbound(node, settings, self.inbound, self._topic_sender)
        self.queries = Queries(
            node, settings, io_thread, self._sessions, self._send, self.inbound.outcomes
        )
        self.commands = Commands(
            node, settings, io_thread, self._endpoint, self.inbound.outcomes, self.sent
        )

    def start(self) -> None:
        """
        Subscribe and open the sockets.

        :raises OSError: the server cannot listen; the text names address and port.
        """
        self.commands.start()
        for row in self._outbound_rows:
            # what leaves in a BIND leaves alone only for those who ask
            audience = self._audience(row.on_request or row.bind is not None)
            group = None if row.bind is None else self._group(row.bind)
            self._row_senders.append(self._make_sender(row, audience, group))
        self._auto_outbound.follow()
        self._note_givers()
        self._endpoint.start()
        if isinstance(self._endpoint, Server):
            self.actual_port = self._endpoint.actual_port
        self._shared.status_changed()

    @property
    def senders(self) -> Sequence[Sender]:
        """What is sent by rows, and without one."""
        return (*self._row_senders, *self._auto_outbound.senders.values())

    def _topic_sender(self, row: MappingRow) -> TopicSender:
        """Return the sender of a topic that has no row in the mapping file."""
        return TopicSender(self._node, row, self._audience(on_request=False), self.sent)

    def _note_givers(self) -> None:
        """Let peers ask for what is sent now."""
        self.queries.givers = (*self.senders, *self._groups.values())

    def _make_sender(self, row: MappingRow, audience: Audience, group: BindGroup | None) -> Sender:
        if row.tf is None:
            return TopicSender(self._node, row, audience, self.sent, group)
        common = self._node, row, audience, self.sent, self._shared.buffer
        if row.tf.chain is None:
            timeout_s = row.stale_timeout
            if timeout_s is None:
                timeout_s = self.settings.stale_timeout_s
            return TfSender(*common, timeout_s, group)
        sender = ChainSender if row.tf.joint_states is None else JointChainSender
        return sender(*common, self.settings.frame_prefix, group)

    def _audience(self, on_request: bool) -> Audience:
        return Audience(self._sessions, self._send, on_request=on_request)

    def _group(self, device_name: str) -> BindGroup:
        """Return the BIND of a device name, which is for those who ask if one of its rows is."""
        if device_name not in self._groups:
            rows = (row for row in self._outbound_rows if row.bind == device_name)
            audience = self._audience(any(row.on_request for row in rows))
            self._groups[device_name] = BindGroup(
                device_name, self.settings.bind_tolerance_ns, audience, self.sent
            )
        return self._groups[device_name]

    def stop(self) -> None:
        """Unsubscribe, close the sockets and destroy the publishers; may be called twice."""
        self._auto_outbound.destroy()
        for sender in self._row_senders:
            sender.destroy()
        self._row_senders.clear()
        self._io_thread.call(self.queries.stop)
        for group in self._groups.values():
            group.destroy()
        self._groups.clear()
        self._endpoint.stop()
        self.commands.destroy()
        self._io_thread.call(self.inbound.release)
        self.inbound.destroy()

    @property
    def transport(self) -> Client | Server:
        """The client or server, for its sessions and statistics."""
        return self._endpoint

    def close_sessions(self, peer_name: str = '') -> int:
        """
        Close sessions, and return how many; a client dials again.

        :param peer_name: of the only one; empty: all.
        """
        chosen = [s for s in self._endpoint.sessions if peer_name in ('', s.peer_name)]
        for session in chosen:
            session.close('~/disconnect was called')
        return len(chosen)

    def follow_publishers(self) -> None:
        """Follow the topics that come and go, and their publishers' quality of service."""
        if self._auto_outbound.follow():
            self._note_givers()
        for sender in self.senders:
            sender.follow()

    def _sessions(self) -> Sequence[Session]:
        return self._endpoint.sessions

    def _send(
        self, message: codec.Message, traffic: str, peers: Sequence[Session] | None = None
    ) -> int:
        if not self._endpoint.sessions:
            return 0
        if not (message.metadata and self._rejects_cut_names and _is_cut(message)):
            return self._endpoint.send(message, traffic=traffic, to=peers)  # type: ignore[arg-type]
        queued = self._endpoint.send(message, traffic=traffic, to=peers, least_version=2)  # type: ignore[arg-type]
        if not queued:
            raise ConvertError(
                'long_device_name',
                'no peer reads header version 2, in which the whole name would be',
            )
        return queued

    def session_opened(self, session: Session) -> None:
        """Get to know its clock, and ask it for what the mapping file says."""
        self.inbound.add_peer(session.peer_name)
        self.queries.session_opened(session)
        self._shared.status_changed()

    def session_closed(self, session: Session, reason: str) -> None:
        """Forget it; the transport has counted and logged it."""
        self.inbound.remove_peer(session.peer_name)
        self.queries.session_closed(session)
        self.commands.session_closed(session)
        self._shared.status_changed()

    def message_received(
        self, session: Session, message: codec.Message, receive_time_ns: int
    ) -> None:
        """Publish it, or answer it if it is a query or a command."""
        if isinstance(message.content, COMPANIONS):
            self.queries.receive(session, message)
        elif not self.commands.receive(session, message):
            cause = self.inbound.publish(session.peer_name, message, receive_time_ns)
            self.queries.published(session, message, cause)

    def message_rejected(self, session: Session, error: codec.DecodeError) -> None:
        """Do nothing: the transport has counted and logged it."""

    def connection_state(self, state: ConnectionState, detail: str) -> None:
        """Keep it for the diagnostics, and log where we begin; the transport logs the rest."""
        begins = state == 'listening' or (state == 'connecting' and self.state == 'closed')
        if begins:
            self._node.get_logger().info(f'{self.settings.name}: {state}: {detail}')
        self.state = state
        self.detail = detail
        self._shared.status_changed()


def choose_connection(
    connections: Sequence[BridgeConnection], name: str
) -> tuple[BridgeConnection | None, str]:
    """
    Return the connection of a name, or why there is none.

    :param name: may be empty if there is only one.
    """
    for connection in connections:
        if connection.settings.name == name or (not name and len(connections) == 1):
            return connection, ''
    allowed = ', '.join(connection.settings.name for connection in connections)
    return None, f'connection is {name!r}; allowed: {allowed or "none, the node is not active"}'


def _is_cut(message: codec.Message) -> bool:
    """Return whether only the metadata have the whole of a message's device name."""
    name = message.device_name
    return naming.full_device_name(name, message.metadata.get(naming.FULL_NAME_KEY)) != name

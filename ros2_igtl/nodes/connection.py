# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One connection of a node: its client or server, its peers and its features, wired together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from rclpy.node import Node
from tf2_ros import TransformBroadcaster

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.streams.peer_clock import PeerClock
from ros2_igtl.convert.streams.video_decoder import VideoDecoder
from ros2_igtl.convert.streams.volume_assembler import VolumeAssembler
from ros2_igtl.nodes.claims import TopicClaims
from ros2_igtl.nodes.exchanges.commands_in import CommandsIn
from ros2_igtl.nodes.exchanges.commands_out import CommandsOut
from ros2_igtl.nodes.exchanges.queries_in import QueriesIn
from ros2_igtl.nodes.exchanges.queries_out import QueriesOut
from ros2_igtl.nodes.feature import Feature
from ros2_igtl.nodes.peer import Peer, Peers
from ros2_igtl.nodes.reporting.causes import Causes
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_igtl.senders import Senders
from ros2_igtl.nodes.to_ros.frame_tree import FrameTree
from ros2_igtl.nodes.to_ros.inbound import Inbound
from ros2_igtl.nodes.worker import Worker
from ros2_igtl.transport import (
    ConnectionState,
    Endpoint,
    IoThread,
    Session,
    Traffic,
    make_endpoint,
)

DESERIALISING_S = 20.0  # more than the largest message takes, which cannot be interrupted


@dataclass(frozen=True)
class Shared:
    """
    The objects that the connections of a node share.

    :ivar io_thread: runs from start() to stop() of each connection.
    :ivar broadcaster: to /tf.
    :ivar buffer: of tf.
    :ivar status_changed: called when a peer connects or disconnects, and when a state changes.
    :ivar tree: the owners of frames.
    :ivar claims: the owners of topics.
    """

    io_thread: IoThread
    broadcaster: TransformBroadcaster
    buffer: FrameBuffer
    status_changed: Callable[[], None]
    tree: FrameTree = field(default_factory=FrameTree)
    claims: TopicClaims = field(default_factory=TopicClaims)


class BridgeConnection:
    """
    Connects the peers of one connection to the ROS graph while it is started.

    It is the transport's handler; those methods run on the I/O thread.

    :param node: the node.
    :param settings: of this connection.
    :param shared: the objects shared with the node's other connections.
    """

    def __init__(self, node: Node, settings: Settings, shared: Shared) -> None:
        self.settings = settings
        self.zero: dict[str, int] = {}
        """The counts at the last ~/reset_statistics, which diagnostics subtract."""
        self.causes = Causes()
        """The faults of its messages; where ROS runs."""
        self.state: ConnectionState = 'closed'
        self.detail = ''
        self.actual_port = settings.port
        """The port that a client connects to, or that a started server listens on."""
        self.peers = Peers(self._make_peer)
        self._is_open = False  # to new peers
        self._node = node
        self._shared = shared
        self._rejects_cut_names = settings.long_device_names == 'reject'
        io_thread = shared.io_thread
        self._endpoint = make_endpoint(
            settings.mode, io_thread, settings.address, settings.port, self, settings.options
        )
        allowance = self._endpoint.allowance
        self._worker = Worker(f'{settings.name} worker', lambda: self.inbound.worker_drained())
        # apart, since a full worker lets the peers wait
        self._sending_worker = Worker(f'{settings.name} sending worker', lambda: None)
        self.senders = Senders(
            node,
            settings,
            self.peers,
            self._send,
            self._endpoint,
            self._sending_worker,
            shared.claims,
            shared.buffer,
        )
        self.queries_in = QueriesIn(
            node,
            settings,
            self._worker,
            self._send,
            lambda: self.senders.reply_sources,
            allowance,
        )
        self.queries_out = QueriesOut(node, settings, io_thread, self.peers, self._send)
        self.commands_in = CommandsIn(node, settings, io_thread, self._send, allowance)
        self.commands_out = CommandsOut(settings, io_thread, self._endpoint, self.peers)
        self.inbound = Inbound(
            node,
            settings,
            shared.broadcaster,
            shared.tree,
            shared.claims,
            io_thread,
            self._worker,
            self.queries_out.published,
            allowance,
        )
        # in the order in which messages are offered to them; the last accepts all messages
        self._features: tuple[Feature, ...] = (
            self.senders,
            self.queries_in,
            self.queries_out,
            self.commands_in,
            self.commands_out,
            self.inbound,
        )
        self._takers: dict[type[Any], list[Feature]] = {}  # by the class of a content

    def start(self) -> None:
        """
        Subscribe and open the sockets.

        :raises OSError: the server cannot listen; the text names address and port.
        """
        self._worker.start()
        self._sending_worker.start()
        self._is_open = True
        for feature in self._features:
            feature.start()
        self._endpoint.start()
        self.actual_port = self._endpoint.actual_port
        self._shared.status_changed()

    def stop(self) -> None:
        """Unsubscribe, close the sockets and destroy the publishers; may be called twice."""
        self._is_open = False
        with ExitStack() as stack:  # calls all in reverse order, even if one of them fails
            for feature in reversed(self._features):
                stack.callback(feature.destroy)
            stack.callback(self._worker.stop)
            stack.callback(self._sending_worker.stop, DESERIALISING_S)
            stack.callback(self._endpoint.stop)
            for feature in reversed(self._features):
                stack.callback(feature.stop)

    @property
    def transport(self) -> Endpoint:
        """The client or server, for its sessions and statistics."""
        return self._endpoint

    def counts(self) -> dict[str, int]:
        """Return the counts of all features, by names for people; on any thread."""
        total: Counter[str] = Counter()
        for feature in self._features:
            total.update(feature.counts())
        return dict(total)

    def reports(self) -> list[Report]:
        """Return the reports of the features about their devices; where ROS runs."""
        return [report for feature in self._features for report in feature.reports()]

    def close_sessions(self, peer_name: str = '') -> int:
        """
        Close sessions, and return how many; a client reconnects.

        :param peer_name: the peer to disconnect; empty: all.
        """
        chosen = [s for s in self._endpoint.sessions if peer_name in ('', s.peer_name)]
        for session in chosen:
            session.close('~/disconnect was called')
        return len(chosen)

    def begin_anew(self) -> None:
        """Forget the stamps of received messages, because our own clock was set."""
        self.inbound.begin_anew()

    def follow_publishers(self) -> None:
        """Follow new and removed topics, and their publishers' quality of service."""
        self.senders.follow()

    def session_opened(self, session: Session) -> None:
        """Tell the features about a new peer."""
        if not self._is_open:  # accepted while other sessions were being closed
            session.close('the node is being deactivated')
            return
        peer = self.peers.add(session)
        for feature in self._features:
            feature.peer_opened(peer)
        self._shared.status_changed()

    def session_closed(self, session: Session, reason: str) -> None:
        """Forget a peer; the transport has counted and logged its end."""
        peer = self.peers.remove(session)
        if peer is None:
            return
        for feature in self._features:
            feature.peer_closed(peer)
        self._shared.status_changed()

    def message_received(
        self, session: Session, message: codec.Message, receive_time_ns: int
    ) -> None:
        """Offer a message to the features until one takes it."""
        peer = self.peers.by_session[session]
        content_class = type(message.content)
        takers = self._takers.get(content_class)
        if takers is None:
            takers = [each for each in self._features if issubclass(content_class, each.takes)]
            self._takers[content_class] = takers
        for feature in takers:
            if feature.receive(peer, message, receive_time_ns):
                return

    def message_rejected(self, session: Session, error: codec.DecodeError) -> None:
        """Do nothing: the transport has counted and logged it."""

    def connection_state(self, state: ConnectionState, detail: str) -> None:
        """Keep the state for diagnostics, and log the first one; the transport logs the rest."""
        begins = state == 'listening' or (state == 'connecting' and self.state == 'closed')
        if begins:
            self._node.get_logger().info(f'{self.settings.name}: {state}: {detail}')
        self.state = state
        self.detail = detail
        self._shared.status_changed()

    def _make_peer(self, session: Session) -> Peer:
        settings = self.settings
        clock = PeerClock(
            settings.timestamp_mode,  # type: ignore[arg-type]
            settings.time_offset_ns,
            settings.max_clock_skew_ns,
        )
        max_bytes = settings.options.max_message_bytes
        # a volume in parts may be as large as one message, and needs one more byte for each voxel
        return Peer(session, clock, VolumeAssembler(2 * max_bytes), VideoDecoder(max_bytes))

    def _send(
        self, message: codec.Message, traffic: Traffic, peers: Sequence[Peer] | None = None
    ) -> int:
        """Queue a message, as ``Send`` says."""
        if not self._endpoint.sessions:
            return 0
        only = None if peers is None else [peer.session for peer in peers]
        if not (message.metadata and self._rejects_cut_names and _is_cut(message)):
            return self._endpoint.send(message, traffic=traffic, to=only)
        queued = self._endpoint.send(message, traffic=traffic, to=only, least_version=2)
        if not queued:
            raise ConvertError(
                'long_device_name',
                'no peer reads header version 2, which the full name needs',
            )
        return queued


def _is_cut(message: codec.Message) -> bool:
    """Return whether the header has only a part of a message's device name."""
    name = message.device_name
    return naming.full_device_name(name, message.metadata.get(naming.FULL_NAME_KEY)) != name

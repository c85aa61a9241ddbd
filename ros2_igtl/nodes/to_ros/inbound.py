# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Publishes the messages that the peers of one connection send.

The I/O thread publishes small messages. It stamps bulk messages, which then wait for the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from rclpy.node import Node
from tf2_ros import TransformBroadcaster

from ros2_igtl import codec
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.streams.video_decoder import load_decoders
from ros2_igtl.nodes.claims import TopicClaims
from ros2_igtl.nodes.feature import Feature
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.counters import Tally, received_counts
from ros2_igtl.nodes.reporting.log import DeviceLog
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_ros.bulk import Bulk
from ros2_igtl.nodes.to_ros.device_watch import DeviceWatch
from ros2_igtl.nodes.to_ros.frame_tree import FrameTree, Source
from ros2_igtl.nodes.to_ros.output import RosOutput
from ros2_igtl.nodes.to_ros.route import Route
from ros2_igtl.nodes.to_ros.router import Router
from ros2_igtl.nodes.worker import Worker
from ros2_igtl.transport import IoThread

# Messages of one read have the same time of arrival; tf needs different ones.
BURST_NS = 10_000_000

BULK_BYTES = 65536  # larger messages are not converted on the I/O thread


class Inbound(Feature):
    """
    Publishes the messages that the peers of one connection send.

    :param node: creates the publishers.
    :param settings: the connection's.
    :param broadcaster: sends to /tf.
    :param tree: the frames of the node; shared by its connections.
    :param claims: the topics of the node; likewise.
    :param io_thread: runs the connection.
    :param worker: of the connection.
    :param published: called on the I/O thread for each message with the cause if it was not
        published, or ''.
    """

    takes = (object,)

    def __init__(
        self,
        node: Node,
        settings: Settings,
        broadcaster: TransformBroadcaster,
        tree: FrameTree,
        claims: TopicClaims,
        io_thread: IoThread,
        worker: Worker,
        published: Callable[[Peer, codec.Message, str], None],
    ) -> None:
        self._node = node
        self._name = settings.name
        self._tree = tree
        self._io_thread = io_thread
        self._published = published
        self._tally = Tally([])
        self._bulk = Bulk(worker, self._tally, self._publish, self._published_by_worker)
        self._log = DeviceLog(node, settings.name)
        self._router = Router(node, settings, claims, self._log, self._call_later)
        self._watch = DeviceWatch(settings, self._router, self._log, self._call_later)
        self._output = RosOutput(
            node,
            broadcaster,
            tree,
            self._router,
            self._watch,
            self._tally,
            self._log,
            settings.frame_prefix,
        )

    @property
    def routes(self) -> Sequence[Route]:
        """The current routes; on any thread."""
        return self._router.all

    def start(self) -> None:
        """Load the video decoders now, instead of at the first frame."""
        if self._router.rows.has_decoded:
            with suppress(ConvertError):  # the first frame will raise it again
                load_decoders()

    def destroy(self) -> None:
        """Publish held messages, and destroy the publishers; the worker is stopped."""
        self._watch.watchdog.stop()
        for route in self._router.all:
            if route.hold is not None:
                route.hold.release()
        self._router.destroy()

    def peer_closed(self, peer: Peer) -> None:
        """Release the devices and frames of a peer, so that others may send them."""
        for route in self._router.all:
            if route.source is not None and route.source.peer is peer:
                route.source = None
            if route.claimed_by is peer:
                route.claimed_by = None
        self._tree.release(peer)
        self._watch.watchdog.peer_lost(peer)
        self._bulk.forget(peer)

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Publish a message, or count the cause why not."""
        self._tally.here.received += 1
        self._take(peer, message, receive_time_ns)
        return True

    def worker_drained(self) -> None:
        """Read from all peers again; on any thread."""
        self._call_later(0.0, self._bulk.resume)

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        total = self._tally.total()
        return {**received_counts(self._tally, 'published'), 'tf_withheld': total.tf_withheld}

    def reports(self) -> Sequence[Report]:
        """Return a report of each published device."""
        return [self._watch.report(route) for route in self._router.all if not route.skip]

    def _take(
        self,
        peer: Peer,
        message: codec.Message,
        receive_time_ns: int,
        stamp_ns: int | None = None,
    ) -> None:
        """
        Stamp a message, and publish it or pass it to the worker.

        :param stamp_ns: stamp of the BIND that contained it; None: the message has its own.
        """
        if message.metadata:
            message.device_name = naming.full_device_name(
                message.device_name, message.metadata.get(naming.FULL_NAME_KEY)
            )
        router = self._router
        route = router.fixed.get((message.type_name, message.device_name))
        if route is None:
            route = router.route(message)
        source = route.source
        if source is None or source.peer is not peer:
            source, reason = self._source(peer, route)
            if source is None:
                self._tally.here.skipped[reason] += 1
                self._published(peer, message, reason)
                return
        take_apart = conversions.CONTAINERS.get(message.type_name)
        parts = take_apart(message) if take_apart is not None else ()
        if stamp_ns is None:
            routes = [route, *map(router.route, parts)]
            stamp_ns = self._stamp_ns(peer, message.timestamp, routes, receive_time_ns)
        if take_apart is not None:
            route.rate.tick()
            self._tally.here.done += 1
            self._published(peer, message, '')
            for part in parts:
                self._tally.here.contained += 1
                part.body_size = message.body_size // len(parts)
                self._take(peer, part, receive_time_ns, stamp_ns)
        elif route.is_bulk or message.body_size > BULK_BYTES:
            self._bulk.put(message, route, source, stamp_ns)
        else:
            reason = self._publish(message, route, source, stamp_ns)
            self._published(peer, message, reason)

    def _source(self, peer: Peer, route: Route) -> tuple[Source | None, str]:
        """Return the sender of the messages of a route, or None and why they are skipped."""
        if route.skip:
            return None, route.skip
        source = route.source
        if source is None:
            source = route.source = Source(self._name, peer, route.type_name, route.device_name)
        elif source.peer is not peer:
            if route.is_exclusive:
                text = f'{peer.name} sends this device, but {source} already does'
                self._log.once(route, 'second_source', text)
                return None, 'second_source'
            source = source._replace(peer=peer)
        return source, ''

    def _stamp_ns(
        self, peer: Peer, timestamp: int, routes: Sequence[Route], receive_time_ns: int
    ) -> int:
        """
        Return the ROS stamp of a message, nanoseconds since the epoch.

        :param timestamp: the raw word in its header.
        :param routes: of the message and of its children.
        """
        clock = self._node.get_clock()
        if clock.ros_time_is_active:
            receive_time_ns = clock.now().nanoseconds
        stamp_ns = peer.clock.stamp(timestamp, receive_time_ns)
        for route in routes:
            if stamp_ns == receive_time_ns and 0 <= route.last_stamp_ns - stamp_ns < BURST_NS:
                stamp_ns = route.last_stamp_ns + 1  # they arrived together, in this order
        for route in routes:
            if stamp_ns > route.last_stamp_ns:
                route.last_stamp_ns = stamp_ns
        return stamp_ns

    def _publish(self, message: codec.Message, route: Route, source: Source, stamp_ns: int) -> str:
        """Publish a message, or count why not and return the cause."""
        outcomes = self._tally.here
        try:
            reason = self._output.publish(message, route, source, stamp_ns)
        except ConvertError as error:
            reason = error.cause
            if route.is_decoded:
                source.peer.video.forget(message.device_name)  # later frames need this one
            self._log.once(message, reason, str(error))
            outcomes.rejected[reason] += 1
            return reason
        except Exception:
            outcomes.rejected['internal_error'] += 1
            raise  # the transport logs it, and closes only this session
        if reason:
            outcomes.skipped[reason] += 1
        else:
            outcomes.done += 1
        return reason

    def _published_by_worker(self, peer: Peer, message: codec.Message, reason: str) -> None:
        self._call_later(0.0, lambda: self._published(peer, message, reason))

    def _call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call a function on the I/O thread, unless that has ended; on any thread."""
        io_thread = self._io_thread
        with suppress(RuntimeError):
            if io_thread.is_current:
                io_thread.loop.call_later(delay_s, function)
            else:
                io_thread.loop.call_soon_threadsafe(io_thread.loop.call_later, delay_s, function)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Publishes the messages that the peers of one connection send.

The I/O thread publishes small messages. It stamps bulk messages, which then wait for the worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from rclpy._rclpy_pybind11 import RCLError
from rclpy.node import Node
from tf2_ros import TransformBroadcaster

from ros2_igtl import codec
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.streams.peer_clock import Stamp
from ros2_igtl.convert.streams.timeliness import Timeliness
from ros2_igtl.convert.streams.video_decoder import load_decoders
from ros2_igtl.nodes.claims import TopicClaims
from ros2_igtl.nodes.feature import Feature
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.counters import Tally, received_counts
from ros2_igtl.nodes.reporting.log import DeviceLog
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_ros.arrivals import Arrivals, in_order
from ros2_igtl.nodes.to_ros.bulk import Bulk
from ros2_igtl.nodes.to_ros.device_watch import DeviceWatch
from ros2_igtl.nodes.to_ros.frame_tree import FrameTree, Source
from ros2_igtl.nodes.to_ros.output import RosOutput
from ros2_igtl.nodes.to_ros.route import Route
from ros2_igtl.nodes.to_ros.router import Router
from ros2_igtl.nodes.to_ros.slices import Slices
from ros2_igtl.nodes.worker import Worker
from ros2_igtl.transport import IoThread
from ros2_igtl.transport.log import Allowance

# Larger messages are not converted on the I/O thread: the poses of 100 tools take 10 ms.
BULK_BYTES = 8192


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
    :param allowance: for the log of the connection.
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
        allowance: Allowance,
    ) -> None:
        self._node = node
        self._tree = tree
        self._io_thread = io_thread
        self._published = published
        self._tally = Tally([])
        self._log = DeviceLog(node, settings.name, allowance)
        self._bulk = Bulk(
            worker, self._tally, self._publish, self._published_by_worker, self._log.throttle
        )
        self._router = Router(node, settings, claims, self._log, self._call_later, worker)
        self._clock = node.get_clock()
        self._slices = Slices(self._call_later)
        self._arrivals = Arrivals(self._router, self._call_later, self._pass_on)
        self._watch = DeviceWatch(node, settings, self._router, self._log, self._call_later)
        watch, prefix = self._watch, settings.frame_prefix
        self._output = RosOutput(
            node, broadcaster, tree, self._router, watch, self._tally, self._log, prefix
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
        self._arrivals.flush()
        for route in self._router.all:
            if route.hold is not None:
                route.hold.release()
        self._router.destroy()

    def peer_closed(self, peer: Peer) -> None:
        """Release the devices and frames of a peer, so that others may send them."""
        self._arrivals.flush(peer)
        self._router.peer_closed(peer)
        self._tree.release(peer)
        self._watch.watchdog.peer_lost(peer)
        self._bulk.forget(peer)
        self._slices.forget(peer)
        self._log.repeat_errors()

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Publish a message, hold it, pass it to the worker, or count why not."""
        self._tally.here.received += 1
        if message.metadata:
            message.device_name = naming.full_device_name(
                message.device_name, message.metadata.get(naming.FULL_NAME_KEY)
            )
        route = self._router.fixed.get((message.type_name, message.device_name))
        if route is None:
            route = self._router.route(message, peer)
        source = route.source
        if source is None or source.peer is not peer:
            source, reason = self._source(peer, route)
            if source is None:
                self._tally.here.skipped[reason] += 1
                self._published(peer, message, reason)
                return True
        self._stamp(message, route, source, receive_time_ns)
        return True

    def begin_anew(self) -> None:
        """Forget all stamps, because our own clock was set; on any thread."""
        self._call_later(0.0, self._router.forget_stamps)

    def worker_drained(self) -> None:
        """Read from all peers again; on any thread."""
        self._call_later(0.0, self._bulk.resume)

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        total = self._tally.total()
        return {
            **received_counts(self._tally, 'published'),
            'late': total.late,
            'tf_withheld': total.tf_withheld,
        }

    def reports(self) -> Sequence[Report]:
        """Return a report of each published device."""
        reports = self._router.refusals.reports()
        return reports + [self._watch.report(route) for route in self._router.all]

    def _stamp(
        self, message: codec.Message, route: Route, source: Source, receive_time_ns: int
    ) -> None:
        """Give a message its stamp, and pass it on unless it may be late."""
        timeliness, clock = route.timeliness, source.peer.clock
        if timeliness is None or timeliness.peer_clock is not clock:
            timeliness = route.timeliness = Timeliness(clock)
        receive_ns = receive_time_ns
        arrival_ns = receive_ns + time.monotonic_ns() - time.time_ns()
        if self._clock.ros_time_is_active:
            receive_ns = self._clock.now().nanoseconds
        content = message.content if message.body_size <= BULK_BYTES else None
        stamp, hold_ns = timeliness.judge(message.timestamp, content, arrival_ns, receive_ns)
        age_ns = round(source.peer.session.data_age_s * 1e9)
        if age_ns:  # this process stood still, or does not keep up
            ns, fault = stamp.ns, stamp.fault
            if ns == receive_ns:
                ns, fault = ns - age_ns, fault or ('late' if age_ns > clock.limit_ns else '')
            stamp = Stamp(ns, fault, arrival_ns - age_ns)
        if stamp.ns > receive_ns + clock.limit_ns:  # it must not outdate the stamps after it
            stamp = stamp._replace(fault=stamp.fault or 'stamp_in_future')
            self._pass_on(message, route, source, stamp)
        elif hold_ns > 0 or route.pending is not None or stamp.ns <= route.last_stamp_ns:
            self._arrivals.take(message, route, source, stamp, hold_ns, receive_ns)
        else:
            route.last_stamp_ns = stamp.ns
            self._pass_on(message, route, source, stamp)

    def _pass_on(self, message: codec.Message, route: Route, source: Source, stamp: Stamp) -> None:
        """Publish a message, take it apart, or pass it to the worker."""
        if message.type_name in conversions.CONTAINERS:
            self._slices.run(source.peer, self._take_apart(message, route, source, stamp))
        elif route.is_bulk or message.body_size > BULK_BYTES:
            self._bulk.put(message, route, source, stamp)
        else:
            reason = self._publish(message, route, source, stamp)
            self._published(source.peer, message, reason)

    def _take_apart(
        self, message: codec.Message, route: Route, source: Source, stamp: Stamp
    ) -> Iterator[None]:
        """Pass on the messages in a message, one in each step, all with one stamp."""
        peer, router = source.peer, self._router
        for child in message.content.children:
            known = router.fixed.get((child.type_name, child.device_name))
            if known is not None:
                stamp = in_order(known, source, stamp)
        route.rate.tick()
        self._tally.here.done += 1
        self._published(peer, message, '')
        # all at once, so that those for later turns are missing in the sum of the outcomes
        self._tally.here.contained += len(message.content.children)
        for part in conversions.CONTAINERS[message.type_name](message):
            if peer.is_gone:
                self._tally.here.skipped['peer_gone'] += 1
                continue
            part_route = router.route(part, peer)
            part_route.last_stamp_ns = max(part_route.last_stamp_ns, stamp.ns)
            part_source, reason = self._source(peer, part_route)
            if part_source is None:
                self._tally.here.skipped[reason] += 1
                self._published(peer, part, reason)
            elif part.type_name in conversions.CONTAINERS:
                yield from self._take_apart(part, part_route, part_source, stamp)
            else:
                self._pass_on(part, part_route, part_source, stamp)
            yield

    def _source(self, peer: Peer, route: Route) -> tuple[Source | None, str]:
        """Return the sender of the messages of a route, or None and why they are skipped."""
        if route.skip:
            return None, route.skip
        source = route.source
        if source is None:
            source = self._router.adopt(route, peer)
        elif source.peer is not peer:
            if route.is_exclusive:
                text = f'{peer.name} sends this device, but {source} already does'
                self._log.once(route, 'second_source', text)
                self._router.refusals.note(peer, route, 'second_source')
                return None, 'second_source'
            source = source._replace(peer=peer)
        return source, ''

    def _publish(self, message: codec.Message, route: Route, source: Source, stamp: Stamp) -> str:
        """Publish a message, or count why not and return the cause."""
        outcomes = self._tally.here
        try:
            reason = self._output.publish(message, route, source, stamp)
        except ConvertError as error:
            reason = error.cause
            if route.is_decoded:
                source.peer.video.forget(message.device_name)  # later frames need this one
            self._log.once(message, reason, str(error))
            if reason == 'second_connection':
                self._router.refusals.note(source.peer, route, reason)
            route.causes.note(reason)
            outcomes.rejected[reason] += 1
            return reason
        except RCLError as error:  # a fault of ROS and not of the peer
            route.is_failing = route.is_bulk = True  # publish() may block: not on the I/O thread
            self._log.once(message, 'publish_failed', f'ROS cannot publish: {error}')
            route.causes.note('publish_failed')
            outcomes.publish_failed += 1
            return 'publish_failed'
        except Exception:
            outcomes.rejected['internal_error'] += 1
            raise  # the transport logs it, and closes only this session
        if reason == 'late':
            outcomes.late += 1
            return ''
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

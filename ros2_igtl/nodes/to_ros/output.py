# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Converts the messages of a route, and publishes them on its topics and on tf."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.node import Node
from tf2_ros import TransformBroadcaster

from ros2_igtl import codec
from ros2_igtl.convert import conversions
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.math.stamps import MAX_STAMP_NS, NANOSECONDS_PER_SECOND, split_stamp
from ros2_igtl.convert.pairs.metadata import metadata_to_ros
from ros2_igtl.convert.streams.peer_clock import Stamp
from ros2_igtl.convert.streams.timeliness import MAX_HOLD_NS
from ros2_igtl.nodes.qos import publisher_qos
from ros2_igtl.nodes.reporting.counters import Tally
from ros2_igtl.nodes.reporting.log import DeviceLog
from ros2_igtl.nodes.to_ros.device_watch import DeviceWatch
from ros2_igtl.nodes.to_ros.frame_tree import FrameTree, Source
from ros2_igtl.nodes.to_ros.hold import Batch, Retries
from ros2_igtl.nodes.to_ros.route import Output, Route
from ros2_igtl.nodes.to_ros.router import Router

MOST_TRANSFORMS = 100  # in a message; no other thread runs while rclpy serialises one

LATE = ('late', 'clock_unconfirmed')
"""The faults of stamps that count as ``late``."""

WITHHELD = {
    'late': 'the message arrived later than max_clock_skew allows, or its clock was set back '
    'during a silence, or the bridge was too busy',
    'clock_unconfirmed': 'the message may have waited somewhere: the clock of its peer differs '
    'from ours, and it is not known yet by how much',
    'stamp_in_future': 'the stamp is later than now by more than max_clock_skew; set the clock of '
    'its machine, or timestamp_mode to auto',
    'repeated': 'the message repeats the last one, with the same stamp',
    'stamp_not_newer': 'the stamp is not newer than the last one',
}
"""The reasons for which a pose is kept from tf."""


class RosOutput:
    """
    Publishes the messages of one connection, those of a route always on the same thread.

    :param node: provides the graph.
    :param broadcaster: sends to /tf.
    :param tree: the frames of the node.
    :param router: makes the sibling topics of a device.
    :param watch: checks for good samples, and for poses that their sender marks as faulty.
    :param tally: of the connection, for messages to ROS.
    :param log: of the connection's devices.
    :param frame_prefix: put before the frames in names of tools.
    """

    def __init__(
        self,
        node: Node,
        broadcaster: TransformBroadcaster,
        tree: FrameTree,
        router: Router,
        watch: DeviceWatch,
        tally: Tally,
        log: DeviceLog,
        frame_prefix: str,
    ) -> None:
        self._node = node
        self._broadcaster = broadcaster
        self._tree = tree
        self._router = router
        self._watch = watch
        self._tally = tally
        self._log = log
        self._frame_prefix = frame_prefix
        self._retries = Retries()

    def publish(self, message: codec.Message, route: Route, source: Source, stamp: Stamp) -> str:
        """
        Publish a message as a whole, or skip it.

        :param source: its sender.
        :param stamp: with a fault, its poses stay off tf.
        :returns: the cause if it was skipped; ``late`` if it was published, but its poses are too
            old for tf; or ''.
        :raises ConvertError: the message is rejected.
        """
        content, picture, outputs = message.content, None, route.outputs
        if route.is_lazy or route.is_in_parts or route.is_decoded:
            content, picture, outputs, reason = self._prepare(message, route, source)
            if reason:
                return reason
        if message.metadata:
            self._watch.check_faults(source.peer, message, route)
        if not 0 <= stamp.ns <= MAX_STAMP_NS:
            split_stamp(stamp.ns)  # refuses it
        sec, nanosec = divmod(stamp.ns, NANOSECONDS_PER_SECOND)
        child, parent = route.frames
        context = Context(
            message.device_name,
            Time(sec=sec, nanosec=nanosec),
            parent,
            child,
            message.header_version,
            message.message_id,
            message.metadata,
            self._frame_prefix,
        )
        poses = route.poses(content, context) if route.poses is not None else ()
        is_due = not route.interval_s or route.is_due()
        # convert everything before publishing anything
        batch = _convert(route, outputs if is_due else (), content, picture, context, poses)
        if poses and not stamp.fault and route.last_tf_ns >= 0:
            # for other work of this node; the first pose of a device waits for its publishers
            waited_ns = time.monotonic_ns() - stamp.arrival_ns
            if waited_ns > source.peer.clock.limit_ns + MAX_HOLD_NS:
                stamp = stamp._replace(fault='late')
        transforms = self._check_poses(route, source, poses, stamp)
        if not is_due:
            return 'rate_limit'
        if not outputs and not route.is_on_tf:
            return 'no_subscriber'
        self._deliver(message, route, source, context, batch, transforms)
        return 'late' if stamp.fault in LATE and route.is_exclusive else ''

    def _prepare(
        self, message: codec.Message, route: Route, source: Source
    ) -> tuple[Any, Any, list[Output], str]:
        """
        Assemble parts of a volume and decode video, if a subscriber needs it.

        :returns: the content; the decoded picture, for outputs that take one; the outputs to
            publish on; and why the message is skipped, if there is no subscriber, the volume is
            incomplete, or the frame gives no picture and has no other output.
        """
        peer, content = source.peer, message.content
        outputs = self._wanted(route) if route.is_lazy else route.outputs
        if not outputs and route.poses is None:
            if route.is_watched:
                self._watch.feed(route, peer, ())
            if route.is_decoded:
                peer.video.forget(message.device_name)  # the decoder misses this frame
            return content, None, outputs, 'no_subscriber'
        if route.is_in_parts:
            content = peer.volumes.add(message.device_name, content)
            return content, None, outputs, '' if content is not None else 'part_of_volume'
        if not any(output.conversion.is_decoded for output in outputs):
            if route.is_decoded:
                peer.video.forget(message.device_name)
            return content, None, outputs, ''
        picture = peer.video.decode(message.device_name, content)
        if picture is None:
            outputs = [output for output in outputs if not output.conversion.is_decoded]
        return content, picture, outputs, '' if outputs else 'no_picture'

    def _deliver(
        self,
        message: codec.Message,
        route: Route,
        source: Source,
        context: Context,
        batch: Batch,
        transforms: Sequence[Any],
    ) -> None:
        """Publish the ROS messages, or hold them while their topic is new."""
        for start in range(0, len(transforms), MOST_TRANSFORMS):
            self._broadcaster.sendTransform(transforms[start : start + MOST_TRANSFORMS])
        if message.metadata:
            batch += self._metadata(route, message, context)
        held = route.hold is not None and route.hold.put(
            batch, source.peer.session, message.body_size, self._lost
        )
        if held is None:  # replaced the oldest message
            outcomes = self._tally.here
            outcomes.done -= 1
            outcomes.replaced += 1
        elif not held:
            if route.is_failing:
                self._retries.begin()
            for publisher, ros_message in batch:
                publisher.publish(ros_message)
            if route.is_failing:
                route.is_failing = False
                self._retries.end()
        route.rate.tick()

    def _lost(self, count: int) -> None:
        """Correct the counts of held messages that ROS could not publish."""
        outcomes = self._tally.here
        outcomes.done -= count
        outcomes.publish_failed += count

    def _check_poses(
        self, route: Route, source: Source, poses: Sequence[Any], stamp: Stamp
    ) -> Sequence[Any]:
        """
        Note a good sample, and return the poses that may go to tf.

        :raises ConvertError: ``second_connection``: another connection's device owns a frame.
        """
        if stamp.fault and route.is_exclusive:
            return self._withhold(route, stamp.fault)
        peer, transforms = source.peer, poses
        # the pose of the device, whose frames never change, and not of a tool
        is_own = len(poses) == 1 and route.frames == (
            poses[0].child_frame_id,
            poses[0].header.frame_id,
        )
        if poses:
            if stamp.ns <= route.last_tf_ns:
                return self._withhold(route, 'stamp_not_newer')
            if not route.is_on_tf:
                transforms = ()
            elif not is_own or route.claimed_by is not peer or peer.is_gone:
                transforms = self._claim(route, source, poses, is_own)
            route.last_tf_ns = stamp.ns
        if route.is_watched:
            watched = route.watched
            if is_own and watched is not None and watched.peer is peer and not watched.fault:
                watched.last_s = time.monotonic()
            else:
                self._watch.feed(route, peer, poses)
        return transforms

    def _claim(
        self, route: Route, source: Source, poses: Sequence[Any], is_own: bool
    ) -> Sequence[Any]:
        """Claim the frames of poses, and return those that may go to tf."""
        transforms, refusals = self._tree.claim(poses, source)
        faults = [refusal for refusal in refusals if refusal.is_fault]
        for refusal in refusals:
            self._log.once(route, refusal.cause, refusal.text)
        for fault in faults:
            route.causes.note(fault.cause)
        self._tally.here.tf_withheld += bool(faults)
        self._router.refusals.note(source.peer, route, faults[0].cause if faults else '')
        route.refusal = next(iter([*faults, *refusals]), None)
        route.was_on_tf |= bool(transforms)
        if is_own and not refusals and route.type_name not in conversions.TF_PLANES:
            route.claimed_by = source.peer  # a plane may have to give way
        return transforms

    def _withhold(self, route: Route, cause: str) -> tuple[()]:
        """
        Return nothing for tf, since a pose is old, or not newer than the last one.

        The pose is no good sample either.
        """
        if cause not in LATE:
            self._tally.here.tf_withheld += route.is_on_tf
        route.causes.note(cause)
        self._log.once(route, cause, f'{WITHHELD[cause]}; the pose is not sent to tf')
        return ()

    def _wanted(self, route: Route) -> list[Output]:
        """Return the outputs with a subscriber, and the latched ones."""
        return [
            output
            for output in route.outputs
            if output.conversion.latched
            or output.publisher.get_subscription_count()
            # the graph knows of subscribers before they are connected
            or self._node.count_subscribers(output.publisher.topic_name)
        ]

    def _metadata(self, route: Route, message: codec.Message, context: Context) -> Batch:
        """Return the ROS message for a message's metadata."""
        # latched if the message itself is
        qos = publisher_qos(route.outputs[0].conversion, {})
        publisher = self._router.sibling(route, conversions.METADATA, qos)
        if publisher is None:
            return []
        return [(publisher, metadata_to_ros(message.type_name, context))]


def _convert(
    route: Route,
    outputs: Sequence[Output],
    content: Any,
    picture: Any,
    context: Context,
    poses: Sequence[Any],
) -> Batch:
    """
    Return the ROS messages of a content for the topics of its route.

    :param picture: for the outputs that take one.
    :param poses: the poses for tf, which are also used for a topic of the same conversion.
    """
    batch: Batch = []
    for conversion, publisher in outputs:
        if conversion.to_ros is route.poses:
            ros_messages = poses
        else:
            given = picture if conversion.is_decoded else content
            ros_messages = conversion.to_ros(given, context)  # type: ignore[misc]
        for ros_message in ros_messages:
            batch.append((publisher, ros_message))
    return batch

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
From ROS to OpenIGTLink: subscriptions and tf look-ups of one connection.

Everything here runs in ROS callbacks, unless it says otherwise, and nothing in it waits: a message
is packed and left in the peers' outboxes.
"""

from __future__ import annotations

import logging
import time
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time
from tf2_ros import Buffer, TransformException

from ros2_igtl import codec
from ros2_igtl.config import MappingRow
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.context import Outbound as Converted
from ros2_igtl.convert.conversions import find_conversion, ros_type
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.qos import subscription_overriding, subscription_qos
from ros2_igtl.nodes.reporting.counters import Outcomes, Rate
from ros2_igtl.nodes.to_igtl.audience import Audience
from ros2_igtl.nodes.to_igtl.bind import BindGroup
from ros2_igtl.transport import Traffic
from ros2_igtl.transport.log import Throttle

TF_TYPE = 'geometry_msgs/msg/TransformStamped'

Convert = Callable[[], Sequence[Converted]]
"""Makes what is to be sent; nothing where that has been sent before."""


class Sender(ABC):
    """
    What all ways of sending one row have in common.

    :param node: for its logger.
    :param row: of the mapping file.
    :param audience: which peers get it, and how it is sent to them.
    :param outcomes: of the connection, in the direction of the peers.
    :param group: the BIND that the row's messages leave in; None: they leave alone.
    """

    traffic: Traffic = 'state'

    def __init__(
        self,
        node: Node,
        row: MappingRow,
        audience: Audience,
        outcomes: Outcomes,
        group: BindGroup | None = None,
    ) -> None:
        self.row = row
        self.rate = Rate()
        self.audience = audience
        self._group = group
        self._place = 0 if group is None else group.add_row(self.rate)
        self._node = node
        self._outcomes = outcomes
        self._interval_s = 1.0 / row.rate_limit if row.rate_limit else 0.0
        self._next_s = 0.0
        self.type_name = row.igtl_type_name
        name = row.igtl_device_name or ''
        self.device_name = naming.fit_device_name(name)
        self._full_name: dict[str, str] = {}  # as metadata
        self._name = f"{self.source} -> {row.igtl_type_name} '{row.igtl_device_name}'"
        self._throttle = Throttle()
        self._is_static = False  # what is sent now goes to each peer once
        self._heard_s: float | None = None  # steady clock when ROS last gave something new
        if self.device_name != name:
            self._full_name[naming.FULL_NAME_KEY] = name
            node.get_logger().warning(
                f'{self._name}: the device name has more than {naming.DEVICE_NAME_SIZE} bytes and '
                f"is sent as '{self.device_name}', with the metadata {naming.FULL_NAME_KEY}"
            )

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return self.row.ros_topic_name or 'tf'

    @property
    def silence_s(self) -> float:
        """For how long ROS has given nothing new; 0 if it never has, or gives what holds on."""
        if self._heard_s is None or self._is_static:
            return 0.0
        return self._looked_s() - self._heard_s

    def _looked_s(self) -> float:
        """Return until when (steady clock) it is known whether ROS gave something new."""
        return time.monotonic()

    def follow(self) -> None:  # noqa: B027
        """Follow the publishers' quality of service; of tf it is always the same."""

    @abstractmethod
    def destroy(self) -> None:
        """Stop."""

    @abstractmethod
    def _newest(self) -> Sequence[Converted]:
        """Return what there is now, for peers that ask; on any thread."""

    def newest(self) -> Sequence[codec.Message]:
        """Return what a peer that asks gets now, nothing if there is nothing; on any thread."""
        try:
            return [self._message(converted) for converted in self._newest()]
        except (ConvertError, TransformException) as error:
            self._warn(_cause(error), str(error))
        except Exception:
            self._log_fault()
        return ()

    def _submit(self, convert: Convert) -> None:
        """Convert, pack and queue; count what becomes of it."""
        outcomes = self._outcomes
        outcomes.received += 1
        now = time.monotonic()
        if now < self._next_s:
            outcomes.skipped['rate_limit'] += 1
            return
        peers, nobody = self.audience.due(now)
        if nobody and self._group is None:
            outcomes.skipped[nobody] += 1
            return
        try:
            queued = 0
            ready = convert()
            if ready and self._is_static:
                peers, nobody = self.audience.lacking(peers)
            if not ready or (nobody and self._group is None):
                outcomes.skipped[nobody if ready else 'not_newer'] += 1
                return
            for converted in ready:
                message = self._message(converted)
                queued += self.audience.send(message, self.traffic, peers, now)
            if self._group is not None:
                self._put(self._group, ready[-1])
                self._next_s = now + self._interval_s
                return
        except (ConvertError, codec.EncodeError, TransformException) as error:
            cause = _cause(error)
            self._warn(cause, str(error))
            outcomes.rejected[cause] += 1
            return
        except Exception:  # a fault of ours, or of a user's conversion: this message only
            self._log_fault()
            outcomes.rejected['internal_error'] += 1
            return
        if queued:
            outcomes.done += 1
            self.rate.tick()
            self._next_s = now + self._interval_s
        else:
            outcomes.skipped['no_peer'] += 1

    def _put(self, group: BindGroup, converted: Converted) -> None:
        """Leave a message to the BIND; where ROS gives it no stamp, it is of now."""
        stamp_ns = converted.stamp_ns or self._node.get_clock().now().nanoseconds
        group.put(self._place, self._message(converted), stamp_ns, self.traffic)

    def _log_fault(self) -> None:
        """Log the exception that is being handled."""
        self._node.get_logger().error(
            f'{self._name}: internal_error:\n{traceback.format_exc()}',
            throttle_duration_sec=5.0,
        )

    def _warn(self, cause: str, text: str) -> None:
        """Log a line, unless one of this row and cause was logged a short time ago."""
        self._throttle.log(logging.WARNING, cause, f'{self._name}: {cause}: {text}')

    def _message(self, converted: Converted) -> codec.Message:
        conversions.check_type(self.type_name, converted.content)
        metadata = {**self.row.metadata, **converted.metadata, **self._full_name}
        return codec.Message(
            converted.content,
            self.device_name,
            codec.timestamp.from_nanoseconds(converted.stamp_ns),
            2 if converted.message_id or metadata else 1,  # a peer gets what it can read
            converted.message_id,
            metadata,
            type_name=self.type_name,
        )


def _cause(error: Exception) -> str:
    if isinstance(error, ConvertError):
        return error.cause
    return 'tf_lookup' if isinstance(error, TransformException) else 'encode'


class FollowingSubscription:
    """
    A subscription that follows its publishers' quality of service.

    :param row: of the table: what the topic has.
    :param overrides: the mapping file's ``qos``.
    :param callback: is given each message once, though a new subscription hears what is latched
        again.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        row: conversions.Conversion,
        overrides: Mapping[str, Any],
        callback: Callable[[Any], None],
    ) -> None:
        self._node = node
        self._topic = topic
        self._row = row
        self._overrides = overrides
        self._callback = callback
        self._qos: QoSProfile | None = None
        self._subscription: Any = None
        self._recent: deque[int] = deque()  # when what came last was published, nanoseconds
        self._heard: frozenset[int] = frozenset()  # the same of the subscriptions before this one
        self.follow()

    def follow(self) -> None:
        """Subscribe, and anew if the publishers now ask for another quality of service."""
        profile = subscription_qos(self._node, self._topic, self._row, self._overrides)
        if profile == self._qos:
            return
        self.destroy()
        self._heard = frozenset(self._recent)
        self._recent = deque(self._recent, maxlen=profile.depth)
        self._qos = profile
        self._subscription = self._node.create_subscription(
            ros_type(self._row.ros_type_name),
            self._topic,
            self._received,
            profile,
            qos_overriding_options=subscription_overriding(self._overrides),
        )

    def destroy(self) -> None:
        """Unsubscribe; may be called twice."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _received(self, ros_message: Any, info: Mapping[str, Any]) -> None:
        published_ns = info['source_timestamp']
        if published_ns not in self._heard:
            self._recent.append(published_ns)
            self._callback(ros_message)


class TopicSender(Sender):
    """Sends what comes on a topic."""

    def __init__(
        self,
        node: Node,
        row: MappingRow,
        audience: Audience,
        outcomes: Outcomes,
        group: BindGroup | None = None,
    ) -> None:
        super().__init__(node, row, audience, outcomes, group)
        assert row.ros_topic_name is not None
        assert row.ros_type_name is not None
        self._mapping = find_conversion(row.igtl_type_name, row.ros_type_name)
        self.traffic = self._mapping.traffic
        self._last: tuple[Any, ...] = ()  # newest message, and its companion if any
        topic = node.resolve_topic_name(row.ros_topic_name)
        self._subscriptions = [
            FollowingSubscription(node, topic, self._mapping, row.qos, self._received)
        ]
        self._companion_topic = ''
        self._companion: Any = None  # newest message of the companion topic
        self._waiting: Any = None  # newest message whose companion has not come
        if self._mapping.companion:
            self._companion_topic = node.resolve_topic_name(f'{topic}/{self._mapping.companion}')
            companion = next(
                other
                for other in conversions.CONVERSIONS
                if other.type_name == self._mapping.type_name
                and other.topic_suffix == self._mapping.companion
            )
            self._subscriptions.append(
                FollowingSubscription(
                    node, self._companion_topic, companion, row.qos, self._companion_received
                )
            )

    def follow(self) -> None:
        """Follow the publishers' quality of service."""
        for subscription in self._subscriptions:
            subscription.follow()

    def destroy(self) -> None:
        """Unsubscribe, and count what still waits."""
        for subscription in self._subscriptions:
            subscription.destroy()
        self._give_up_waiting()

    def _received(self, ros_message: Any) -> None:
        self._give_up_waiting()
        if self._companion_topic and self._node.count_publishers(self._companion_topic):
            self._waiting = ros_message
            self._send_pair()
        else:
            self._take(ros_message)

    def _companion_received(self, ros_message: Any) -> None:
        self._companion = ros_message
        self._send_pair()

    def _give_up_waiting(self) -> None:
        """Count a message whose companion has not come."""
        if self._waiting is not None:
            self._waiting = None
            self._outcomes.received += 1
            self._outcomes.skipped['no_companion'] += 1
            self._warn(
                'no_companion', f'nothing of the same stamp has come on {self._companion_topic}'
            )

    def _send_pair(self) -> None:
        """Send the message that waits when the companion of its stamp is there."""
        message, companion = self._waiting, self._companion
        if message is None or companion is None:
            return
        if message.header.stamp == companion.header.stamp:
            self._waiting = None
            self._take(message, companion)

    def _take(self, *ros_messages: Any) -> None:
        """Send what has come, and keep it for peers that will ask."""
        self._heard_s = time.monotonic()
        self._last = ros_messages
        self._submit(lambda: self._convert(*ros_messages))

    def _newest(self) -> Sequence[Converted]:
        """Return what came last."""
        last = self._last
        return self._convert(*last) if last else ()

    def _convert(self, *ros_messages: Any) -> Sequence[Converted]:
        assert self._mapping.from_ros is not None  # the mapping file was checked against the table
        return self._mapping.from_ros(*ros_messages)


class TfSender(Sender):
    """
    Looks up a pair of frames, or several for one message, at a rate.

    A pose is never repeated: what tf has not heard anew is not sent again. Static transforms,
    whose stamp is 0, go once to each peer, and again when they change; into a BIND they go at the
    rate, since the others of its rows wait for them.

    :param stale_timeout_s: a tool whose pose is older is absent from the message; 0: never.
    """

    def __init__(
        self,
        node: Node,
        row: MappingRow,
        audience: Audience,
        outcomes: Outcomes,
        buffer: Buffer,
        stale_timeout_s: float,
        group: BindGroup | None = None,
    ) -> None:
        super().__init__(node, row, audience, outcomes, group)
        assert row.tf is not None
        self._tf = row.tf
        self._buffer = buffer
        self._stale_timeout_ns = round(1e9 * stale_timeout_s)
        # of each tool in the last message the stamp, nanoseconds, or the pose if it is static
        self._sent: dict[str, Any] = {}
        self._last: Sequence[Converted] = ()
        self._look_s = 0.0  # steady clock at the last look
        self._timer: Any = None
        if row.tf.rate is not None:
            period_s = 1.0 / row.tf.rate
            self._timer = node.create_timer(period_s, lambda: self._submit(self._convert))

    def destroy(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)

    def _looked_s(self) -> float:
        """Return when tf was last asked, which it is while somebody is due."""
        return super()._looked_s() if self._timer is None else self._look_s

    def _newest(self) -> Sequence[Converted]:
        """Return the poses of now, sent before or not."""
        return self._message_of(self._transforms())

    def _convert(self) -> Sequence[Converted]:
        """Return the poses of now, nothing if they are not new; static ones always."""
        self._look_s = time.monotonic()
        transforms = self._transforms()
        found = {name: stamp_of(pose) or pose.transform for name, pose in transforms}
        if found != self._sent:
            if found:
                self._heard_s = self._look_s
            self._sent, self._last = found, ()
            self._last = self._message_of(transforms)
            self.audience.renew()
            self._is_static = bool(found) and not any(stamp_of(pose) for _, pose in transforms)
            return self._last
        return self._last if self._is_static else ()

    def _transforms(self) -> list[tuple[str, Any]]:
        """
        Return the tools that are not stale by name; a pair of frames is one without a name.

        :raises TransformException: tf does not know the pair.
        """
        if not self._tf.tools:
            return [('', self._look_up(self._tf.parent_frame_id, self._tf.child_frame_id))]
        now_ns = self._node.get_clock().now().nanoseconds
        transforms = []
        for tool in self._tf.tools:
            try:
                transform = self._look_up(tool.parent_frame_id, tool.child_frame_id)
            except TransformException as error:
                self._warn('tf_lookup', f"tool '{tool.name}' is absent: {error}")
                continue
            timeout_ns, stamp_ns = self._stale_timeout_ns, stamp_of(transform)
            if not (stamp_ns and timeout_ns and now_ns - stamp_ns > timeout_ns):
                transforms.append((tool.name, transform))
        return transforms

    def _look_up(self, parent: str | None, child: str | None, time: Time | None = None) -> Any:
        return self._buffer.lookup_transform(parent, child, time or Time())

    def _message_of(self, transforms: list[tuple[str, Any]]) -> Sequence[Converted]:
        """Return the one message of what was looked up."""
        if self._tf.child_frame_id is None:
            return (conversions.TF_TOOLS[self.type_name](transforms),)
        from_ros = find_conversion(self.row.igtl_type_name, TF_TYPE).from_ros
        assert from_ros is not None
        return from_ros(transforms[0][1])


def stamp_of(transform: Any) -> int:
    """Return when a pose was that tf has, nanoseconds; 0 if it holds for all times."""
    return int(Time.from_msg(transform.header.stamp).nanoseconds)

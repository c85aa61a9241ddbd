# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Sends the messages of a topic."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rclpy.serialization import deserialize_message

from ros2_igtl.convert import conversions
from ros2_igtl.convert.context import Outbound
from ros2_igtl.convert.conversions import find_conversion, ros_type
from ros2_igtl.nodes.to_igtl.sender import Sender, Wiring
from ros2_igtl.nodes.to_igtl.subscription import FollowingSubscription

# rclpy takes 1 ms to deserialise 1 KB of markers or of a path, but of images none.
LARGE_BYTES = 4096


class TopicSender(Sender):
    """
    Sends the messages of a topic.

    The worker deserialises large messages, so that poses do not wait for them.

    If the conversion also reads a sibling topic, a message waits for the sibling's message with
    the same stamp.
    """

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring)
        node, row = wiring.node, wiring.row
        assert row.ros_topic_name is not None
        assert row.ros_type_name is not None
        self._conversion = conversion = find_conversion(row.igtl_type_name, row.ros_type_name)
        self.traffic = conversion.traffic
        self.is_bulk = conversion.is_bulk
        if conversion.is_bulk and row.stale_timeout is None:
            self._stale_timeout_ns = 0  # an image is asked for long after it was taken
        # newest message, and that of the sibling if any; serialised if there is no sibling
        self._last: tuple[Any, ...] = ()
        self._class = ros_type(conversion.ros_type_name)
        self._is_raw = is_raw = not conversion.reads_sibling
        topic = node.resolve_topic_name(row.ros_topic_name)
        self._subscriptions = [
            FollowingSubscription(
                node,
                topic,
                conversion,
                row.qos,
                self._received_raw if is_raw else self._received,
                raw=is_raw,
                replaced=self._replaced if is_raw and self.traffic == 'state' else None,
            )
        ]
        self._sibling_topic = ''
        self._sibling: Any = None  # newest message of the sibling topic
        self._waiting: Any = None  # newest message still without its sibling
        if self._conversion.reads_sibling:
            self._sibling_topic = node.resolve_topic_name(
                f'{topic}/{self._conversion.reads_sibling}'
            )
            sibling = next(
                other
                for other in conversions.CONVERSIONS
                if other.type_name == self._conversion.type_name
                and other.sibling == self._conversion.reads_sibling
            )
            self._subscriptions.append(
                FollowingSubscription(
                    node, self._sibling_topic, sibling, row.qos, self._sibling_received
                )
            )

    def follow(self) -> None:
        """Follow the publishers' quality of service."""
        for subscription in self._subscriptions:
            subscription.follow()

    def destroy(self) -> None:
        """Unsubscribe, and count a waiting message."""
        for subscription in self._subscriptions:
            subscription.destroy()
        self._give_up_waiting()

    def _received_raw(self, data: bytes) -> None:
        """Send a serialised message."""
        self.is_bulk |= len(data) > LARGE_BYTES  # later ones too, so that they stay in order
        self._take(data)

    def _replaced(self) -> None:
        """Count a message that was replaced before it was received here."""
        self._tally.here.received += 1
        self._tally.here.replaced += 1

    def _received(self, ros_message: Any) -> None:
        self._give_up_waiting()
        if self._sibling_topic and self._node.count_publishers(self._sibling_topic):
            self._waiting = ros_message
            self._send_pair()
        else:
            self._take(ros_message)

    def _sibling_received(self, ros_message: Any) -> None:
        self._sibling = ros_message
        self._send_pair()

    def _give_up_waiting(self) -> None:
        """Discard and count a message whose sibling has not arrived."""
        if self._waiting is not None:
            self._waiting = None
            self._tally.here.received += 1
            self._tally.here.skipped['no_sibling'] += 1
            text = f'no message with the same stamp has arrived on {self._sibling_topic}'
            self._warn('no_sibling', text)

    def _send_pair(self) -> None:
        """Send the waiting message if that of its sibling has arrived."""
        message, sibling = self._waiting, self._sibling
        if message is None or sibling is None:
            return
        if message.header.stamp == sibling.header.stamp:
            self._waiting = None
            self._take(message, sibling)

    def _take(self, *ros_messages: Any) -> None:
        """Send a message, and keep it for queries."""
        self._heard_s = time.monotonic()
        self._last = ros_messages
        size = len(ros_messages[0]) if self._is_raw else 0
        self._submit(lambda: self._convert(*ros_messages), size)

    def _newest(self) -> Sequence[Outbound]:
        """Return the last message."""
        last = self._last
        return self._convert(*last) if last else ()

    def _convert(self, *ros_messages: Any) -> Sequence[Outbound]:
        assert (
            self._conversion.from_ros is not None
        )  # the mapping file was checked against the table
        if self._is_raw:
            ros_messages = (deserialize_message(ros_messages[0], self._class),)
        return self._conversion.from_ros(*ros_messages)

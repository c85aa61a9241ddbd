# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A subscription that follows the quality of service of its publishers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.convert.conversions import ros_type
from ros2_igtl.nodes.qos import (
    DEPTH_OF_TRAFFIC,
    subscription_overriding,
    subscription_qos,
)

# A message that has waited as long for its callback has probably been followed by newer ones.
BEHIND_NS = 20_000_000


class FollowingSubscription:
    """
    A subscription that follows its publishers' quality of service.

    :param conversion: of the topic.
    :param overrides: the mapping file's ``qos``.
    :param callback: receives each message once, although a new subscription gets latched messages
        again.
    :param raw: the callback receives serialised messages.
    :param replaced: called for each message that was replaced by a newer one, because both waited
        for the callback; None: the callback receives all.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        conversion: Conversion,
        overrides: Mapping[str, Any],
        callback: Callable[[Any], None],
        *,
        raw: bool = False,
        replaced: Callable[[], None] | None = None,
    ) -> None:
        self._node = node
        self._topic = topic
        self._conversion = conversion
        self._overrides = overrides
        self._callback = callback
        self._raw = raw
        self._replaced = replaced
        self._qos: QoSProfile | None = None
        self._subscription: Any = None
        self._recent: deque[int] = deque()  # publishing times of the last messages, nanoseconds
        self._heard: frozenset[int] = frozenset()  # the same of earlier subscriptions
        self.follow()

    def follow(self) -> None:
        """Subscribe, again if the publishers need another quality of service."""
        profile = subscription_qos(self._node, self._topic, self._conversion, self._overrides)
        if profile == self._qos:
            return
        self.destroy()
        self._heard = frozenset(self._recent)
        self._recent = deque(self._recent, maxlen=profile.depth)
        self._qos = profile
        self._subscription = self._node.create_subscription(
            ros_type(self._conversion.ros_type_name),
            self._topic,
            self._received,
            profile,
            qos_overriding_options=subscription_overriding(self._overrides),
            raw=self._raw,
        )

    def destroy(self) -> None:
        """Unsubscribe; may be called twice."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _received(self, ros_message: Any, info: Mapping[str, Any]) -> None:
        if self._replaced and time.time_ns() - info['received_timestamp'] > BEHIND_NS:
            ros_message, info = self._newest(ros_message, info, self._replaced)
        published_ns = info['source_timestamp']
        if published_ns not in self._heard:
            self._recent.append(published_ns)
            self._callback(ros_message)

    def _newest(
        self, ros_message: Any, info: Mapping[str, Any], replaced: Callable[[], None]
    ) -> tuple[Any, Mapping[str, Any]]:
        """Return the newest message that waits, given the oldest."""
        subscription = self._subscription
        with subscription.handle:
            for _ in range(DEPTH_OF_TRAFFIC['state']):  # more may come meanwhile
                taken = subscription.handle.take_message(subscription.msg_type, self._raw)
                if taken is None:
                    break
                replaced()
                ros_message, info = taken
        return ros_message, info

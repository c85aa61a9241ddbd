# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A subscription that follows the quality of service of its publishers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.convert.conversions import ros_type
from ros2_igtl.nodes.qos import subscription_overriding, subscription_qos


class FollowingSubscription:
    """
    A subscription that follows its publishers' quality of service.

    :param conversion: of the topic.
    :param overrides: the mapping file's ``qos``.
    :param callback: receives each message once, although a new subscription gets latched messages
        again.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        conversion: Conversion,
        overrides: Mapping[str, Any],
        callback: Callable[[Any], None],
    ) -> None:
        self._node = node
        self._topic = topic
        self._conversion = conversion
        self._overrides = overrides
        self._callback = callback
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

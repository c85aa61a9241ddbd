# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes transforms that change on /tf."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from tf2_msgs.msg import TFMessage


class TransformBroadcaster:
    """Publishes on /tf."""

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        """Use the given quality of service, by default reliable with depth 100."""
        self.pub_tf = node.create_publisher(TFMessage, '/tf', 100 if qos is None else qos)

    def sendTransform(  # noqa: N802 (the original name)
        self, transform: TransformStamped | Iterable[TransformStamped]
    ) -> None:
        """Publish one transform, or several in one message."""
        single = isinstance(transform, TransformStamped)
        self.pub_tf.publish(TFMessage(transforms=[transform] if single else list(transform)))

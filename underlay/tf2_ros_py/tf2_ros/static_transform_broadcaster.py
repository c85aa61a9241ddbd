# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes transforms that do not change on /tf_static."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage


class StaticTransformBroadcaster:
    """Publishes all its transforms on /tf_static each time, so that late subscribers get them."""

    def __init__(self, node: Node, qos: QoSProfile | None = None) -> None:
        """Use the given quality of service, by default latched with depth 1."""
        if qos is None:
            qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.pub_tf = node.create_publisher(TFMessage, '/tf_static', qos)
        self.net_message = TFMessage()

    def sendTransform(  # noqa: N802 (the original name)
        self, transform: TransformStamped | Iterable[TransformStamped]
    ) -> None:
        """
        Publish one or several transforms, together with all earlier ones.

        As in Jazzy, the first transform of a child frame stays; later versions replace it.
        """
        single = isinstance(transform, TransformStamped)
        known = {t.child_frame_id: t for t in self.net_message.transforms}
        for new in [transform] if single else transform:
            known.setdefault(new.child_frame_id, new)
        self.net_message = TFMessage(transforms=list(known.values()))
        self.pub_tf.publish(self.net_message)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Fills a buffer from /tf and /tf_static."""

from __future__ import annotations

from threading import Thread

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from tf2_ros.buffer import Buffer


class TransformListener:
    """Subscribes to /tf and /tf_static as long as it exists."""

    def __init__(
        self,
        buffer: Buffer,
        node: Node,
        *,
        spin_thread: bool = False,
        qos: QoSProfile | None = None,
        static_qos: QoSProfile | None = None,
    ) -> None:
        """
        Subscribe.

        :param spin_thread: spin the node in a separate thread.
        :param qos: of /tf; default: reliable with depth 100.
        :param static_qos: of /tf_static; default: the same and transient local.
        """
        self.buffer = buffer
        self.node = node
        self.group = ReentrantCallbackGroup()
        self.tf_sub = node.create_subscription(
            TFMessage,
            '/tf',
            self.callback,
            qos or QoSProfile(depth=100),
            callback_group=self.group,
        )
        self.tf_static_sub = node.create_subscription(
            TFMessage,
            '/tf_static',
            self.static_callback,
            static_qos or QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL),
            callback_group=self.group,
        )
        if spin_thread:
            self.executor = SingleThreadedExecutor()
            self.executor.add_node(node)
            Thread(target=self.executor.spin, daemon=True).start()

    def unregister(self) -> None:
        """Unsubscribe."""
        self.node.destroy_subscription(self.tf_sub)
        self.node.destroy_subscription(self.tf_static_sub)

    def callback(self, data: TFMessage) -> None:
        """Store the transforms of a message on /tf."""
        for transform in data.transforms:
            self.buffer.set_transform(transform, 'default_authority')

    def static_callback(self, data: TFMessage) -> None:
        """Store the transforms of a message on /tf_static."""
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, 'default_authority')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS program of the demo, which uses only topics and messages, not OpenIGTLink."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import String
from streams import Stream
from tf2_msgs.msg import TFMessage
from tf2_ros import TransformBroadcaster

from ros2_igtl.msg import ImageGeometry

ROBOT_PERIOD_S = 5.0


class RosSide:
    """
    Subscribes to the bridge's topics, and publishes a pose and a text: a context manager.

    :ivar poses: (x, y, z) in metres and rotation matrices of the tool, in the order of arrival.
    :param image_arrived: called with the stamp in nanoseconds and the pixels, shape (rows,
        columns).
    """

    GREETING = 'greetings from ROS'
    ROBOT_RADIUS_M = 0.1
    ROBOT_HEIGHT_M = 0.25

    def __init__(self, image_arrived: Callable[[int, NDArray[np.uint8]], None]) -> None:
        self._image_arrived = image_arrived
        self.poses: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        self.transform = Stream(
            'Tracker',
            'TRANSFORM',
            True,
            '/tracker/transform/Tracker  geometry_msgs/TransformStamped',
            'tracker',
        )
        self.frame = Stream('Tracker', 'TRANSFORM', True, '/tf  igtl_ras -> Tracker', 'tracker')
        self.image = Stream(
            'ImagerClient',
            'IMAGE',
            True,
            '/imager/image/ImagerClient  sensor_msgs/Image',
            'imager',
        )
        self.geometry = Stream(
            'ImagerClient',
            'IMAGE',
            True,
            '/imager/image/ImagerClient/geometry  ros2_igtl/ImageGeometry',
            'imager',
        )
        self.streams = [self.transform, self.frame, self.image, self.geometry]

    def __enter__(self) -> RosSide:
        """Start subscribing and publishing, in a thread."""
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('demo')
        node = self._node
        node.create_subscription(
            TransformStamped, '/tracker/transform/Tracker', self._on_transform, 50
        )
        node.create_subscription(TFMessage, '/tf', self._on_tf, 100)
        node.create_subscription(Image, '/imager/image/ImagerClient', self._on_image, 10)
        node.create_subscription(
            ImageGeometry, '/imager/image/ImagerClient/geometry', self._on_geometry, 10
        )
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.diagnosed: dict[str, dict[str, str]] = {}
        self._broadcaster = TransformBroadcaster(node)
        self._greeting = node.create_publisher(String, '/greeting', 10)
        node.create_timer(0.05, self._publish_robot)
        node.create_timer(1.0, lambda: self._greeting.publish(String(data=self.GREETING)))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread and leave the ROS graph."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.shutdown()

    def rejected(self, node: str, to_ros: bool) -> str:
        """Return the number of messages that a bridge node reports as rejected in a direction."""
        values = self.diagnosed.get(f'{node}: {node}')
        if values is None:
            return '-'
        if to_ros:
            return values['rejected']
        causes = [
            count
            for key, count in values.items()
            if key.startswith(('outbound_rejected ', 'send_rejected '))
        ]
        return str(sum(map(int, causes)))

    def _publish_robot(self) -> None:
        """Publish the pose of the robot, which moves on a horizontal circle; metres."""
        now = self._node.get_clock().now()
        angle = 2.0 * math.pi * (now.nanoseconds / 1e9 % ROBOT_PERIOD_S) / ROBOT_PERIOD_S
        transform = TransformStamped()
        transform.header.stamp = now.to_msg()
        transform.header.frame_id = 'world'
        transform.child_frame_id = 'robot'
        transform.transform.translation.x = self.ROBOT_RADIUS_M * math.cos(angle)
        transform.transform.translation.y = self.ROBOT_RADIUS_M * math.sin(angle)
        transform.transform.translation.z = self.ROBOT_HEIGHT_M
        self._broadcaster.sendTransform(transform)

    def _on_transform(self, message: Any) -> None:
        self.transform.arrived()
        translation, rotation = message.transform.translation, message.transform.rotation
        x, y, z, w = rotation.x, rotation.y, rotation.z, rotation.w
        matrix = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        self.poses.append((np.array([translation.x, translation.y, translation.z]), matrix))

    def _on_tf(self, message: Any) -> None:
        for transform in message.transforms:
            if transform.child_frame_id == 'Tracker':
                self.frame.arrived()

    def _on_image(self, message: Any) -> None:
        self.image.arrived()
        pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
        stamp_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        self._image_arrived(stamp_ns, pixels[:, : message.width])

    def _on_geometry(self, message: Any) -> None:
        self.geometry.arrived()

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            self.diagnosed[status.name] = {pair.key: pair.value for pair in status.values}

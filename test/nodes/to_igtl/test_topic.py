# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How soon the newest messages of topics are sent while others take their time."""

from __future__ import annotations

import threading
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from visualization_msgs.msg import Marker, MarkerArray

from helpers.bridge_peer import serve
from helpers.outcomes import sent_by
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl import codec

ROWS = """\
version: 1
connections:
  - mappings:
      - {igtl_device_name: Marks, igtl_type_name: POINT, direction: ROS_TO_IGTL,
         ros_topic_name: /markers, ros_type_name: visualization_msgs/msg/MarkerArray}
      - {igtl_device_name: Tip, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL,
         ros_topic_name: /tip, ros_type_name: geometry_msgs/msg/TransformStamped}
"""
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
MARKER_ARRAY = 'visualization_msgs/msg/MarkerArray'


def pose(number: int) -> TransformStamped:
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = 'base', 'tip'
    message.transform.rotation.w = 1.0
    message.transform.translation.x = float(number)
    return message


def markers(count: int) -> MarkerArray:
    marker = Marker(type=Marker.SPHERE)
    marker.header.frame_id = 'base'
    marker.pose.orientation.w = 1.0
    return MarkerArray(markers=[marker] * count)


def test_f61_a_pose_does_not_wait_while_many_markers_are_deserialised(
    graph: Graph, tmp_path: Path
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(ROWS)
    bridge, peer = serve(graph, config_file=str(path))
    poses = graph.publisher(TRANSFORM_STAMPED, '/tip')
    arrays = graph.publisher(MARKER_ARRAY, '/markers')
    entered, go_on = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        go_on.wait(10.0)

    blocked = graph.user.executor.create_task(block)
    assert entered.wait(10.0)
    arrays.publish(markers(2_000))
    poses.publish(pose(1))
    go_on.set()
    messages = [codec.unpack(peer.receive_message()) for _ in range(2)]
    assert [message.type_name for message in messages] == ['TRANSFORM', 'POINT']
    assert len(messages[1].content.points) == 2_000
    arrays.publish(markers(1))  # in order, although it is small
    assert len(codec.unpack(peer.receive_message()).content.points) == 1
    wait_until(blocked.done)
    assert sent_by(bridge.connections[0]).done == 3


def test_f61_of_poses_that_have_waited_the_newest_is_sent(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(ROWS)
    bridge, peer = serve(graph, config_file=str(path))
    poses = graph.publisher(TRANSFORM_STAMPED, '/tip')
    go_on = threading.Event()
    graph.user.executor.create_task(lambda: go_on.wait(0.5))
    for number in range(50):
        poses.publish(pose(number))
    last = -1.0
    while last < 49.0:
        last = codec.unpack(peer.receive_message()).content[9] / 1e3
    counts = sent_by(bridge.connections[0])
    assert counts.received == 50
    assert counts.replaced >= 40


def test_f61_a_pose_that_leaves_late_is_a_warning(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(ROWS)
    bridge, peer = serve(graph, config_file=str(path), stale_timeout=2.0)
    poses = graph.publisher(TRANSFORM_STAMPED, '/tip')
    message = pose(1)
    for age_s in (0, 10):
        message.header.stamp = (graph.user.get_clock().now() - Duration(seconds=age_s)).to_msg()
        poses.publish(message)
        peer.receive_message()
        report = bridge.connections[0].senders.reports()[1]
        assert report.level == (DiagnosticStatus.WARN if age_s else DiagnosticStatus.OK)
    assert report.message.endswith('; late 1')

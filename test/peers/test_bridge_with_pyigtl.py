# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes against pyigtl, as its server and as its client, header 1 and 2."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import String

from helpers.pyigtl_peer import PyigtlPeer
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl.nodes.node import BridgeNode

MATRIX = np.array(
    [[0.0, -1.0, 0.0, 100.0], [1.0, 0.0, 0.0, -20.5], [0.0, 0.0, 1.0, 3.25], [0.0, 0.0, 0.0, 1.0]]
)
ROWS = """
version: 1
connections:
  - mappings:
      - {igtl_device_name: Tip, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL,
         ros_topic_name: /tip, ros_type_name: geometry_msgs/msg/TransformStamped}
      - {igtl_device_name: Text, igtl_type_name: STRING, direction: ROS_TO_IGTL,
         ros_topic_name: /text, ros_type_name: std_msgs/msg/String}
"""


@pytest.fixture(params=['server', 'client'])
def role(request: pytest.FixtureRequest) -> str:
    """Return the part that pyigtl plays."""
    return str(request.param)


def join(graph: Graph, role: str, tmp_path: Path, header_version: int) -> PyigtlPeer:
    """Return a pyigtl peer that is connected with a node."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(ROWS)
    parameters: dict[str, Any] = {'config_file': str(path), 'header_version': header_version}
    bridge: BridgeNode
    if role == 'server':
        peer = graph.stack.enter_context(PyigtlPeer('server'))
        bridge = graph.add_bridge('client', {**parameters, 'port': peer.port})
    else:
        bridge = graph.add_bridge('server', {**parameters, 'port': 0})
        port = bridge.get_parameter('actual_port').value
        peer = graph.stack.enter_context(PyigtlPeer('client', port))
    wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')
    return peer


@pytest.mark.parametrize('header_version', [1, 2])
def test_a_transform_from_pyigtl_is_a_pose_in_metres(
    graph: Graph, role: str, tmp_path: Path, header_version: int
) -> None:
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer = join(graph, role, tmp_path, 0)
    metadata = {'TransformStatus': 'OK'} if header_version == 2 else {}
    peer.send(
        'TRANSFORM', 'Probe', header_version=header_version, metadata=metadata, matrix=MATRIX
    )
    (pose,) = wait_until(lambda: poses, 10.0, 'the pose')
    translation, rotation = pose.transform.translation, pose.transform.rotation
    assert (translation.x, translation.y, translation.z) == (0.1, -0.0205, 0.00325)
    assert (rotation.z, rotation.w) == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))


@pytest.mark.parametrize('header_version', [1, 2])
def test_a_pose_and_a_text_from_ros_arrive_at_pyigtl(
    graph: Graph, role: str, tmp_path: Path, header_version: int
) -> None:
    peer = join(graph, role, tmp_path, header_version)
    message = TransformStamped(child_frame_id='tip')
    message.header.frame_id = 'base'
    message.header.stamp.sec = 1_700_000_000
    message.transform.translation.x = 0.1
    message.transform.rotation.w = 1.0
    graph.publisher('geometry_msgs/msg/TransformStamped', '/tip').publish(message)
    received = peer.receive('Tip')
    assert received['header_version'] == header_version
    assert received['timestamp'] == 1_700_000_000.0
    assert received['content']['matrix'][0, 3] == 100.0
    graph.publisher('std_msgs/msg/String', '/text').publish(String(data='Grüße'))
    assert peer.receive('Text')['content']['string'] == 'Grüße'


def test_once_the_peer_has_sent_version_2_it_is_answered_in_it(
    graph: Graph, role: str, tmp_path: Path
) -> None:
    peer = join(graph, role, tmp_path, 0)
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/Hello')
    publisher = graph.publisher('std_msgs/msg/String', '/text')
    publisher.publish(String(data='before'))
    assert peer.receive('Text')['header_version'] == 1
    peer.send('STRING', 'Hello', header_version=2, metadata={'a': 'b'}, string='two')
    wait_until(lambda: texts, 10.0, 'the text')
    publisher.publish(String(data='after'))
    received = peer.receive('Text')
    assert (received['content']['string'], received['header_version']) == ('after', 2)


def test_points_and_a_volume_from_pyigtl_arrive(graph: Graph, role: str, tmp_path: Path) -> None:
    lists = graph.subscribe('ros2_igtl/msg/PointArray', '/bridge/point/Plan/points')
    topic = '/bridge/image/CT'
    volumes = graph.subscribe('ros2_igtl/msg/Volume', topic, depth=1, latched=True)
    peer = join(graph, role, tmp_path, 0)
    peer.send('POINT', 'Plan', positions=np.array([[10.0, 20.0, 30.0]]), names=['Target'])
    (points,) = wait_until(lambda: lists, 10.0, 'the points')
    assert [(point.name, point.position.z) for point in points.points] == [('Target', 0.03)]
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    ijk_to_world = np.diag([1.0, 2.0, 3.0, 1.0])
    ijk_to_world[:3, 3] = 5.0, 6.0, 7.0
    peer.send(
        'IMAGE',
        'CT',
        image=voxels,
        ijk_to_world_matrix=ijk_to_world,
        world_coordinate_system='ras',
    )
    (volume,) = wait_until(lambda: volumes, 10.0, 'the volume')
    assert list(volume.size) == [4, 3, 2]
    assert np.frombuffer(volume.data, voxels.dtype).tolist() == voxels.ravel().tolist()
    # pyigtl's matrix maps the first voxel's centre, as ours does
    expected = [0.001, 0, 0, 0.005, 0, 0.002, 0, 0.006, 0, 0, 0.003, 0.007]
    assert list(volume.ijk_to_frame) == pytest.approx(expected)

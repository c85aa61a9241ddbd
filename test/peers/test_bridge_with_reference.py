# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes against the reference implementation's programs, from ROS topic to printed line."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseArray, PoseStamped, TransformStamped
from sensor_msgs.msg import Image
from std_msgs.msg import String
from tf2_ros import TransformBroadcaster

from helpers.outcomes import received_by
from helpers.reference_programs import ReferenceProgram, find_test_images, free_port
from helpers.ros_graph import Graph
from helpers.waiting import wait_until

TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'


def mapping_file(tmp_path: Path, rows: str) -> str:
    path = tmp_path / 'mapping.yaml'
    path.write_text(f'version: 1\nconnections:\n  - mappings:\n{rows}')
    return str(path)


def row(device: str, type_name: str, topic: str, ros_type_name: str) -> str:
    return (
        f'      - {{igtl_device_name: {device}, igtl_type_name: {type_name}, '
        f'direction: ROS_TO_IGTL,\n'
        f'         ros_topic_name: {topic}, ros_type_name: {ros_type_name}}}\n'
    )


def connected(bridge: Any) -> None:
    wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')


def pose_of(x: float) -> TransformStamped:
    message = TransformStamped(child_frame_id='tip')
    message.header.frame_id = 'base'
    message.transform.translation.x = x
    message.transform.rotation.w = 1.0
    return message


def test_receive_server_prints_100_for_a_tf_of_a_tenth_of_a_metre(
    graph: Graph, tmp_path: Path
) -> None:
    port = free_port()
    rows = (
        '      - {igtl_device_name: TipToBase, igtl_type_name: TRANSFORM, '
        'direction: ROS_TO_IGTL,\n'
        '         tf: {parent_frame_id: base, child_frame_id: tip, rate: 50}}\n'
    )
    with ReferenceProgram('ReceiveServer', port) as program:
        program.wait_until_listening(port)
        parameters = {'port': port, 'config_file': mapping_file(tmp_path, rows)}
        connected(graph.add_bridge('client', parameters))
        broadcaster = TransformBroadcaster(graph.user)
        wait_until(lambda: graph.user.count_subscribers('/tf') > 0, what='the listener')

        def printed() -> bool:
            message = pose_of(0.1)
            message.header.stamp = graph.user.get_clock().now().to_msg()
            broadcaster.sendTransform(message)
            return '1, 0, 0, 100\n0, 1, 0, 0\n0, 0, 1, 0\n' in program.output

        wait_until(printed, 10.0, 'the matrix in millimetres')


def test_receive_server_prints_what_ros_publishes(graph: Graph, tmp_path: Path) -> None:
    port = free_port()
    rows = (
        row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED)
        + row('Tip', 'POSITION', '/position', 'geometry_msgs/msg/PoseStamped')
        + row('Plan', 'POINT', '/plan', 'geometry_msgs/msg/PoseArray')
        + row('Text', 'STRING', '/text', 'std_msgs/msg/String')
        + row('Camera', 'IMAGE', '/camera', 'sensor_msgs/msg/Image')
    )
    pose = PoseStamped()
    pose.pose.position.y, pose.pose.orientation.w = -0.25, 1.0
    image = Image(height=2, width=3, step=3, encoding='mono8', data=array('B', range(6)))
    cases: list[tuple[str, str, Any, str]] = [
        (TRANSFORM_STAMPED, '/tip', pose_of(-0.0125), '1, 0, 0, -12.5\n'),
        (
            'geometry_msgs/msg/PoseStamped',
            '/position',
            pose,
            r'position   = \(0, -250, 0\)\nquaternion = \(0, 0, 0, 1\)',
        ),
        (
            'geometry_msgs/msg/PoseArray',
            '/plan',
            PoseArray(poses=[pose.pose]),
            r'Name      : P0\n(?:.*\n){2}.*Position  : \( 0.000000, -250.000000, 0.000000 \)',
        ),
        (
            'std_msgs/msg/String',
            '/text',
            String(data='bring the needle'),
            'Encoding: 3; String: bring the needle',
        ),
        ('sensor_msgs/msg/Image', '/camera', image, r'Dimensions            : \(3, 2, 1\)'),
    ]
    with ReferenceProgram('ReceiveServer', port) as program:
        program.wait_until_listening(port)
        parameters = {'port': port, 'config_file': mapping_file(tmp_path, rows)}
        connected(graph.add_bridge('client', parameters))
        for ros_type_name, topic, message, printed in cases:
            graph.publisher(ros_type_name, topic).publish(message)
            program.wait_for_output(printed)


def test_receive_client_prints_what_a_server_node_sends(graph: Graph, tmp_path: Path) -> None:
    rows = row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED)
    parameters = {'port': 0, 'config_file': mapping_file(tmp_path, rows)}
    bridge = graph.add_bridge('server', parameters)
    port = bridge.get_parameter('actual_port').value
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    with ReferenceProgram('ReceiveClient', '127.0.0.1', port) as program:
        connected(bridge)
        publisher.publish(pose_of(0.1))
        program.wait_for_output('1, 0, 0, 100\n0, 1, 0, 0\n0, 0, 1, 0\n0, 0, 0, 1\n')


def test_tracker_server_becomes_poses_in_metres(graph: Graph) -> None:
    port = free_port()
    with ReferenceProgram('TrackerServer', port, 100) as program:
        program.wait_until_listening(port)
        poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Tracker', depth=100)
        tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf', depth=100)
        graph.add_bridge('client', {'port': port})
        wait_until(lambda: len(poses) == 100 and len(tf) == 100, 10.0, 'a hundred poses')
    for pose in poses:  # it circles with a radius of 50 mm, beginning in the origin
        translation = pose.transform.translation
        assert max(map(abs, (translation.x, translation.y, translation.z))) <= 0.0501
    assert max(abs(pose.transform.translation.x) for pose in poses) > 0.045
    assert {(pose.header.frame_id, pose.child_frame_id) for pose in poses} == {
        ('igtl_ras', 'Tracker')
    }


def test_imager_server_becomes_images_of_the_very_bytes_of_its_files(graph: Graph) -> None:
    folder = find_test_images()
    files = {path.read_bytes() for path in folder.glob('igtlTestImage*.raw')}
    port = free_port()
    with ReferenceProgram('ImagerServer', port, 20, folder) as program:
        program.wait_until_listening(port)
        images = graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/ImagerClient')
        topic = '/bridge/image/ImagerClient/geometry'
        geometries = graph.subscribe('ros2_igtl/msg/ImageGeometry', topic)
        graph.add_bridge('client', {'port': port})
        wait_until(lambda: len(images) >= 10 and len(geometries) >= 10, 10.0, 'ten slices')
    assert {bytes(image.data) for image in images} <= files
    assert len({bytes(image.data) for image in images}) > 1
    geometry = np.array(geometries[0].ijk_to_frame).reshape(3, 4)
    # spacing 1, 1, 5 mm; the j axis points the other way in the server's matrix
    assert geometry[:, :3] == pytest.approx(np.diag([0.001, -0.001, 0.005]))


def test_string_echo_server_answers_what_ros_said(graph: Graph, tmp_path: Path) -> None:
    port = free_port()
    rows = row('Console', 'STRING', '/say', 'std_msgs/msg/String')
    with ReferenceProgram('StringEchoServer', port) as program:
        program.wait_until_listening(port)
        texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/StringEchoServer')
        parameters = {'port': port, 'config_file': mapping_file(tmp_path, rows)}
        connected(graph.add_bridge('client', parameters))
        graph.publisher('std_msgs/msg/String', '/say').publish(String(data='needle at 3 cm'))
        wait_until(lambda: texts, 10.0, 'the echo')
    assert [text.data for text in texts] == ['needle at 3 cm']


def test_point_server_becomes_a_plan(graph: Graph) -> None:
    port = free_port()
    with ReferenceProgram('PointServer', port) as program:
        program.wait_until_listening(port)
        poses = graph.subscribe('geometry_msgs/msg/PoseArray', '/bridge/point/PointSender')
        topic = '/bridge/point/PointSender/points'
        lists = graph.subscribe('ros2_igtl/msg/PointArray', topic)
        graph.add_bridge('client', {'port': port})
        wait_until(lambda: lists and poses, 10.0, 'the points')
    assert [point.name for point in lists[0].points] == ['POINT_0', 'POINT_1', 'POINT_2']
    assert [pose.position for pose in poses[0].poses] == [
        point.position for point in lists[0].points
    ]
    first = lists[0].points[0].position
    assert (first.x, first.y, first.z) == (0.01, 0.02, 0.03)


def test_capability_server_says_what_it_can_receive(graph: Graph) -> None:
    port = free_port()
    with ReferenceProgram('CapabilityServer', port) as program:
        program.wait_until_listening(port)
        topic = '/bridge/capability/Device'
        found = graph.subscribe('ros2_igtl/msg/Capability', topic, latched=True)
        graph.add_bridge('client', {'port': port})
        wait_until(lambda: found, 10.0, 'the capabilities')
    assert found[0].type_names == ['TRANSFORM', 'GET_IMAGE', 'GET_LBMETA']


def test_trajectory_server_becomes_trajectories_in_metres(graph: Graph, tmp_path: Path) -> None:
    port = free_port()
    rows = (
        '      - {igtl_device_name: TrajectorySender, igtl_type_name: TRAJ,\n'
        '         direction: IGTL_TO_ROS, ros_topic_name: /plan,\n'
        '         ros_type_name: ros2_igtl/msg/TrajectoryArray}\n'
    )
    with ReferenceProgram('TrajectoryServer', port) as program:
        program.wait_until_listening(port)
        plans = graph.subscribe('ros2_igtl/msg/TrajectoryArray', '/plan')
        parameters = {'port': port, 'config_file': mapping_file(tmp_path, rows)}
        graph.add_bridge('client', parameters)
        wait_until(lambda: plans, 10.0, 'the trajectories')
    targets = [trajectory.target for trajectory in plans[0].trajectories]
    assert [(target.x, target.y, target.z) for target in targets] == [
        (0.02, 0.02, 0.04),
        (0.02, 0.03, 0.01),
        (0.01, 0.04, 0.02),
    ]


def test_bind_client_becomes_a_text_and_a_pose_by_their_rows(graph: Graph, tmp_path: Path) -> None:
    rows = (
        '      - {igtl_device_name: Tracker, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS,\n'
        '         ros_topic_name: /pose, ros_type_name: geometry_msgs/msg/PoseStamped}\n'
        '      - {igtl_device_name: StringMessage, igtl_type_name: STRING,\n'
        '         direction: IGTL_TO_ROS, ros_topic_name: /text}\n'
    )
    parameters = {'port': 0, 'config_file': mapping_file(tmp_path, rows)}
    bridge = graph.add_bridge('server', parameters)
    port = bridge.get_parameter('actual_port').value
    poses = graph.subscribe('geometry_msgs/msg/PoseStamped', '/pose')
    texts = graph.subscribe('std_msgs/msg/String', '/text')
    with ReferenceProgram('BindClient', '127.0.0.1', port, 50):
        wait_until(lambda: len(poses) > 5 and len(texts) > 5, 10.0, 'the children')
    # it circles with a radius of 50 mm
    assert all(abs(pose.pose.position.x) <= 0.0501 for pose in poses)
    assert {text.data for text in texts} == {'OpenIGTLink'}  # it never goes on to its next text
    assert not received_by(bridge.connections[0]).rejected


def test_two_tracker_clients_are_served_at_once(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0})
    port = bridge.get_parameter('actual_port').value
    first = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/A')
    second = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/B')
    with (
        ReferenceProgram('TrackerClient3', '127.0.0.1', port, 50, 'A'),
        ReferenceProgram('TrackerClient3', '127.0.0.1', port, 50, 'B'),
    ):
        wait_until(lambda: len(first) > 5 and len(second) > 5, 10.0, 'both trackers')
    assert len(bridge.connections[0].transport.sessions) <= 2


def test_a_killed_tracker_client_leaves_the_other_alone_and_can_come_back(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0})
    port = bridge.get_parameter('actual_port').value
    first = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/A')
    second = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/B')
    with ReferenceProgram('TrackerClient3', '127.0.0.1', port, 50, 'B'):
        with ReferenceProgram('TrackerClient3', '127.0.0.1', port, 50, 'A') as victim:
            wait_until(lambda: first and second, 10.0, 'both trackers')
            victim.kill()
        wait_until(lambda: len(bridge.connections[0].peers.all) == 1, what='one left')
        count = len(second)
        wait_until(lambda: len(second) > count + 5, what='the other one to go on')
        count = len(first)
        with ReferenceProgram('TrackerClient3', '127.0.0.1', port, 50, 'A'):
            wait_until(lambda: len(first) > count, 10.0, 'the first one to be back')


def test_a_hub_joins_two_devices_to_two_viewers(graph: Graph, tmp_path: Path) -> None:
    """Trackers and imagers that are dialled, and viewers that dial, in one node."""
    tracker_port, imager_port = free_port(), free_port()
    frame = row('Frame', 'TRANSFORM', 'tracker/transform/Tracker', TRANSFORM_STAMPED)
    picture = row('Slice', 'IMAGE', 'imager/image/ImagerClient', 'sensor_msgs/msg/Image')
    path = tmp_path / 'or.yaml'
    path.write_text(
        'version: 1\nconnections:\n'
        f'  - {{name: tracker, mode: client, port: {tracker_port}}}\n'
        f'  - {{name: imager, mode: client, port: {imager_port}}}\n'
        f'  - name: viewers\n    mode: server\n    port: 0\n    mappings:\n{frame}{picture}'
    )
    with (
        ReferenceProgram('TrackerServer', tracker_port, 10) as tracker,
        ReferenceProgram('ImagerServer', imager_port, 5, find_test_images()) as imager,
    ):
        tracker.wait_until_listening(tracker_port)
        imager.wait_until_listening(imager_port)
        hub = graph.add_bridge(None, {'config_file': str(path)})
        port = hub.connections[2].actual_port
        with (
            ReferenceProgram('ReceiveClient', '127.0.0.1', port) as first,
            ReferenceProgram('ReceiveClient', '127.0.0.1', port) as second,
        ):
            for viewer in (first, second):
                viewer.wait_for_output('Receiving TRANSFORM data type.', 20.0)
                viewer.wait_for_output(r'Dimensions            : \(256, 256, 1\)', 20.0)
        for connection in hub.connections[:2]:  # nothing goes back
            assert connection.transport.statistics.sent == 0

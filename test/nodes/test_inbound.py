# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What comes from a peer over a real socket, as a ROS subscriber sees it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from helpers.ros_graph import Graph, ros_graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.nodes.bridge import BridgeNode

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
QUARTER_TURN_ABOUT_Z = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


@pytest.fixture
def graph() -> Iterator[Graph]:
    with ros_graph() as graph:
        yield graph


def server(graph: Graph, **parameters: Any) -> tuple[BridgeNode, ScriptedPeer]:
    bridge = graph.add_bridge('server', {'port': 0, **parameters})
    port = bridge.get_parameter('actual_port').value
    peer = graph.stack.enter_context(ScriptedPeer.dial(port))
    return bridge, peer


def pack(content: Any, device_name: str = 'Probe', **fields: Any) -> bytes:
    return codec.pack(codec.Message(content, device_name, **fields))


def accounted(bridge: BridgeNode) -> int:
    """Return what came of all messages; the conservation law."""
    connection = bridge.connections[0]
    outcomes = connection.inbound.outcomes
    return (
        outcomes.done
        + outcomes.replaced
        + sum(outcomes.rejected.values())
        + sum(outcomes.skipped.values())
        + sum(connection.transport.statistics.rejected.values())
    )


def await_accounted(bridge: BridgeNode, count: int) -> None:
    wait_until(
        lambda: (
            bridge.connections[0].transport.statistics.received == count
            and accounted(bridge) == count
        ),
        5.0,
        f'{count} messages accounted for',
    )


def test_a_transform_in_millimetres_is_published_in_metres(graph: Graph) -> None:
    _, peer = server(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    stamp_ns = time.time_ns()
    timestamp = codec.timestamp.from_nanoseconds(stamp_ns)
    peer.send(pack(codec.Transform(*QUARTER_TURN_ABOUT_Z, 100.0, -20.0, 0.5), timestamp=timestamp))
    (pose,) = wait_until(lambda: poses, what='the pose')
    translation, rotation = pose.transform.translation, pose.transform.rotation
    assert (translation.x, translation.y, translation.z) == (0.1, -0.02, 0.0005)
    half = math.sqrt(0.5)
    assert (rotation.x, rotation.y, rotation.z, rotation.w) == pytest.approx((0, 0, half, half))
    assert (pose.header.frame_id, pose.child_frame_id) == ('igtl_ras', 'Probe')
    assert pose.header.stamp.sec * 10**9 + pose.header.stamp.nanosec == stamp_ns
    assert wait_until(lambda: tf, what='tf')[0].transforms == [pose]


def test_a_device_name_can_say_both_frames(graph: Graph) -> None:
    _, peer = server(graph)
    topic = '/bridge/transform/ProbeToTracker'
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', topic)
    peer.send(pack(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0), 'ProbeToTracker'))
    (pose,) = wait_until(lambda: poses, what='the pose')
    assert (pose.header.frame_id, pose.child_frame_id) == ('Tracker', 'Probe')


def test_tracking_data_becomes_one_message_and_a_frame_a_tool(graph: Graph) -> None:
    _, peer = server(graph)
    data = graph.subscribe('ros2_igtl/msg/TrackingData', '/bridge/tdata/Polaris')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    matrix = np.eye(4)
    matrix[:3, 3] = 10.0, 20.0, 30.0
    tools = [('Needle', codec.ToolType.INSTRUMENT_6D, matrix), ('ProbeToTracker', 2, np.eye(4))]
    peer.send(pack(codec.TrackingData.from_tools(tools), 'Polaris'))
    (message,) = wait_until(lambda: data, what='tracking data')
    assert [tool.name for tool in message.tools] == ['Needle', 'ProbeToTracker']
    assert message.tools[0].pose.position.y == 0.02
    (tree,) = wait_until(lambda: tf, what='tf')
    frames = [(item.header.frame_id, item.child_frame_id) for item in tree.transforms]
    assert frames == [('igtl_ras', 'Needle'), ('Tracker', 'Probe')]


def test_a_slice_is_an_image_a_geometry_and_a_plane_of_one_stamp(graph: Graph) -> None:
    _, peer = server(graph)
    images = graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/MRI')
    geometries = graph.subscribe('ros2_igtl/msg/ImageGeometry', '/bridge/image/MRI/geometry')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    pixels = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    content = codec.Image.from_pixels(
        pixels, axes=(2.0, 0, 0, 0, 3.0, 0, 0, 0, 1.0), position=(30.0, 20.0, 10.0)
    )
    peer.send(pack(content, 'MRI'))
    (image,) = wait_until(lambda: images, what='the image')
    (geometry,) = wait_until(lambda: geometries, what='the geometry')
    (tree,) = wait_until(lambda: tf, what='tf')
    assert (image.width, image.height, image.step, image.encoding) == (4, 3, 4, 'mono8')
    assert bytes(image.data) == pixels.tobytes()
    assert image.header.stamp == geometry.header.stamp == tree.transforms[0].header.stamp
    assert (image.header.frame_id, geometry.header.frame_id) == ('MRI', 'igtl_ras')
    # the centre lies at index (1.5, 1, 0): 3 mm and 3 mm from the first voxel
    expected = [0.002, 0, 0, 0.027, 0, 0.003, 0, 0.017, 0, 0, 0.001, 0.01]
    assert list(geometry.ijk_to_frame) == pytest.approx(expected)
    translation = tree.transforms[0].transform.translation
    assert (translation.x, translation.y, translation.z) == pytest.approx((0.027, 0.017, 0.01))


def test_a_volume_is_latched_for_who_comes_late(graph: Graph) -> None:
    bridge, peer = server(graph)
    pixels = np.arange(24, dtype='>i2').reshape(2, 3, 4)
    peer.send(pack(codec.Image.from_pixels(pixels), 'CT'))
    await_accounted(bridge, 1)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/CT', depth=1, latched=True)
    (volume,) = wait_until(lambda: volumes, what='the volume')
    assert list(volume.size) == [4, 3, 2]
    assert volume.is_bigendian
    assert bytes(volume.data) == pixels.tobytes()


def test_points_strings_and_states_are_published(graph: Graph) -> None:
    _, peer = server(graph)
    arrays = graph.subscribe('geometry_msgs/msg/PoseArray', '/bridge/point/Plan')
    lists = graph.subscribe('ros2_igtl/msg/PointArray', '/bridge/point/Plan/points')
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/Console')
    states = graph.subscribe('diagnostic_msgs/msg/DiagnosticStatus', '/bridge/status/Scanner')
    point = {'name': 'Entry', 'group': 'Plan', 'position': (10, 20, 30), 'size': 2.0}
    peer.send(pack(codec.Point.from_points([point]), 'Plan'))
    peer.send(pack(codec.String('grüß dich'), 'Console'))
    peer.send(pack(codec.Status(13, -7, 'E', 'warming up'), 'Scanner'))
    (array,) = wait_until(lambda: arrays, what='the poses')
    assert array.poses[0].position.z == 0.03
    (entry,) = wait_until(lambda: lists, what='the points')[0].points
    assert (entry.name, entry.group, entry.size) == ('Entry', 'Plan', 0.002)
    assert wait_until(lambda: texts, what='the text')[0].data == 'grüß dich'
    (state,) = wait_until(lambda: states, what='the state')
    assert (state.name, state.message, state.level) == ('Scanner', 'warming up', b'\x01')


REFUSED = {
    'a_translation_that_is_not_a_number': codec.Transform(*IDENTITY, math.nan, 0, 0),
    'an_infinite_rotation': codec.Transform(math.inf, *IDENTITY[1:], 0, 0, 0),
    'a_mirrored_matrix': codec.Transform(-1.0, *IDENTITY[1:], 0, 0, 0),
    'a_zero_matrix': codec.Transform(*(0.0,) * 12),
    'a_matrix_that_scales': codec.Transform(2.0, 0, 0, 0, 2.0, 0, 0, 0, 2.0, 0, 0, 0),
    'a_matrix_that_shears': codec.Transform(1.0, 0, 0, 0.1, 1.0, 0, 0, 0, 1.0, 0, 0, 0),
}


@pytest.mark.parametrize('name', REFUSED)
def test_no_bad_matrix_reaches_ros(graph: Graph, name: str) -> None:
    bridge, peer = server(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    good = pack(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0))
    peer.send(good + pack(REFUSED[name]) + good)
    wait_until(lambda: len(poses) == 2 and len(tf) == 2, what='the good poses')
    await_accounted(bridge, 3)
    assert sum(bridge.connections[0].inbound.outcomes.rejected.values()) == 1
    assert all(pose.transform.translation.z == 0.003 for pose in poses)


def damaged_crc(data: bytes) -> bytes:
    return data[:50] + bytes(8) + data[58:]


def with_body_size(data: bytes, size: int) -> bytes:
    return data[:42] + size.to_bytes(8, 'big') + data[50:]


GOOD = pack(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0))
DAMAGED = {
    'crc': damaged_crc(GOOD),
    'no_data': damaged_crc(with_body_size(GOOD, 0))[:58],
    'content_size': codec.pack(codec.Message(codec.Unknown('TRANSFORM', bytes(47)), 'Probe')),
}


@pytest.mark.parametrize('cause', DAMAGED)
def test_a_damaged_message_is_counted_and_the_next_one_delivered(graph: Graph, cause: str) -> None:
    bridge, peer = server(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer.send(DAMAGED[cause] + GOOD)
    wait_until(lambda: poses, what='the good pose')
    await_accounted(bridge, 2)
    assert bridge.connections[0].transport.statistics.rejected == {cause: 1}
    assert len(poses) == 1


def test_an_absurd_body_size_closes_the_connection_and_the_next_peer_is_served(
    graph: Graph,
) -> None:
    bridge, peer = server(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer.send(with_body_size(GOOD, 2**62))
    assert peer.receive_until_closed() == b''
    with ScriptedPeer.dial(bridge.get_parameter('actual_port').value) as second:
        second.send(GOOD)
        wait_until(lambda: poses, what='the good pose')
    await_accounted(bridge, 2)
    assert bridge.connections[0].transport.statistics.rejected == {'body_too_large': 1}


def test_a_stream_that_ends_within_a_message_publishes_nothing_of_it(graph: Graph) -> None:
    bridge, peer = server(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer.send(GOOD + GOOD[:-1])
    peer.close()
    wait_until(lambda: poses, what='the whole pose')
    await_accounted(bridge, 2)
    assert bridge.connections[0].transport.statistics.rejected == {'truncated': 1}
    assert len(poses) == 1


def test_a_transform_status_other_than_ok_withholds_the_pose(graph: Graph) -> None:
    bridge, peer = server(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    content = codec.Transform(*IDENTITY, 0.0, 0.0, 0.0)
    for status in ('OK', 'OUT_OF_VIEW', 'OK'):
        metadata = {'TransformStatus': status}
        peer.send(pack(content, header_version=2, metadata=metadata))
    wait_until(lambda: len(tf) == 2, what='two poses')
    await_accounted(bridge, 3)
    assert bridge.connections[0].inbound.outcomes.rejected == {'transform_status': 1}


def test_a_second_pose_for_one_time_is_kept_from_tf(graph: Graph) -> None:
    bridge, peer = server(graph, timestamp_mode='device')
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    content = codec.Transform(*IDENTITY, 0.0, 0.0, 0.0)
    for second in (1000, 1000, 999, 1001):
        peer.send(pack(content, timestamp=second << 32))
    wait_until(lambda: len(poses) == 4 and len(tf) == 2, what='four poses, two on tf')
    assert bridge.connections[0].inbound.tf_withheld == 2


def test_the_first_parent_of_a_frame_keeps_it_on_tf(graph: Graph) -> None:
    _, peer = server(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    topic = '/bridge/transform/ProbeToWorld'
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', topic)
    content = codec.Transform(*IDENTITY, 0.0, 0.0, 0.0)
    peer.send(pack(content, 'ProbeToTracker') + pack(content, 'ProbeToWorld'))
    wait_until(lambda: poses and tf, what='both topics')
    peer.send(pack(content, 'ProbeToTracker'))
    wait_until(lambda: len(tf) == 2, what='the first parent again')
    assert {item.transforms[0].header.frame_id for item in tf} == {'Tracker'}


def test_two_devices_that_would_share_a_topic_do_not(graph: Graph) -> None:
    bridge, peer = server(graph)
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/a_b')
    peer.send(pack(codec.String('first'), 'a b') + pack(codec.String('second'), 'a-b'))
    await_accounted(bridge, 2)
    wait_until(lambda: texts, what='the first')
    assert bridge.connections[0].inbound.outcomes.skipped == {'topic_taken': 1}
    assert [text.data for text in texts] == ['first']


def test_devices_can_be_chosen(graph: Graph) -> None:
    bridge, peer = server(graph, device_whitelist=['Tool.*'], device_blacklist=['.*Old'])
    for device in ('ToolA', 'ToolOld', 'Other'):
        peer.send(pack(codec.String('x'), device))
    await_accounted(bridge, 3)
    assert bridge.connections[0].inbound.outcomes.done == 1
    assert bridge.connections[0].inbound.outcomes.skipped == {'device_filtered': 2}


def test_a_type_that_nobody_knows_is_skipped_and_counted(graph: Graph) -> None:
    bridge, peer = server(graph)
    peer.send(pack(codec.Unknown('NEWTYPE', b'12345')))
    peer.send(pack(codec.Capability(('STRING',))))
    await_accounted(bridge, 2)
    assert bridge.connections[0].inbound.outcomes.skipped == {'no_mapping': 2}


def test_publish_tf_false_keeps_everything_from_tf(graph: Graph) -> None:
    _, peer = server(graph, publish_tf=False)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer.send(GOOD)
    wait_until(lambda: poses, what='the pose')
    watch_for(lambda: graph.user.count_publishers('/tf') > 1, 0.2, 'a tf publisher')


def test_a_mapping_file_names_topic_type_and_frames(graph: Graph, tmp_path: Any) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text("""
version: 1
connections:
  - name: plus
    auto_inbound: false
    mappings:
      - igtl_device_name: Probe
        igtl_type_name: TRANSFORM
        direction: IGTL_TO_ROS
        ros_topic_name: probe/pose
        ros_type_name: geometry_msgs/msg/PoseStamped
        frame_id: robot_base
        child_frame_id: probe_tip
      - igtl_device_regex: Needle[0-9]
        igtl_type_name: TRANSFORM
        direction: IGTL_TO_ROS
      - igtl_device_name: Noise
        igtl_type_name: STRING
        direction: IGTL_TO_ROS
        skip: true
""")
    bridge, peer = server(graph, config_file=str(path))
    poses = graph.subscribe('geometry_msgs/msg/PoseStamped', '/probe/pose')
    needles = graph.subscribe('geometry_msgs/msg/TransformStamped', '/plus/transform/Needle7')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    peer.send(GOOD)
    (pose,) = wait_until(lambda: poses, what='the pose')
    assert (pose.header.frame_id, pose.pose.position.x) == ('robot_base', 0.001)
    (tree,) = wait_until(lambda: tf, what='tf')
    assert tree.transforms[0].child_frame_id == 'probe_tip'
    peer.send(pack(codec.Transform(*IDENTITY, 0, 0, 0), 'Needle7'))
    wait_until(lambda: needles, what='the needle')
    peer.send(pack(codec.String('x'), 'Noise') + pack(codec.String('x'), 'Unasked'))
    await_accounted(bridge, 4)
    skipped = bridge.connections[0].inbound.outcomes.skipped
    assert skipped == {'mapping_skip': 1, 'not_mapped': 1}


def test_the_rate_of_a_device_can_be_limited(graph: Graph, tmp_path: Any) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text("""
version: 1
connections:
  - mappings:
      - {igtl_device_name: Probe, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS,
         rate_limit: 0.1}
""")
    bridge, peer = server(graph, config_file=str(path))
    peer.send(GOOD * 5)
    await_accounted(bridge, 5)
    assert bridge.connections[0].inbound.outcomes.skipped == {'rate_limit': 4}

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What comes from a peer over a real socket, as a ROS subscriber sees it."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock

from helpers.bridge_peer import IDENTITY, await_accounted, dial, pack, pose, serve
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.nodes.claims import Owner
from ros2_igtl.nodes.to_ros import hold as hold_module
from ros2_igtl.nodes.to_ros import router as router_module

TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
QUARTER_TURN_ABOUT_Z = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def test_a_transform_in_millimetres_is_published_in_metres(graph: Graph) -> None:
    _, peer = serve(graph)
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
    _, peer = serve(graph)
    topic = '/bridge/transform/ProbeToTracker'
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', topic)
    peer.send(pack(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0), 'ProbeToTracker'))
    (pose,) = wait_until(lambda: poses, what='the pose')
    assert (pose.header.frame_id, pose.child_frame_id) == ('Tracker', 'Probe')


def test_tracking_data_becomes_one_message_and_a_frame_a_tool(graph: Graph) -> None:
    _, peer = serve(graph)
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


def test_a_prefix_stands_before_frames_that_names_say_and_before_no_other(
    graph: Graph, tmp_path: Path
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - frame_prefix: left/\n    mappings:\n'
        '      - {igtl_device_name: Stylus, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS,\n'
        '         frame_id: room}\n'
        '      - {igtl_device_name: Tip, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS,\n'
        '         child_frame_id: tip}\n'
    )
    _, peer = serve(graph, config_file=str(path))
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    data = graph.subscribe('ros2_igtl/msg/TrackingData', '/bridge/tdata/Polaris')
    tools = [('Needle', 2, np.eye(4)), ('HookToTracker', 2, np.eye(4))]
    names = 'ProbeToTracker', 'Stylus', 'Tip'
    peer.send(b''.join(pose(device_name=name) for name in names))
    peer.send(pack(codec.TrackingData.from_tools(tools), 'Polaris'))
    peer.send(pack(codec.TrackingData.from_tools(tools[1:]), 'Polaris'))
    wait_for_count(tf, 5)
    frames = {(t.header.frame_id, t.child_frame_id) for tree in tf for t in tree.transforms}
    assert frames == {
        ('left/Tracker', 'left/Probe'),
        ('room', 'left/Stylus'),
        ('left/igtl_ras', 'tip'),
        ('left/igtl_ras', 'left/Needle'),
        ('left/Tracker', 'left/Hook'),
    }
    wait_for_count(data, 2)
    assert [message.header.frame_id for message in data] == ['left/igtl_ras', 'left/Tracker']


def test_a_slice_is_an_image_a_geometry_and_a_plane_of_one_stamp(graph: Graph) -> None:
    _, peer = serve(graph)
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
    bridge, peer = serve(graph)
    pixels = np.arange(24, dtype='>i2').reshape(2, 3, 4)
    peer.send(pack(codec.Image.from_pixels(pixels), 'CT'))
    await_accounted(bridge, 1)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/CT', depth=1, latched=True)
    (volume,) = wait_until(lambda: volumes, what='the volume')
    assert list(volume.size) == [4, 3, 2]
    assert volume.is_bigendian
    assert bytes(volume.data) == pixels.tobytes()


def test_points_strings_and_states_are_published(graph: Graph) -> None:
    _, peer = serve(graph)
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
def test_b13_b14_no_bad_matrix_reaches_ros(graph: Graph, name: str) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    good = pack(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0))
    peer.send(good + pack(REFUSED[name]) + good)
    wait_until(lambda: len(poses) == 2 and len(tf) == 2, what='the good poses')
    await_accounted(bridge, 3)
    assert sum(received_by(bridge.connections[0]).rejected.values()) == 1
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
    bridge, peer = serve(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer.send(DAMAGED[cause] + GOOD)
    wait_until(lambda: poses, what='the good pose')
    await_accounted(bridge, 2)
    assert bridge.connections[0].transport.statistics.rejected == {cause: 1}
    assert len(poses) == 1


def test_an_absurd_body_size_closes_the_connection_and_the_next_peer_is_served(
    graph: Graph,
) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer.send(with_body_size(GOOD, 2**62))
    assert peer.receive_until_closed() == b''
    with ScriptedPeer.dial(bridge.get_parameter('actual_port').value) as second:
        second.send(GOOD)
        wait_until(lambda: poses, what='the good pose')
    await_accounted(bridge, 2)
    assert bridge.connections[0].transport.statistics.rejected == {'body_too_large': 1}


def test_a_stream_that_ends_within_a_message_publishes_nothing_of_it(graph: Graph) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    peer.send(GOOD + GOOD[:-1])
    peer.close()
    wait_until(lambda: poses, what='the whole pose')
    await_accounted(bridge, 2)
    assert bridge.connections[0].transport.statistics.rejected == {'truncated': 1}
    assert len(poses) == 1


def test_a_transform_status_other_than_ok_withholds_the_pose(graph: Graph) -> None:
    bridge, peer = serve(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    content = codec.Transform(*IDENTITY, 0.0, 0.0, 0.0)
    for status in ('OK', 'OUT_OF_VIEW', 'OK'):
        metadata = {'TransformStatus': status}
        peer.send(pack(content, header_version=2, metadata=metadata))
    wait_until(lambda: len(tf) == 2, what='two poses')
    await_accounted(bridge, 3)
    assert received_by(bridge.connections[0]).rejected == {'transform_status': 1}


def test_a_second_pose_for_one_time_is_kept_from_tf(graph: Graph) -> None:
    bridge, peer = serve(graph, timestamp_mode='device', max_clock_skew=0.05)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    content = codec.Transform(*IDENTITY, 0.0, 0.0, 0.0)
    for second in (1000, 1000, 999, 1001):
        peer.send(pack(content, timestamp=second << 32))
    wait_until(lambda: len(poses) == 4 and len(tf) == 2, what='four poses, two on tf')
    counts = bridge.connections[0].counts()
    assert (counts['tf_withheld'], counts['late']) == (1, 1)


def test_the_first_parent_of_a_frame_keeps_it_on_tf(graph: Graph) -> None:
    _, peer = serve(graph)
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
    bridge, peer = serve(graph)
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/a_b')
    peer.send(pack(codec.String('first'), 'a b') + pack(codec.String('second'), 'a-b'))
    await_accounted(bridge, 2)
    wait_until(lambda: texts, what='the first')
    assert received_by(bridge.connections[0]).skipped == {'topic_taken': 1}
    assert [text.data for text in texts] == ['first']


def test_devices_can_be_chosen(graph: Graph) -> None:
    bridge, peer = serve(graph, device_whitelist=['Tool.*'], device_blacklist=['.*Old'])
    for device in ('ToolA', 'ToolOld', 'Other'):
        peer.send(pack(codec.String('x'), device))
    await_accounted(bridge, 3)
    assert received_by(bridge.connections[0]).done == 1
    assert received_by(bridge.connections[0]).skipped == {'device_filtered': 2}


def test_a_type_without_a_row_is_skipped_and_counted(graph: Graph) -> None:
    bridge, peer = serve(graph)
    peer.send(pack(codec.Query(1, 'IMAGE')))
    peer.send(pack(codec.Query(2, 'IMAGE')))
    await_accounted(bridge, 2)
    assert received_by(bridge.connections[0]).skipped == {'no_mapping': 2}


def test_the_children_of_a_bind_are_published_with_one_stamp(graph: Graph) -> None:
    bridge, peer = serve(graph, timestamp_mode='device')
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    images = graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/MRI')
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/Note')
    raws = graph.subscribe('ros2_igtl/msg/RawMessage', '/bridge/newtype/New')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    children = (
        codec.Message(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0), 'Probe'),
        codec.Message(codec.Image.from_pixels(np.zeros((1, 2, 2), np.uint8)), 'MRI'),
        codec.Message(codec.Bind((codec.Message(codec.String('odd'), 'Note'),)), 'Inner'),
        codec.Message(codec.Unknown('NEWTYPE', b'12345'), 'New'),
    )
    for second in (1000, 1001):
        peer.send(pack(codec.Bind(children), 'Frame', timestamp=second << 32))
    wait_until(
        lambda: len(poses) == len(images) == len(texts) == len(raws) == 2 and len(tf) == 4,
        what='the children',
    )
    await_accounted(bridge, 2)
    stamps = [pose.header.stamp.sec for pose in poses]
    assert stamps == [image.header.stamp.sec for image in images] == [1000, 1001]
    outcomes = received_by(bridge.connections[0])
    # two BINDs, in each another one and four messages, the last of a type that nobody knows
    assert (outcomes.received, outcomes.contained, outcomes.done) == (2, 10, 12)
    assert [(raw.type_name, bytes(raw.body)) for raw in raws] == [('NEWTYPE', b'12345')] * 2


def test_the_children_of_a_bind_have_one_time_of_arrival(graph: Graph) -> None:
    _, peer = serve(graph)
    probes = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    needles = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Needle')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    content = codec.Transform(*IDENTITY, 1.0, 2.0, 3.0)
    bind = codec.Bind([codec.Message(content, 'Probe'), codec.Message(content, 'Needle')])
    peer.send(pack(codec.Transform(*IDENTITY, 0.0, 0.0, 0.0), 'Needle') + 3 * pack(bind, 'Frame'))
    wait_until(lambda: len(probes) == 3 and len(needles) == 4, what='all poses')
    wait_until(lambda: len(tf) == 7, what='all poses on tf')
    stamps = [pose.header.stamp for pose in probes]
    assert stamps == [pose.header.stamp for pose in needles[1:]]
    assert len({(stamp.sec, stamp.nanosec) for stamp in stamps}) == 3


def test_the_status_that_a_bind_gives_of_its_child_withholds_the_pose(graph: Graph) -> None:
    bridge, peer = serve(graph)
    content = codec.Transform(*IDENTITY, 1.0, 2.0, 3.0)
    bind = codec.Bind([codec.Message(content, 'Probe'), codec.Message(content, 'Needle')])
    metadata = {'ProbeStatus': 'OUT_OF_VIEW'}
    peer.send(pack(bind, 'Frame', header_version=2, metadata=metadata))
    await_accounted(bridge, 1)
    outcomes = received_by(bridge.connections[0])
    assert (outcomes.done, outcomes.rejected) == (2, {'transform_status': 1})


@pytest.mark.parametrize(
    ('rows', 'skipped'),
    [
        ('[{igtl_device_name: Frame, igtl_type_name: BIND, direction: IGTL_TO_ROS, skip: true}]',
         {'mapping_skip': 1}),
        ('[{igtl_device_name: Probe, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS}]',
         {'not_mapped': 1}),
    ],
)  # fmt: skip
def test_rows_say_what_becomes_of_a_bind_and_of_its_children(
    graph: Graph, tmp_path: Path, rows: str, skipped: dict[str, int]
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(f'version: 1\nconnections:\n  - auto_inbound: false\n    mappings: {rows}\n')
    bridge, peer = serve(graph, config_file=str(path))
    content = codec.Transform(*IDENTITY, 1.0, 2.0, 3.0)
    children = [codec.Message(content, 'Probe'), codec.Message(codec.String('x'), 'Note')]
    peer.send(pack(codec.Bind(children), 'Frame'))
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).skipped == skipped


def test_a_type_that_nobody_knows_is_published_as_its_bytes(graph: Graph) -> None:
    bridge, peer = serve(graph)
    topic = '/bridge/new_type/Probe'  # no topic can have the hyphen
    messages = graph.subscribe('ros2_igtl/msg/RawMessage', topic)
    content = codec.Unknown('NEW-TYPE', b'\0\1\2\xff')
    peer.send(pack(content, header_version=2, message_id=7, metadata={'Room': '12'}))
    (message,) = wait_until(lambda: messages, what='the bytes')
    assert (message.type_name, message.device_name) == ('NEW-TYPE', 'Probe')
    assert (message.header_version, message.message_id) == (2, 7)
    assert [(entry.key, entry.value) for entry in message.metadata] == [('Room', '12')]
    assert bytes(message.body) == b'\0\1\2\xff'
    await_accounted(bridge, 1)


def test_tools_with_quaternions_go_to_tf_too(graph: Graph) -> None:
    _, peer = serve(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    tools = [('ProbeToTracker', 2, (10.0, 20.0, 30.0), (0.0, 0.0, 1.0, 0.0))]
    peer.send(pack(codec.QuaternionTrackingData.from_tools(tools), 'Polaris'))
    (tree,) = wait_until(lambda: tf, what='tf')
    (transform,) = tree.transforms
    assert (transform.header.frame_id, transform.child_frame_id) == ('Tracker', 'Probe')
    assert transform.transform.translation.y == 0.02
    assert transform.transform.rotation.z == 1.0


def test_metadata_are_published_beside_what_a_message_becomes(graph: Graph) -> None:
    _, peer = serve(graph, timestamp_mode='device')
    geometries = graph.subscribe('ros2_igtl/msg/ImageGeometry', '/bridge/image/MRI/geometry')
    found = graph.subscribe('ros2_igtl/msg/Metadata', '/bridge/image/MRI/metadata')
    content = codec.Image.from_pixels(np.zeros((1, 2, 2), np.uint8))
    metadata = {'age': '22', 'who': codec.EncodedText(b'\xe9', 4)}
    peer.send(pack(content, 'MRI', timestamp=1000 << 32))
    for number in (7, 8):
        fields = {'header_version': 2, 'message_id': number, 'metadata': metadata}
        peer.send(pack(content, 'MRI', timestamp=(1000 + number) << 32, **fields))
    wait_until(lambda: len(geometries) == 3 and len(found) == 2, what='images and metadata')
    assert [message.header.stamp for message in found] == [
        geometry.header.stamp for geometry in geometries[1:]
    ]
    (first, _) = found
    assert (first.type_name, first.device_name, first.message_id) == ('IMAGE', 'MRI', 7)
    assert {entry.key: entry.value for entry in first.entries} == {'age': '22', 'who': 'é'}


def test_the_topic_of_metadata_is_beside_that_of_the_mapping_file(
    graph: Graph, tmp_path: Path
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        '      - {igtl_device_name: Note, igtl_type_name: STRING, direction: IGTL_TO_ROS,\n'
        '         ros_topic_name: /note}\n'
    )
    _, peer = serve(graph, config_file=str(path))
    found = graph.subscribe('ros2_igtl/msg/Metadata', '/note/metadata')
    peer.send(pack(codec.String('x'), 'Note', header_version=2, metadata={'a': 'b'}))
    wait_until(lambda: found, what='the metadata')


def test_a_topic_that_is_taken_costs_the_metadata_and_not_the_message(graph: Graph) -> None:
    bridge, peer = serve(graph)
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/A')
    path = '/bridge/string/A/metadata'
    other = Owner('bridge', 'STRING', 'another', 'std_msgs/msg/String')
    assert bridge.connections[0]._shared.claims.claim({path: other}) is None
    peer.send(2 * pack(codec.String('x'), 'A', header_version=2, metadata={'a': 'b'}))
    wait_until(lambda: len(texts) == 2, what='both texts')
    await_accounted(bridge, 2)
    assert received_by(bridge.connections[0]).done == 2


@pytest.mark.parametrize(
    ('name', 'full_name', 'topic'),
    [
        ('NeedleGuideOfTheBiop', 'NeedleGuideOfTheBiopsyRobot', 'NeedleGuideOfTheBiopsyRobot'),
        ('Probe', 'Tracker', 'Probe'),  # it is not what is left of it
    ],
)
def test_a_device_name_that_was_cut_is_whole_again(
    graph: Graph, name: str, full_name: str, topic: str
) -> None:
    _, peer = serve(graph)
    texts = graph.subscribe('std_msgs/msg/String', f'/bridge/string/{topic}')
    metadata = {'IGTL_DEVICE_NAME': full_name}
    peer.send(pack(codec.String('x'), name, header_version=2, metadata=metadata))
    wait_until(lambda: texts, what='the text')


def test_what_is_lazy_is_converted_only_for_those_who_subscribe(graph: Graph) -> None:
    bridge, peer = serve(graph, lazy=True)
    pixels = codec.Image.from_pixels(np.zeros((2, 2, 2), np.uint8))
    sent = [(codec.String('x'), 'Note'), (codec.Transform.from_matrix(np.eye(4)), 'Probe')]
    peer.send(b''.join(pack(*each) for each in [*sent, (pixels, 'Volume')]))
    await_accounted(bridge, 3)
    outcomes = received_by(bridge.connections[0])
    # the pose goes to tf, and the volume is kept for who comes later
    assert (outcomes.done, outcomes.skipped) == (2, {'no_subscriber': 1})
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/Volume', latched=True)
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/Note')
    wait_until(lambda: volumes, what='the volume')
    peer.send(pack(codec.String('wanted'), 'Note'))
    wait_until(lambda: texts, what='the text')
    assert [text.data for text in texts] == ['wanted']


@pytest.mark.parametrize('is_lazy', [True, False])
def test_a_row_says_whether_its_device_is_lazy(
    graph: Graph, tmp_path: Path, is_lazy: bool
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        f'version: 1\nconnections:\n  - lazy: {str(not is_lazy).lower()}\n    mappings:\n'
        '      - {igtl_device_name: Note, igtl_type_name: STRING, direction: IGTL_TO_ROS,\n'
        f'         lazy: {str(is_lazy).lower()}}}\n'
    )
    bridge, peer = serve(graph, config_file=str(path))
    peer.send(pack(codec.String('x'), 'Note'))
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).skipped.total() == is_lazy


FULL = 'NeedleGuideOfTheBiopsyRobot'


def test_rows_and_lists_go_by_the_name_of_the_header(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n'
        "  - device_whitelist: ['NeedleGuide.{9}', Other]\n"
        '    mappings:\n'
        f'      - {{igtl_device_name: {FULL[:20]}, igtl_type_name: STRING,\n'
        '         direction: IGTL_TO_ROS, ros_topic_name: /guide}\n'
    )
    bridge, peer = serve(graph, config_file=str(path))
    texts = graph.subscribe('std_msgs/msg/String', '/guide')
    metadata = {'IGTL_DEVICE_NAME': FULL}
    peer.send(pack(codec.String('x'), FULL[:20], header_version=2, metadata=metadata))
    await_accounted(bridge, 1)
    wait_until(lambda: texts, what='the text')


@pytest.mark.parametrize('name', [FULL, FULL[:20]])
def test_a_status_of_either_name_of_a_device_withholds_its_pose(graph: Graph, name: str) -> None:
    bridge, peer = serve(graph)
    metadata = {'IGTL_DEVICE_NAME': FULL, f'{name}Status': 'OUT_OF_VIEW'}
    content = codec.Transform(*IDENTITY, 1.0, 2.0, 3.0)
    peer.send(pack(content, FULL[:20], header_version=2, metadata=metadata))
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).rejected == {'transform_status': 1}


def test_publish_tf_false_keeps_everything_from_tf(graph: Graph) -> None:
    _, peer = serve(graph, publish_tf=False)
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
    bridge, peer = serve(graph, config_file=str(path))
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
    outcomes = received_by(bridge.connections[0])
    assert outcomes.skipped == {'mapping_skip': 1, 'not_mapped': 1}


def test_the_rate_of_a_device_can_be_limited(graph: Graph, tmp_path: Any) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text("""
version: 1
connections:
  - mappings:
      - {igtl_device_name: Probe, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS,
         rate_limit: 0.1}
""")
    bridge, peer = serve(graph, config_file=str(path))
    peer.send(GOOD * 5)
    await_accounted(bridge, 5)
    assert received_by(bridge.connections[0]).skipped == {'rate_limit': 4}


def config(tmp_path: Path, connection: str) -> str:
    path = tmp_path / 'mapping.yaml'
    path.write_text(f'version: 1\nconnections:\n  - {connection}\n')
    return str(path)


def row(device: str, type_name: str, more: str) -> str:
    return f'    - {{{device}, igtl_type_name: {type_name}, direction: IGTL_TO_ROS{more}}}\n'


TWENTY_BYTES = 'ABCDEFGHIJKLMNOPQRST'


@pytest.mark.parametrize(
    ('device', 'token', 'frame'),
    [
        ('', 'unnamed', 'unnamed'),
        ('µ-Tool', 'Tool', 'µ-Tool'),
        ('../../etc', 'etc', '../../etc'),
        ('/abs', 'abs', 'abs'),
        ('a\x1b[2J\n', 'a_2J', 'a_[2J_'),
        (TWENTY_BYTES, TWENTY_BYTES, TWENTY_BYTES),
        ('\udcffTool', 'Tool', '_Tool'),
        ('6D', 'device_6D', '6D'),
    ],
)
def test_b09_any_device_name_gives_a_topic_and_a_frame(
    graph: Graph, capfd: pytest.CaptureFixture[str], device: str, token: str, frame: str
) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe(TRANSFORM_STAMPED, f'/bridge/transform/{token}')
    peer.send(pose(device_name=device))
    (message,) = wait_until(lambda: poses, what='the pose')
    assert (message.header.frame_id, message.child_frame_id) == ('igtl_ras', frame)
    await_accounted(bridge, 1)
    assert '\x1b[2J' not in capfd.readouterr().err


def test_hundreds_of_devices_each_get_a_topic_and_no_more_than_are_allowed(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router_module, 'MAX_DEVICES_OF_PEER', 200)
    bridge, peer = serve(graph)
    peer.send(b''.join(pose(device_name=f'Tool{number}') for number in range(210)) * 2)
    wait_until(lambda: received_by(bridge.connections[0]).received == 420, 40.0)
    outcomes = received_by(bridge.connections[0])
    assert (outcomes.done, outcomes.skipped) == (400, {'too_many_devices': 20})
    names = {name for name, _ in graph.call(bridge.get_topic_names_and_types)}
    assert {f'/bridge/transform/Tool{number}' for number in range(200)} <= names


@pytest.mark.parametrize('mode', ['device', 'receive', 'auto'])
@pytest.mark.parametrize('skew_s', [-3.0, 0.0, 3.0])
def test_f22_the_stamp_is_what_the_mode_says(graph: Graph, mode: str, skew_s: float) -> None:
    bridge, peer = serve(graph, timestamp_mode=mode, time_offset=0.25, max_clock_skew=1.0)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    sent_ns = []
    for count in (1, 2, 3):
        sent_ns.append(time.time_ns())
        device_ns = sent_ns[-1] + round(skew_s * 1e9)
        peer.send(pose(timestamp=codec.timestamp.from_nanoseconds(device_ns)))
        wait_for_count(poses, count)
    now_ns = time.time_ns()
    stamps = [p.header.stamp.sec * 10**9 + p.header.stamp.nanosec for p in poses]
    if mode == 'device':
        shift_ns = round((skew_s + 0.25) * 1e9)
        assert stamps == [stamp + shift_ns for stamp in sent_ns]
    elif mode == 'auto' and skew_s == 0.0:
        assert stamps == sent_ns
    else:
        assert all(sent_ns[0] <= stamp <= now_ns for stamp in stamps)
    assert stamps == sorted(set(stamps))
    (known,) = bridge.connections[0].peers.all
    assert known.clock.main.offset_ns / 1e9 == pytest.approx(-skew_s, abs=1.0)


@pytest.mark.parametrize('mode', ['device', 'receive', 'auto'])
def test_b32_a_stamp_that_ros_cannot_say_is_replaced_by_that_of_arrival(
    graph: Graph, mode: str
) -> None:
    """A header stamp in the year 2100, and the last one of all."""
    bridge, peer = serve(graph, timestamp_mode=mode)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    begin = time.time()
    peer.send(pose(timestamp=4_102_444_800 << 32) + pose(timestamp=0xFFFF_FFFF_FFFF_FFFF))
    wait_for_count(poses, 2)
    assert all(math.floor(begin) <= p.header.stamp.sec <= time.time() for p in poses)
    (known,) = bridge.connections[0].peers.all
    assert known.clock.out_of_range == 2


def test_a_time_offset_before_1970_is_replaced_by_the_time_of_arrival(graph: Graph) -> None:
    _, peer = serve(graph, timestamp_mode='device', time_offset=-10.0)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    begin = time.time()
    peer.send(pose(timestamp=5 << 32))
    (message,) = wait_until(lambda: poses, what='the pose')
    assert message.header.stamp.sec >= math.floor(begin)


def test_f23_poses_without_stamp_that_come_at_once_all_reach_tf(graph: Graph) -> None:
    """A stamp of 0 is the time of arrival, and tf needs different ones."""
    bridge, peer = serve(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    peer.send(pose() * 20)
    wait_for_count(tf, 20)
    stamps = [
        (item.transforms[0].header.stamp.sec, item.transforms[0].header.stamp.nanosec)
        for item in tf
    ]
    assert stamps == sorted(set(stamps))
    assert bridge.connections[0].counts()['tf_withheld'] == 0


def test_with_use_sim_time_arrival_is_in_simulated_time(graph: Graph) -> None:
    bridge, peer = serve(graph, use_sim_time=True)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    clock = graph.publisher('rosgraph_msgs/msg/Clock', '/clock')
    clock.publish(Clock(clock=Time(sec=42)))
    wait_until(lambda: bridge.get_clock().now().nanoseconds == 42 * 10**9, what='the clock')
    peer.send(pose() + pose())
    wait_for_count(poses, 2)
    assert [(p.header.stamp.sec, p.header.stamp.nanosec) for p in poses] == [(42, 0), (42, 1)]
    (route,) = bridge.connections[0].inbound.routes
    age_s = route.rate.age_s
    assert age_s is not None
    assert age_s < 30.0
    wait_until(lambda: (route.rate.age_s or 0.0) > age_s, what='the age to grow, /clock or not')


def test_several_rows_of_devices_that_match_are_several_topics(
    graph: Graph, tmp_path: Path
) -> None:
    rows = 'mappings:\n' + (
        row('igtl_device_regex: "Tool[AB]"', 'TRANSFORM', f', ros_type_name: {TRANSFORM_STAMPED}')
        + row(
            'igtl_device_name: ToolA',
            'TRANSFORM',
            ', ros_topic_name: a/pose, ros_type_name: geometry_msgs/msg/PoseStamped, '
            'frame_id: base, rate_limit: 1000, stale_timeout: 7',
        )
    )
    bridge, peer = serve(graph, config_file=config(tmp_path, rows))
    transforms = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/ToolA')
    poses = graph.subscribe('geometry_msgs/msg/PoseStamped', '/a/pose')
    others = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/ToolB')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    peer.send(pose(device_name='ToolA') + pose(device_name='ToolB'))
    wait_until(lambda: transforms and poses and others and len(tf) == 2, what='all of them')
    assert transforms[0].header == poses[0].header
    assert transforms[0].header.frame_id == 'base'
    assert others[0].header.frame_id == 'igtl_ras'
    first, second = bridge.connections[0].inbound.routes
    assert (first.stale_timeout_s, second.stale_timeout_s) == (7.0, 0.5)
    assert first.topics == ('/bridge/transform/ToolA', '/a/pose')


def test_an_alias_of_a_type_has_topics_and_rows_of_its_own(graph: Graph, tmp_path: Path) -> None:
    rows = 'mappings:\n' + row(
        'igtl_device_name: Arm',
        'QTRANS',
        ', ros_topic_name: arm, ros_type_name: geometry_msgs/msg/PointStamped',
    )
    _, peer = serve(graph, config_file=config(tmp_path, rows))
    points = graph.subscribe('geometry_msgs/msg/PointStamped', '/arm')
    poses = graph.subscribe('geometry_msgs/msg/PoseStamped', '/bridge/qtrans/Leg')
    content = codec.Position(1000.0, 2000.0, 3000.0)
    peer.send(pack(content, 'Arm', type_name='QTRANS') + pack(content, 'Leg', type_name='QTRANS'))
    wait_until(lambda: points and poses, what='both')
    assert (points[0].point.y, poses[0].pose.position.z) == (2.0, 3.0)


def test_a_volume_of_a_device_that_sent_slices_needs_a_topic_of_its_own(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    slice_and_volume = [
        pack(codec.Image.from_pixels(np.zeros((depth, 2, 2), np.uint8)), 'MRI') for depth in (1, 3)
    ]
    bridge, peer = serve(graph)
    peer.send(b''.join(slice_and_volume))
    await_accounted(bridge, 2)
    assert received_by(bridge.connections[0]).skipped == {'topic_taken': 1}
    text = capfd.readouterr().err
    assert 'belongs to bridge IMAGE MRI sensor_msgs/msg/Image' in text
    assert 'can set another topic' in text
    graph.remove_bridge(bridge)
    rows = 'mappings:\n' + (
        row('igtl_device_name: MRI', 'IMAGE', ', ros_type_name: sensor_msgs/msg/Image')
        + row(
            'igtl_device_name: MRI',
            'IMAGE',
            ', ros_topic_name: volume, ros_type_name: ros2_igtl/msg/Volume',
        )
    )
    bridge, peer = serve(graph, config_file=config(tmp_path, rows))
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/volume', depth=1, latched=True)
    images = graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/MRI')
    peer.send(b''.join(slice_and_volume))
    wait_until(lambda: volumes and images, 10.0, 'both')


def test_one_topic_is_not_given_two_types(graph: Graph, tmp_path: Path) -> None:
    rows = 'mappings:\n' + ''.join(
        row('igtl_device_name: Probe', 'TRANSFORM', f', ros_type_name: geometry_msgs/msg/{name}')
        for name in ('TransformStamped', 'PoseStamped')
    )
    bridge, peer = serve(graph, config_file=config(tmp_path, rows))
    peer.send(pose())
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).skipped == {'topic_taken': 1}
    assert graph.user.count_publishers('/bridge/transform/Probe') == 0


def test_a_topic_that_ros_refuses_costs_its_device_and_not_the_session(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = f'name: {"n" * 240}'
    bridge, peer = serve(graph, config_file=config(tmp_path, connection))
    peer.send(pose() * 2)
    await_accounted(bridge, 2)
    assert received_by(bridge.connections[0]).skipped == {'topic_refused': 2}
    assert 'ROS rejects nnn' in capfd.readouterr().err
    assert len(bridge.connections[0].transport.sessions) == 1


@pytest.mark.parametrize(
    ('cause', 'tools'),
    [
        ('non_rigid', [('A', 2, np.eye(4)), ('Bad', 2, np.diag([2.0, 2.0, 2.0, 1.0]))]),
        ('not_finite', [('A', 2, np.eye(4)), ('Bad', 2, np.full((3, 4), np.nan))]),
        ('duplicate_name', [('A', 2, np.eye(4)), ('A', 2, np.eye(4))]),
    ],
)
def test_b18_tracking_data_with_a_bad_tool_is_refused_as_a_whole(
    graph: Graph, cause: str, tools: list[Any]
) -> None:
    bridge, peer = serve(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    good = [('A', codec.ToolType.INSTRUMENT_6D, np.eye(4))]
    for content in (good, tools, good):
        peer.send(pack(codec.TrackingData.from_tools(content), 'Polaris'))
    await_accounted(bridge, 3)
    assert received_by(bridge.connections[0]).rejected == {cause: 1}
    wait_for_count(tf, 2)
    assert [len(item.transforms) for item in tf] == [1, 1]


def test_f36_b40_a_frame_of_two_devices_comes_from_the_first_only(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same device sends two types, both of which are a pose."""
    _, peer = serve(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    poses = graph.subscribe('geometry_msgs/msg/PoseStamped', '/bridge/position/Probe')
    peer.send(pose(1.0) + pack(codec.Position(5.0, 5.0, 5.0)) + pose(2.0))
    wait_until(lambda: poses and len(tf) == 2, what='the poses')
    assert [t.transforms[0].transform.translation.x for t in tf] == [0.001, 0.002]
    assert "second_source: TRANSFORM 'Probe'" in capfd.readouterr().err


@pytest.mark.parametrize('key', ['TransformStatus', 'ProbeStatus'])
@pytest.mark.parametrize('publish_tf', [True, False])
def test_f03_a_pose_that_its_sender_does_not_vouch_for_is_on_no_topic(
    graph: Graph, key: str, publish_tf: bool
) -> None:
    bridge, peer = serve(graph, publish_tf=publish_tf)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    for status, x in (('MISSING', 1.0), ('OK', 2.0)):
        peer.send(pose(x, header_version=2, metadata={key: status, 'Other': 'x'}))
    wait_until(lambda: poses, what='the good pose')
    await_accounted(bridge, 2)
    assert received_by(bridge.connections[0]).rejected == {'transform_status': 1}
    assert [p.transform.translation.x for p in poses] == [0.002]


def test_what_a_new_topic_cannot_hold_is_replaced_by_what_came_later(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router_module, 'held_limit', lambda mapping: 3)
    monkeypatch.setattr(hold_module, 'HOLD_S', 60.0)
    monkeypatch.setattr(hold_module, 'DISCOVERY_S', 60.0)
    bridge, peer = serve(graph)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    peer.send(b''.join(pose(float(x)) for x in range(5)))
    await_accounted(bridge, 5)
    outcomes = received_by(bridge.connections[0])
    assert (outcomes.done, outcomes.replaced) == (3, 2)
    (route,) = bridge.connections[0].inbound.routes
    assert route.hold is not None
    wait_until(lambda: graph.user.count_publishers('/bridge/transform/Probe'), what='the topic')
    bridge._io_thread.call(route.hold.release)
    wait_for_count(poses, 3)
    assert [p.transform.translation.x for p in poses] == [0.002, 0.003, 0.004]


def test_f26_a_blocked_executor_does_not_stop_what_comes_in(graph: Graph) -> None:
    bridge, peer = serve(graph)
    blocked, go_on = threading.Event(), threading.Event()

    def block() -> None:
        blocked.set()
        go_on.wait(30.0)

    caller = threading.Thread(target=graph.call, args=(block,))
    caller.start()
    try:
        assert blocked.wait(10.0)
        peer.send(b''.join(pose(float(x)) for x in range(300)))
        await_accounted(bridge, 300)
        assert received_by(bridge.connections[0]).done == 300
    finally:
        go_on.set()
        caller.join()


# Sub-volumes


VOXELS = np.arange(24, dtype='>i2').reshape(4, 3, 2)


def part(k: int, voxels: Any = VOXELS, **fields: Any) -> bytes:
    """Return the bytes of slice k of a volume, sent as a part of it."""
    data = voxels[k].astype('>i2').tobytes()
    fields = {'offset': (0, 0, k), 'sub_size': (2, 3, 1), **fields}
    content = codec.Image(
        data, (2, 3, 4), codec.ScalarType.INT16, endian=codec.Endian.BIG, **fields
    )
    return pack(content, 'MRI')


def test_b22_parts_become_a_volume_with_the_last_of_them_and_none_before(graph: Graph) -> None:
    bridge, peer = serve(graph)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/MRI', latched=True)
    outcomes = received_by(bridge.connections[0])
    for k in (2, 0, 3):
        peer.send(part(k))
    await_accounted(bridge, 3)
    assert (outcomes.done, outcomes.skipped) == (0, {'part_of_volume': 3})
    peer.send(part(1))
    (volume,) = wait_until(lambda: volumes, what='the volume')
    await_accounted(bridge, 4)
    assert (outcomes.done, outcomes.skipped) == (1, {'part_of_volume': 3})
    assert list(volume.size) == [2, 3, 4]
    assert bytes(volume.data) == VOXELS.tobytes()


def test_b22_a_scanner_that_streams_parts_gives_a_volume_a_round(graph: Graph) -> None:
    bridge, peer = serve(graph)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/MRI', latched=True)
    peer.send(b''.join(part(k) for k in (0, 1, 2, 3)))
    wait_for_count(volumes, 1)
    # of the second round slice 2 is lost
    for number, slices in ((1, (0, 1, 3)), (2, (0, 1, 2, 3))):
        peer.send(b''.join(part(k, VOXELS + number) for k in slices))
    wait_for_count(volumes, 2)
    await_accounted(bridge, 11)
    assert received_by(bridge.connections[0]).skipped == {'part_of_volume': 9}
    assert [np.frombuffer(volume.data, '>i2')[0] for volume in volumes] == [0, 2]


@pytest.mark.parametrize(
    'bad',
    [
        {'offset': (0, 0, 4)},
        {'offset': (1, 0, 1)},
        {'sub_size': (2, 3, 0)},
        {'offset': (65535, 0, 0)},
    ],
)
def test_b22_a_part_outside_its_volume_is_rejected_and_the_others_go_on(
    graph: Graph, bad: dict[str, Any]
) -> None:
    bridge, peer = serve(graph)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/MRI', latched=True)
    body = bytearray(part(1)[58:])
    place = {'offset': (0, 0, 1), 'sub_size': (2, 3, 1), **bad}
    body[60:72] = np.array([*place['offset'], *place['sub_size']], '>u2').tobytes()
    peer.send(part(0) + part(1) + part(2))
    peer.send(pack(codec.Unknown('IMAGE', bytes(body)), 'MRI') + part(3))
    wait_until(lambda: volumes, what='the volume')
    await_accounted(bridge, 5)
    assert bridge.connections[0].transport.statistics.rejected == {'content_value': 1}
    assert bytes(volumes[0].data) == VOXELS.tobytes()


def test_b22_parts_of_two_peers_do_not_mix_and_go_with_their_peer(graph: Graph) -> None:
    bridge, first = serve(graph)
    second = dial(graph, bridge)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/MRI', latched=True)
    first.send(part(0) + part(1))
    await_accounted(bridge, 2)
    second.send(part(2) + part(3))
    await_accounted(bridge, 4)
    first.close()
    wait_until(lambda: len(bridge.connections[0].peers.all) == 1, what='the first to go')
    third = dial(graph, bridge)
    third.send(part(2) + part(3))
    await_accounted(bridge, 6)
    assert received_by(bridge.connections[0]).done == 0
    second.send(part(0) + part(1))
    wait_until(lambda: volumes, what='the volume')
    await_accounted(bridge, 8)


def test_b22_a_volume_in_parts_is_no_larger_than_one_in_a_message_may_be(graph: Graph) -> None:
    bridge, peer = serve(graph, max_message_bytes=500)
    content = codec.Image(bytes(10), (10, 10, 20), sub_size=(10, 1, 1))
    peer.send(pack(content, 'MRI'))
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).rejected == {'volume_too_large': 1}


# Slices


def slices_config(tmp_path: Path, *ros_types: str) -> str:
    rows = ''.join(
        row(
            'igtl_device_name: CT',
            'IMAGE',
            f', ros_type_name: {ros_type}, ros_topic_name: ct/{ros_type.rpartition("/")[2]}'
            ', qos: {depth: 100}',
        )
        for ros_type in ros_types
    )
    return config(tmp_path, 'mappings:\n' + rows)


def test_a_volume_is_slices_where_an_image_is_asked_for(graph: Graph, tmp_path: Path) -> None:
    path = slices_config(tmp_path, 'sensor_msgs/msg/Image', 'ros2_igtl/msg/ImageGeometry')
    _, peer = serve(graph, config_file=path)
    images = graph.subscribe('sensor_msgs/msg/Image', '/ct/Image')
    geometries = graph.subscribe('ros2_igtl/msg/ImageGeometry', '/ct/ImageGeometry')
    peer.send(pack(codec.Image.from_pixels(VOXELS, position=(0.0, 0.0, 1.5)), 'CT'))
    wait_for_count(images, 4)
    wait_for_count(geometries, 4)
    assert [bytes(image.data) for image in images] == [plane.tobytes() for plane in VOXELS]
    stamps = [image.header.stamp for image in images]
    assert stamps == [geometry.header.stamp for geometry in geometries]
    assert len({stamp.nanosec for stamp in stamps}) == 4
    heights = [geometry.ijk_to_frame[11] for geometry in geometries]
    assert heights == pytest.approx([0.0, 0.001, 0.002, 0.003])


def test_a_volume_is_no_slices_where_a_volume_is_asked_for_too(
    graph: Graph, tmp_path: Path
) -> None:
    path = slices_config(tmp_path, 'sensor_msgs/msg/Image', 'ros2_igtl/msg/Volume')
    bridge, peer = serve(graph, config_file=path)
    images = graph.subscribe('sensor_msgs/msg/Image', '/ct/Image')
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/ct/Volume', latched=True)
    peer.send(pack(codec.Image.from_pixels(VOXELS), 'CT'))
    peer.send(pack(codec.Image.from_pixels(VOXELS[:1]), 'CT'))
    wait_until(lambda: volumes and images, what='both')
    await_accounted(bridge, 2)
    assert (len(images), len(volumes)) == (1, 1)
    assert list(volumes[0].size) == [2, 3, 4]


def test_a_volume_is_a_cloud_where_one_is_asked_for(graph: Graph, tmp_path: Path) -> None:
    path = slices_config(tmp_path, 'sensor_msgs/msg/PointCloud2')
    _, peer = serve(graph, config_file=path)
    clouds = graph.subscribe('sensor_msgs/msg/PointCloud2', '/ct/PointCloud2')
    peer.send(pack(codec.Image.from_pixels(VOXELS), 'CT'))
    (cloud,) = wait_until(lambda: clouds, what='the cloud')
    assert (cloud.width, cloud.header.frame_id) == (23, 'igtl_ras')


@pytest.mark.parametrize(('threshold', 'count'), [('11', 12), ('-0.5', 24), ('22.5', 1)])
def test_a_cloud_has_the_voxels_above_the_threshold_of_its_row(
    graph: Graph, tmp_path: Path, threshold: str, count: int
) -> None:
    cloud = ', ros_type_name: sensor_msgs/msg/PointCloud2, ros_topic_name: '
    rows = row('igtl_device_name: CT', 'IMAGE', f'{cloud}bones, threshold: {threshold}')
    rows += row('igtl_device_name: CT', 'IMAGE', f'{cloud}all')
    _, peer = serve(graph, config_file=config(tmp_path, f'mappings:\n{rows}'))
    topics = [
        graph.subscribe('sensor_msgs/msg/PointCloud2', topic) for topic in ('/bones', '/all')
    ]
    peer.send(pack(codec.Image.from_pixels(VOXELS), 'CT'))
    wait_until(lambda: all(topics), 10.0, 'both clouds')
    assert [cloud.width for (cloud,) in topics] == [count, 23]


# Raw messages


@pytest.mark.parametrize('type_name', ['POSITION', 'QTRANS'])
def test_a_known_type_can_be_had_as_its_bytes_beside_what_it_is(
    graph: Graph, tmp_path: Path, type_name: str
) -> None:
    rows = row(
        'igtl_device_name: Arm', type_name, ', ros_type_name: geometry_msgs/msg/PoseStamped'
    )
    raw = ', ros_type_name: ros2_igtl/msg/RawMessage, ros_topic_name: raw'
    rows += row('igtl_device_regex: A.*', type_name, raw)
    bridge, peer = serve(graph, config_file=config(tmp_path, f'mappings:\n{rows}'))
    raws = graph.subscribe('ros2_igtl/msg/RawMessage', '/raw')
    poses = graph.subscribe('geometry_msgs/msg/PoseStamped', f'/bridge/{type_name.lower()}/Arm')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    fields: dict[str, Any] = {'header_version': 2, 'message_id': 7, 'metadata': {'Room': '12'}}
    content = codec.Position(1.0, 2.0, 3.0)
    peer.send(pack(content, 'Arm', type_name=type_name, **fields))
    wait_until(lambda: raws and poses and tf, 10.0, 'all three')
    (message,) = raws
    assert (message.type_name, message.device_name, message.message_id) == ('POSITION', 'Arm', 7)
    assert bytes(message.body) == b''.join(content.pack_parts())
    assert [(entry.key, entry.value) for entry in message.metadata] == [('Room', '12')]
    assert received_by(bridge.connections[0]).done == 1

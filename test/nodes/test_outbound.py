# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a ROS publisher sends, as a peer at a real socket receives it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray, PoseStamped, TransformStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from helpers.ros_graph import Graph, ros_graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.nodes.bridge import BridgeNode

STAMP_NS = 1_700_000_000_123_456_789
STAMP = Time(sec=1_700_000_000, nanosec=123_456_789)


@pytest.fixture
def graph() -> Iterator[Graph]:
    with ros_graph() as graph:
        yield graph


def sending(
    graph: Graph, tmp_path: Path, rows: str, **parameters: Any
) -> tuple[BridgeNode, ScriptedPeer]:
    """Return a server that sends by mapping rows, and a peer that it knows."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(f'version: 1\nconnections:\n  - mappings:\n{rows}')
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path), **parameters})
    port = bridge.get_parameter('actual_port').value
    peer = graph.stack.enter_context(ScriptedPeer.dial(port))
    wait_until(lambda: bridge.connections[0].transport.sessions, what='the session')
    return bridge, peer


def row(device: str, type_name: str, topic: str, ros_type_name: str, more: str = '') -> str:
    return (
        f'      - igtl_device_name: {device}\n'
        f'        igtl_type_name: {type_name}\n'
        '        direction: ROS_TO_IGTL\n'
        f'        ros_topic_name: {topic}\n'
        f'        ros_type_name: {ros_type_name}\n{more}'
    )


def tf_row(device: str, type_name: str, tf: str) -> str:
    return (
        f'      - igtl_device_name: {device}\n'
        f'        igtl_type_name: {type_name}\n'
        '        direction: ROS_TO_IGTL\n'
        f'        tf: {tf}\n'
    )


def transform(parent: str, child: str, x: float, stamp: Time | None = None) -> TransformStamped:
    message = TransformStamped(
        header=Header(frame_id=parent, stamp=stamp or STAMP), child_frame_id=child
    )
    message.transform.translation.x = x
    message.transform.rotation.w = 1.0
    return message


TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'


def test_a_transform_in_metres_is_sent_in_millimetres(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED))
    graph.publisher(TRANSFORM_STAMPED, '/tip').publish(transform('base', 'tip', 0.1))
    message = codec.unpack(peer.receive_message())
    assert (message.device_name, message.header_version) == ('Tip', 1)
    assert codec.timestamp.to_nanoseconds(message.timestamp) == STAMP_NS
    assert message.content[9:] == (100.0, 0.0, 0.0)


def test_every_other_pair_of_this_table_is_sent(graph: Graph, tmp_path: Path) -> None:
    rows = (
        row('Pose', 'TRANSFORM', '/pose', 'geometry_msgs/msg/PoseStamped')
        + row('Plan', 'POINT', '/plan', 'geometry_msgs/msg/PoseArray')
        + row('Text', 'STRING', '/text', 'std_msgs/msg/String')
        + row('State', 'STATUS', '/state', 'diagnostic_msgs/msg/DiagnosticStatus')
    )
    bridge, peer = sending(graph, tmp_path, rows)
    pose = PoseStamped()
    pose.pose.position.y, pose.pose.orientation.w = -0.25, 1.0
    plan = PoseArray(poses=[pose.pose])
    sent = {
        'Pose': ('geometry_msgs/msg/PoseStamped', '/pose', pose),
        'Plan': ('geometry_msgs/msg/PoseArray', '/plan', plan),
        'Text': ('std_msgs/msg/String', '/text', String(data='µ')),
        'State': (
            'diagnostic_msgs/msg/DiagnosticStatus',
            '/state',
            DiagnosticStatus(level=DiagnosticStatus.OK, name='State', message='fine'),
        ),
    }
    contents = {}
    for device, (ros_type_name, topic, ros_message) in sent.items():
        graph.publisher(ros_type_name, topic).publish(ros_message)
        message = codec.unpack(peer.receive_message())
        assert message.device_name == device
        contents[device] = message.content
    assert contents['Pose'][9:] == (0.0, -250.0, 0.0)
    assert contents['Plan'].points['position'].tolist() == [[0.0, -250.0, 0.0]]
    assert contents['Text'] == codec.String('µ')
    assert (contents['State'].code, contents['State'].message) == (1, 'fine')
    assert bridge.connections[0].sent.done == 4


def test_an_image_is_sent_with_the_geometry_of_its_stamp(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, row('Cam', 'IMAGE', '/cam', 'sensor_msgs/msg/Image'))
    images = graph.publisher('sensor_msgs/msg/Image', '/cam')
    image = Image(
        header=Header(frame_id='plane', stamp=STAMP),
        height=2,
        width=3,
        encoding='bgr8',
        step=12,
        data=array('B', range(24)),
    )
    images.publish(image)
    plain = codec.unpack(peer.receive_message()).content
    assert plain.pixels.tolist() == [
        [[[2, 1, 0], [5, 4, 3], [8, 7, 6]], [[14, 13, 12], [17, 16, 15], [20, 19, 18]]]
    ]
    assert plain.spacing == (1.0, 1.0, 1.0)
    geometries = graph.publisher('ros2_igtl/msg/ImageGeometry', '/cam/geometry')
    from ros2_igtl.msg import ImageGeometry

    geometry = ImageGeometry(header=Header(frame_id='base', stamp=STAMP), size=[3, 2, 1])
    geometry.ijk_to_frame = [0.002, 0.0, 0.0, 0.1, 0.0, 0.004, 0.0, 0.2, 0.0, 0.0, 0.001, 0.3]
    geometries.publish(geometry)
    images.publish(image)
    placed = codec.unpack(peer.receive_message()).content
    assert placed.spacing == pytest.approx((2.0, 4.0, 1.0))
    # the centre of the image: index (1, 0.5, 0)
    assert placed.position == pytest.approx((102.0, 202.0, 300.0))


def test_a_volume_goes_out_and_comes_back_byte_by_byte(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, row('CT', 'IMAGE', '/volume', 'ros2_igtl/msg/Volume'))
    pixels = np.arange(24, dtype='>f4').reshape(2, 3, 4)
    content = codec.Image.from_pixels(pixels, position=(1.0, 2.0, 3.0))
    from ros2_igtl.convert.context import Context
    from ros2_igtl.convert.ros2_igtl_msgs import image_to_volume

    volume = image_to_volume(content, Context('CT', STAMP, 'base', 'CT'))
    graph.publisher('ros2_igtl/msg/Volume', '/volume').publish(volume)
    assert codec.unpack(peer.receive_message()).content == content


def test_a_pair_of_frames_is_looked_up_and_no_pose_is_repeated(
    graph: Graph, tmp_path: Path
) -> None:
    rows = tf_row('TipToBase', 'TRANSFORM', '{parent_frame_id: b, child_frame_id: c, rate: 100}')
    bridge, peer = sending(graph, tmp_path, rows)
    peer.collect()
    broadcaster = TransformBroadcaster(graph.user)
    wait_until(lambda: graph.user.count_subscribers('/tf') > 0, what='the listener')
    first, second = Time(sec=1_700_000_000), Time(sec=1_700_000_001)
    for stamp, x in ((first, 0.1), (second, 0.2)):
        edge = transform('a', 'b', 1.0, stamp)
        broadcaster.sendTransform([edge, transform('b', 'c', x, stamp)])
        expected = 106 * (1 if stamp is first else 2)
        wait_for_count(peer.collected, expected)
    watch_for(lambda: len(peer.collected) != 212, 0.2, 'a pose repeated')
    contents = [codec.unpack(peer.collected[i : i + 106]).content for i in (0, 106)]
    assert [content.tx for content in contents] == [100.0, 200.0]
    assert bridge.connections[0].sent.skipped['not_newer'] > 5


def test_frames_that_tf_does_not_know_are_counted(graph: Graph, tmp_path: Path) -> None:
    rows = tf_row('Tip', 'TRANSFORM', '{parent_frame_id: b, child_frame_id: c, rate: 100}')
    bridge, _ = sending(graph, tmp_path, rows)
    rejected = bridge.connections[0].sent.rejected
    wait_until(lambda: rejected['tf_lookup'] > 2, what='failed look-ups')


def test_several_pairs_become_one_tracking_data(graph: Graph, tmp_path: Path) -> None:
    tools = (
        '{rate: 50, tools: [{name: A, parent_frame_id: base, child_frame_id: a}, '
        '{name: B, parent_frame_id: base, child_frame_id: b}, '
        '{name: Lost, parent_frame_id: base, child_frame_id: nowhere}]}'
    )
    _, peer = sending(graph, tmp_path, tf_row('Robot', 'TDATA', tools))
    StaticTransformBroadcaster(graph.user).sendTransform(
        [transform('base', 'a', 0.1, Time()), transform('base', 'b', 0.2, Time())]
    )

    def tools_of(data: bytes) -> list[tuple[str, float]]:
        array = codec.unpack(data).content.tools
        return [(codec.text(tool['name']), float(tool['matrix'][3, 0])) for tool in array]

    expected = [('A', 100.0), ('B', 200.0)]
    wait_until(lambda: tools_of(peer.receive_message()) == expected, what='both tools')


@pytest.mark.parametrize(
    ('cause', 'message'),
    [
        ('not_finite', transform('base', 'tip', float('nan'))),
        ('empty_frame', transform('', 'tip', 0.0)),
        ('same_frame', transform('tip', 'tip', 0.0)),
    ],
)
def test_a_bad_transform_is_not_sent(
    graph: Graph, tmp_path: Path, cause: str, message: TransformStamped
) -> None:
    bridge, peer = sending(graph, tmp_path, row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED))
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    publisher.publish(message)
    publisher.publish(transform('base', 'tip', 0.5))
    assert codec.unpack(peer.receive_message()).content.tx == 500.0
    assert bridge.connections[0].sent.rejected == {cause: 1}


def test_best_effort_publishers_are_followed(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED))
    profile = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip', profile)
    publisher.publish(transform('base', 'tip', 0.5))
    assert codec.unpack(peer.receive_message()).content.tx == 500.0
    assert bridge.connections[0].sent.done == 1


def test_the_rate_of_a_topic_can_be_limited(graph: Graph, tmp_path: Path) -> None:
    more = '        rate_limit: 0.1\n'
    rows = row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED, more)
    bridge, _ = sending(graph, tmp_path, rows)
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    for _ in range(3):
        publisher.publish(transform('base', 'tip', 0.5))
    wait_until(lambda: bridge.connections[0].sent.received == 3, what='three messages')
    assert bridge.connections[0].sent.skipped == {'rate_limit': 2}


def test_without_a_peer_nothing_is_kept_for_later(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, row('Text', 'STRING', '/text', 'std_msgs/msg/String'))
    peer.close()
    connection = bridge.connections[0]
    wait_until(lambda: not connection.transport.sessions, what='the end of the session')
    graph.publisher('std_msgs/msg/String', '/text').publish(String(data='nobody'))
    wait_until(lambda: connection.sent.received == 1, what='the message')
    assert connection.sent.skipped == {'no_peer': 1}


def test_every_peer_gets_what_is_sent(graph: Graph, tmp_path: Path) -> None:
    rows = row('Text', 'STRING', '/text', 'std_msgs/msg/String')
    bridge, first = sending(graph, tmp_path, rows)
    port = bridge.get_parameter('actual_port').value
    second = graph.stack.enter_context(ScriptedPeer.dial(port))
    wait_until(lambda: len(bridge.connections[0].transport.sessions) == 2, what='two sessions')
    graph.publisher('std_msgs/msg/String', '/text').publish(String(data='all'))
    assert first.receive_message() == second.receive_message()


def test_what_came_on_a_topic_that_is_sent_is_not_published_there(
    graph: Graph, tmp_path: Path
) -> None:
    rows = row('Text', 'STRING', '/text', 'std_msgs/msg/String') + (
        '      - {igtl_device_name: Echo, igtl_type_name: STRING, direction: IGTL_TO_ROS,\n'
        '         ros_topic_name: /text, ros_type_name: std_msgs/msg/String}\n'
    )
    bridge, peer = sending(graph, tmp_path, rows)
    texts = graph.subscribe('std_msgs/msg/String', '/text')
    peer.send(codec.pack(codec.Message(codec.String('loop'), 'Echo')))
    inbound = bridge.connections[0].inbound
    wait_until(lambda: inbound.outcomes.skipped == {'echo': 1}, what='the message')
    assert texts == []

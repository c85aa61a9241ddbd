# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a ROS publisher sends, as a peer at a real socket receives it."""

from __future__ import annotations

import dataclasses
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray, PoseStamped, TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from tf2_msgs.msg import TFMessage
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from helpers.bridge_peer import dial, serve
from helpers.outcomes import received_by, sent_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.convert.conversions import ros_type
from ros2_igtl.msg import ImageGeometry, MetadataEntry, RawMessage
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.qos import latched
from ros2_igtl.nodes.to_igtl.topic import TopicSender

STAMP_NS = 1_700_000_000_123_456_789
STAMP = Time(sec=1_700_000_000, nanosec=123_456_789)


def sending(
    graph: Graph, tmp_path: Path, rows: str, **parameters: Any
) -> tuple[BridgeNode, ScriptedPeer]:
    """Return a server that sends by mapping rows, and a peer that it knows."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(f'version: 1\nconnections:\n  - mappings:\n{rows}')
    return serve(graph, config_file=str(path), **parameters)


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
WITHOUT_ROTATION = transform('base', 'tip', 0.0)
WITHOUT_ROTATION.transform.rotation.w = 0.0


def test_a_transform_in_metres_is_sent_in_millimetres(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED))
    graph.publisher(TRANSFORM_STAMPED, '/tip').publish(transform('base', 'tip', 0.1))
    message = codec.unpack(peer.receive_message())
    assert (message.device_name, message.header_version) == ('Tip', 1)
    assert codec.timestamp.to_nanoseconds(message.timestamp) == STAMP_NS
    assert message.content[9:] == (100.0, 0.0, 0.0)


def test_metadata_of_the_mapping_file_go_with_every_message(graph: Graph, tmp_path: Path) -> None:
    more = '        metadata: {Modality: US, Depth: "50"}\n'
    rows = row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED, more)
    bridge, peer = sending(graph, tmp_path, rows, header_version=2)
    graph.publisher(TRANSFORM_STAMPED, '/tip').publish(transform('base', 'tip', 0.1))
    message = codec.unpack(peer.receive_message())
    assert message.header_version == 2
    assert message.metadata == {'Modality': 'US', 'Depth': '50'}
    assert sent_by(bridge.connections[0]).done == 1


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
    assert sent_by(bridge.connections[0]).done == 4


def test_an_image_is_sent_with_the_geometry_of_its_stamp(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, row('Cam', 'IMAGE', '/cam', 'sensor_msgs/msg/Image'))
    images = graph.publisher('sensor_msgs/msg/Image', '/cam')
    picture = Image(
        header=Header(frame_id='plane', stamp=STAMP),
        height=2,
        width=3,
        encoding='bgr8',
        step=12,
        data=array('B', range(24)),
    )
    images.publish(picture)
    plain = codec.unpack(peer.receive_message()).content
    assert plain.pixels.tolist() == [
        [[[2, 1, 0], [5, 4, 3], [8, 7, 6]], [[14, 13, 12], [17, 16, 15], [20, 19, 18]]]
    ]
    assert plain.spacing == (1.0, 1.0, 1.0)
    geometries = graph.publisher('ros2_igtl/msg/ImageGeometry', '/cam/geometry')
    place = ImageGeometry(header=Header(frame_id='base', stamp=STAMP), size=[3, 2, 1])
    place.ijk_to_frame = [0.002, 0.0, 0.0, 0.1, 0.0, 0.004, 0.0, 0.2, 0.0, 0.0, 0.001, 0.3]
    geometries.publish(place)
    images.publish(picture)
    placed = codec.unpack(peer.receive_message()).content
    assert placed.spacing == pytest.approx((2.0, 4.0, 1.0))
    # the centre of the image: index (1, 0.5, 0)
    assert placed.position == pytest.approx((102.0, 202.0, 300.0))


def test_a_volume_goes_out_and_comes_back_byte_by_byte(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, row('CT', 'IMAGE', '/volume', 'ros2_igtl/msg/Volume'))
    pixels = np.arange(24, dtype='>f4').reshape(2, 3, 4)
    content = codec.Image.from_pixels(pixels, position=(1.0, 2.0, 3.0))
    from ros2_igtl.convert.context import Context
    from ros2_igtl.convert.pairs.volume import image_to_volume

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
    assert sent_by(bridge.connections[0]).skipped['not_newer'] > 5


TIP_TO_BASE = '{parent_frame_id: base, child_frame_id: tip, rate: 200}'


def xs_of(peer: ScriptedPeer) -> list[float]:
    """Return the x of each TRANSFORM that was collected, millimetres."""
    data = bytes(peer.collected)
    whole = range(0, len(data) - 105, 106)
    return [codec.unpack(data[at : at + 106]).content.tx for at in whole]


def test_a_static_transform_goes_once_to_each_peer_and_again_when_it_changes(
    graph: Graph, tmp_path: Path
) -> None:
    # published before there is a listener: it is latched
    publisher = graph.user.create_publisher(TFMessage, '/tf_static', latched(1))
    publisher.publish(TFMessage(transforms=[transform('base', 'tip', 0.1)]))
    bridge, first = sending(graph, tmp_path, tf_row('TipToBase', 'TRANSFORM', TIP_TO_BASE))
    first.collect()
    wait_until(lambda: xs_of(first) == [100.0], what='the transform')
    second = dial(graph, bridge)
    second.collect()
    wait_until(lambda: xs_of(second) == [100.0], what='the transform for who comes later')
    watch_for(lambda: len(xs_of(first) + xs_of(second)) > 2, 0.2, 'a transform repeated')
    publisher.publish(TFMessage(transforms=[transform('base', 'tip', 0.1, Time(sec=5))]))
    watch_for(lambda: len(xs_of(first) + xs_of(second)) > 2, 0.2, 'the same transform again')
    publisher.publish(TFMessage(transforms=[transform('base', 'tip', 0.2)]))
    for peer in (first, second):
        wait_until(lambda: xs_of(peer) == [100.0, 200.0], what='the change')  # noqa: B023
    sent = sent_by(bridge.connections[0])
    assert (sent.done, sent.rejected.keys() - {'tf_lookup'}) == (3, set())
    assert sent.skipped['not_newer'] > 5


def test_a_static_transform_waits_for_the_first_peer(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    rows = tf_row('TipToBase', 'TRANSFORM', TIP_TO_BASE)
    path.write_text(f'version: 1\nconnections:\n  - mappings:\n{rows}')
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path)})
    StaticTransformBroadcaster(graph.user).sendTransform(transform('base', 'tip', 0.1))
    outcomes = sent_by(bridge.connections[0])
    wait_until(lambda: outcomes.skipped['no_peer'] > 2, what='a look-up that finds it')
    assert codec.unpack(dial(graph, bridge).receive_message()).content.tx == 100.0


def test_a_chain_with_a_part_that_moves_goes_with_each_of_its_stamps(
    graph: Graph, tmp_path: Path
) -> None:
    rows = tf_row('TipToBase', 'TRANSFORM', TIP_TO_BASE)
    bridge, peer = sending(graph, tmp_path, rows)
    peer.collect()
    StaticTransformBroadcaster(graph.user).sendTransform(transform('flange', 'tip', 0.5))
    broadcaster = TransformBroadcaster(graph.user)
    wait_until(lambda: graph.user.count_subscribers('/tf') > 0, what='the listener')
    for second, x in enumerate((0.1, 0.1, 0.2), 1_700_000_000):
        broadcaster.sendTransform(transform('base', 'flange', x, Time(sec=second)))
        wait_for_count(peer.collected, 106 * (second - 1_699_999_999))
    assert xs_of(peer) == [600.0, 600.0, 700.0]
    late = dial(graph, bridge)
    late.collect()
    watch_for(lambda: late.collected or len(xs_of(peer)) > 3, 0.2, 'a pose repeated')


def test_static_tools_go_with_those_that_move_and_alone_once(graph: Graph, tmp_path: Path) -> None:
    tools = (
        '{rate: 200, tools: [{name: A, parent_frame_id: base, child_frame_id: a}, '
        '{name: B, parent_frame_id: base, child_frame_id: b}]}\n        stale_timeout: 1'
    )
    _, peer = sending(graph, tmp_path, tf_row('Robot', 'TDATA', tools))
    StaticTransformBroadcaster(graph.user).sendTransform(transform('base', 'a', 0.1))

    def names() -> list[str]:
        tools = codec.unpack(peer.receive_message()).content.tools
        return [codec.text(name) for name in tools['name'].tolist()]

    assert names() == ['A']
    broadcaster = TransformBroadcaster(graph.user)
    for _ in range(2):
        now = graph.user.get_clock().now().to_msg()
        broadcaster.sendTransform(transform('base', 'b', 0.2, now))
        assert names() == ['A', 'B']
    assert names() == ['A']  # the other is stale
    peer.collect()
    watch_for(lambda: peer.collected, 0.2, 'a static tool repeated')


def test_a_peer_that_starts_a_stream_gets_a_static_transform_once_for_each_start(
    graph: Graph, tmp_path: Path
) -> None:
    tools = '{rate: 200, tools: [{name: A, parent_frame_id: base, child_frame_id: a}]}'
    rows = tf_row('Robot', 'TDATA', tools) + '        on_request: true\n'
    bridge, peer = sending(graph, tmp_path, rows)
    StaticTransformBroadcaster(graph.user).sendTransform(transform('base', 'a', 0.1))
    outcomes = sent_by(bridge.connections[0])
    wait_until(lambda: outcomes.skipped['not_asked_for'] > 2, what='look-ups for nobody')
    for _ in range(2):
        for query in (codec.StartTrackingData(), codec.StopTrackingData()):
            peer.send(codec.pack(codec.Message(query, 'Robot')))
            reply = codec.unpack(peer.receive_message())
            assert reply.content == codec.TrackingDataReply(0)
            if isinstance(query, codec.StartTrackingData):
                assert len(codec.unpack(peer.receive_message()).content.tools) == 1
                before = outcomes.skipped['not_newer']
                wait_until(lambda: outcomes.skipped['not_newer'] > before + 5, what='look-ups')  # noqa: B023


def test_in_a_bind_a_static_transform_goes_with_each_of_the_others(
    graph: Graph, tmp_path: Path
) -> None:
    bind = '        bind: Frame\n'
    rows = tf_row('TipToBase', 'TRANSFORM', TIP_TO_BASE) + bind
    rows += row('Text', 'STRING', '/text', 'std_msgs/msg/String', bind)
    _, peer = sending(graph, tmp_path, rows)
    StaticTransformBroadcaster(graph.user).sendTransform(transform('base', 'tip', 0.1))
    publisher = graph.publisher('std_msgs/msg/String', '/text')
    for text in 'ab':
        publisher.publish(String(data=text))
        children = codec.unpack(peer.receive_message()).content.children
        assert [child.type_name for child in children] == ['TRANSFORM', 'STRING']
        assert children[1].content.text == text


def test_frames_that_tf_does_not_know_are_counted(graph: Graph, tmp_path: Path) -> None:
    rows = tf_row('Tip', 'TRANSFORM', '{parent_frame_id: b, child_frame_id: c, rate: 100}')
    bridge, _ = sending(graph, tmp_path, rows)
    outcomes = sent_by(bridge.connections[0])
    wait_until(lambda: outcomes.rejected['tf_lookup'] > 2, what='failed look-ups')


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


def test_several_pairs_become_one_qtdata(graph: Graph, tmp_path: Path) -> None:
    tools = '{rate: 50, tools: [{name: A, parent_frame_id: base, child_frame_id: a}]}'
    _, peer = sending(graph, tmp_path, tf_row('Robot', 'QTDATA', tools))
    StaticTransformBroadcaster(graph.user).sendTransform(transform('base', 'a', 0.1, Time()))
    expected = codec.QuaternionTrackingData.from_tools([('A', 2, (100, 0, 0), (0, 0, 0, 1))])
    wait_until(lambda: codec.unpack(peer.receive_message()).content == expected, what='the tool')


@pytest.mark.parametrize('header_version', [1, 2])
def test_a_raw_message_is_sent_as_what_the_mapping_says_it_is(
    graph: Graph, tmp_path: Path, header_version: int
) -> None:
    raw = 'ros2_igtl/msg/RawMessage'
    rows = row('Probe', 'NEWTYPE', '/raw', raw)
    bridge, peer = sending(graph, tmp_path, rows, header_version=header_version)
    publisher = graph.publisher(raw, '/raw')
    entries = [MetadataEntry(key='Room', value='12')]
    publisher.publish(RawMessage(type_name='OTHERTYPE', body=b'1234'))
    publisher.publish(
        RawMessage(type_name='NEWTYPE', body=b'1234', message_id=7, metadata=entries)
    )
    message = codec.unpack(peer.receive_message())
    assert (message.content, message.device_name) == (codec.Unknown('NEWTYPE', b'1234'), 'Probe')
    assert message.header_version == header_version
    expected = (7, {'Room': '12'}) if header_version == 2 else (0, {})
    assert (message.message_id, message.metadata) == expected
    assert sent_by(bridge.connections[0]).rejected == {'type_name': 1}


@pytest.mark.parametrize(
    ('type_name', 'content'),
    [
        ('TRANSFORM', codec.Transform(*range(12))),
        ('QTRANS', codec.Position(1.0, 2.0, 3.0)),
        ('GET_IMAGE', codec.GetImage()),
        ('BIND', codec.Bind([codec.Message(codec.String('x'), 'Note')])),
    ],
)
def test_a_raw_message_of_a_known_type_is_sent_if_it_is_one(
    graph: Graph, tmp_path: Path, type_name: str, content: Any
) -> None:
    rows = row('Probe', type_name, '/raw', 'ros2_igtl/msg/RawMessage')
    bridge, peer = sending(graph, tmp_path, rows)
    publisher = graph.publisher('ros2_igtl/msg/RawMessage', '/raw')
    publisher.publish(RawMessage(type_name=type_name, body=b'1'))
    publisher.publish(RawMessage(type_name=type_name, body=b''.join(content.pack_parts())))
    data = peer.receive_message()
    assert data == codec.pack(codec.Message(content, 'Probe', type_name=type_name))
    assert sum(sent_by(bridge.connections[0]).rejected.values()) == 1


@pytest.mark.parametrize(
    ('cause', 'message'),
    [
        ('not_finite', transform('base', 'tip', float('nan'))),
        ('zero_quaternion', WITHOUT_ROTATION),
        ('empty_frame', transform('', 'tip', 0.0)),
        ('same_frame', transform('tip', 'tip', 0.0)),
    ],
)
def test_b33_a_bad_transform_is_not_sent(
    graph: Graph, tmp_path: Path, cause: str, message: TransformStamped
) -> None:
    bridge, peer = sending(graph, tmp_path, row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED))
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    publisher.publish(message)
    publisher.publish(transform('base', 'tip', 0.5))
    assert codec.unpack(peer.receive_message()).content.tx == 500.0
    assert sent_by(bridge.connections[0]).rejected == {cause: 1}


def test_best_effort_publishers_are_followed(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED))
    profile = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip', profile)
    publisher.publish(transform('base', 'tip', 0.5))
    assert codec.unpack(peer.receive_message()).content.tx == 500.0
    assert sent_by(bridge.connections[0]).done == 1


def test_the_rate_of_a_topic_can_be_limited(graph: Graph, tmp_path: Path) -> None:
    more = '        rate_limit: 0.1\n'
    rows = row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED, more)
    bridge, _ = sending(graph, tmp_path, rows)
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    for _ in range(3):
        publisher.publish(transform('base', 'tip', 0.5))
    wait_until(lambda: sent_by(bridge.connections[0]).received == 3, what='three messages')
    assert sent_by(bridge.connections[0]).skipped == {'rate_limit': 2}


def test_without_a_peer_nothing_is_kept_for_later(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, row('Text', 'STRING', '/text', 'std_msgs/msg/String'))
    peer.close()
    connection = bridge.connections[0]
    wait_until(lambda: not connection.peers.all, what='the end of the session')
    graph.publisher('std_msgs/msg/String', '/text').publish(String(data='nobody'))
    wait_until(lambda: sent_by(connection).received == 1, what='the message')
    assert sent_by(connection).skipped == {'no_peer': 1}


def test_every_peer_gets_what_is_sent(graph: Graph, tmp_path: Path) -> None:
    rows = row('Text', 'STRING', '/text', 'std_msgs/msg/String')
    bridge, first = sending(graph, tmp_path, rows)
    port = bridge.get_parameter('actual_port').value
    second = graph.stack.enter_context(ScriptedPeer.dial(port))
    wait_until(lambda: len(bridge.connections[0].peers.all) == 2, what='two sessions')
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
    wait_until(
        lambda: received_by(bridge.connections[0]).skipped == {'echo': 1}, what='the message'
    )
    assert texts == []


STRING = 'std_msgs/msg/String'
IMAGE = 'sensor_msgs/msg/Image'
GEOMETRY = 'ros2_igtl/msg/ImageGeometry'
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


def image(stamp: Time) -> Image:
    return Image(
        header=Header(frame_id='plane', stamp=stamp),
        height=1,
        width=2,
        encoding='mono8',
        step=2,
        data=array('B', (1, 2)),
    )


def geometry(stamp: Time) -> ImageGeometry:
    matrix = [0.005, 0.0, 0.0, 0.0, 0.0, 0.001, 0.0, 0.0, 0.0, 0.0, 0.001, 0.0]
    header = Header(frame_id='base', stamp=stamp)
    return ImageGeometry(header=header, size=[2, 1, 1], ijk_to_frame=matrix)


def test_an_image_whose_geometry_never_comes_is_counted_and_told(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, peer = sending(graph, tmp_path, row('Cam', 'IMAGE', '/cam', IMAGE))
    images = graph.publisher(IMAGE, '/cam')
    geometries = graph.publisher(GEOMETRY, '/cam/geometry')
    wait_until(lambda: bridge.count_publishers('/cam/geometry'), 10.0, 'the geometry to be seen')
    sent = sent_by(bridge.connections[0])
    geometries.publish(geometry(Time(sec=1)))
    for second in (2, 3, 4):
        images.publish(image(Time(sec=second)))
    wait_until(lambda: sent.skipped == {'no_sibling': 2}, 10.0, 'two images given up')
    assert 'no_sibling: no message with the same stamp has arrived on /cam/geometry' in (
        capfd.readouterr().err
    )
    geometries.publish(geometry(Time(sec=4)))
    content = codec.unpack(peer.receive_message()).content
    assert content.spacing == pytest.approx((5.0, 1.0, 1.0))
    images.publish(image(Time(sec=5)))
    # The last one waits until the end, which counts it.
    wait_until(lambda: bridge.connections[0].senders.all[0]._waiting, 10.0, 'the image')  # type: ignore[attr-defined]
    assert sent.received == 3
    graph.call(bridge.trigger_deactivate)
    assert (sent.received, sent.done, sent.skipped) == (4, 1, {'no_sibling': 3})


def test_a_geometry_that_is_best_effort_is_heard(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, row('Cam', 'IMAGE', '/cam', IMAGE))
    geometries = graph.publisher(GEOMETRY, '/cam/geometry', BEST_EFFORT)
    images = graph.publisher(IMAGE, '/cam')
    peer.collect()

    def is_sent() -> bool:
        geometries.publish(geometry(STAMP))
        images.publish(image(STAMP))
        return len(peer.collected) > 0

    wait_until(is_sent, 10.0, 'an image')
    content = codec.unpack(peer.collected[: 58 + 72 + 2]).content
    assert content.spacing == pytest.approx((5.0, 1.0, 1.0))


def test_an_image_without_a_publisher_of_geometries_is_sent_at_once(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = sending(graph, tmp_path, row('Cam', 'IMAGE', '/cam', IMAGE))
    images = graph.publisher(IMAGE, '/cam')
    geometries = graph.publisher(GEOMETRY, '/cam/geometry')
    wait_until(lambda: bridge.count_publishers('/cam/geometry'), 10.0, 'the geometry to be seen')
    images.publish(image(Time(sec=1)))
    wait_until(lambda: bridge.connections[0].senders.all[0]._waiting, 10.0, 'the image')  # type: ignore[attr-defined]
    graph.call(lambda: graph.user.destroy_publisher(geometries))
    wait_until(lambda: not bridge.count_publishers('/cam/geometry'), 10.0, 'its end')
    images.publish(image(Time(sec=2)))
    assert codec.unpack(peer.receive_message()).timestamp == 2 << 32
    assert sent_by(bridge.connections[0]).skipped == {'no_sibling': 1}


def test_what_is_latched_is_sent_once_though_the_subscription_changes(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = sending(graph, tmp_path, row('Text', 'STRING', '/text', STRING))
    publisher = graph.publisher(STRING, '/text', LATCHED)
    publisher.publish(String(data='first'))
    (sender,) = bridge.connections[0].senders.all
    (subscription,) = sender._subscriptions  # type: ignore[attr-defined]
    wait_until(
        lambda: subscription._qos.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        10.0,
        'the subscription to follow',
    )
    wait_until(lambda: publisher.get_subscription_count() == 1, 10.0, 'the new subscription')
    publisher.publish(String(data='second'))
    texts = [codec.unpack(peer.receive_message()).content.text for _ in range(2)]
    assert texts == ['first', 'second']
    assert sent_by(bridge.connections[0]).received == 2


def test_what_was_latched_before_the_node_came_is_sent(graph: Graph, tmp_path: Path) -> None:
    publisher = graph.user.create_publisher(ros_type(STRING), '/text', LATCHED)
    publisher.publish(String(data='early'))
    bridge, peer = sending(graph, tmp_path, row('Text', 'STRING', '/text', STRING))
    sent = sent_by(bridge.connections[0])
    wait_until(lambda: sent.received == 1, 10.0, 'the text')
    if sent.done:  # it came after the peer
        assert codec.unpack(peer.receive_message()).content == codec.String('early')


def test_a_publisher_may_go_and_another_come_that_offers_less(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = sending(graph, tmp_path, row('Text', 'STRING', '/text', STRING))
    first = graph.publisher(STRING, '/text')
    first.publish(String(data='reliable'))
    assert codec.unpack(peer.receive_message()).content == codec.String('reliable')
    graph.call(lambda: graph.user.destroy_publisher(first))
    wait_until(lambda: not bridge.count_publishers('/text'), 10.0, 'the first to go')
    graph.publisher(STRING, '/text', BEST_EFFORT).publish(String(data='best effort'))
    assert codec.unpack(peer.receive_message()).content == codec.String('best effort')


def test_a_fault_in_a_conversion_costs_that_message_only(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, peer = sending(graph, tmp_path, row('Text', 'STRING', '/text', STRING))
    (sender,) = bridge.connections[0].senders.all
    assert isinstance(sender, TopicSender)
    mapping = sender._conversion

    def fail(message: Any) -> Any:
        raise ZeroDivisionError('a fault of ours')

    publisher = graph.publisher(STRING, '/text')
    sender._conversion = dataclasses.replace(mapping, from_ros=fail)
    publisher.publish(String(data='lost'))
    sent = sent_by(bridge.connections[0])
    wait_until(lambda: sent.rejected == {'internal_error': 1}, what='the fault')
    assert 'ZeroDivisionError: a fault of ours' in capfd.readouterr().err
    sender._conversion = mapping
    publisher.publish(String(data='kept'))
    assert codec.unpack(peer.receive_message()).content == codec.String('kept')


def test_what_cannot_be_packed_is_counted(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, row('Text', 'STRING', '/text', STRING))
    publisher = graph.publisher(STRING, '/text')
    publisher.publish(String(data='x' * 65536))  # its length is a field of 16 bits
    publisher.publish(String(data='short'))
    assert codec.unpack(peer.receive_message()).content == codec.String('short')
    assert sent_by(bridge.connections[0]).rejected == {'encode': 1}


def test_an_alias_is_sent_under_its_own_name(graph: Graph, tmp_path: Path) -> None:
    rows = row('Arm', 'QTRANS', '/arm', TRANSFORM_STAMPED)
    rows += tf_row('Leg', 'QTRANS', '{parent_frame_id: base, child_frame_id: leg, rate: 50}')
    _, peer = sending(graph, tmp_path, rows)
    graph.publisher(TRANSFORM_STAMPED, '/arm').publish(transform('base', 'arm', 0.5))
    message = codec.unpack(peer.receive_message())
    assert (message.type_name, message.device_name) == ('QTRANS', 'Arm')
    assert message.content.x == 500.0
    StaticTransformBroadcaster(graph.user).sendTransform(transform('base', 'leg', 0.25, Time()))
    message = codec.unpack(peer.receive_message())
    assert (message.type_name, message.content.x) == ('QTRANS', 250.0)


def test_a_tool_whose_pose_is_old_is_left_out(graph: Graph, tmp_path: Path) -> None:
    tools = (
        '{rate: 50, tools: [{name: Fresh, parent_frame_id: base, child_frame_id: a}, '
        '{name: Old, parent_frame_id: base, child_frame_id: b}]}'
    )
    _, peer = sending(graph, tmp_path, tf_row('Robot', 'TDATA', tools), stale_timeout=60.0)
    broadcaster = TransformBroadcaster(graph.user)
    wait_until(lambda: graph.user.count_subscribers('/tf') > 0, what='the listener')
    now = graph.user.get_clock().now().to_msg()
    old = Time(sec=now.sec - 100)
    broadcaster.sendTransform([transform('base', 'a', 0.1, now), transform('base', 'b', 0.2, old)])
    (tool,) = codec.unpack(peer.receive_message()).content.tools
    assert codec.text(tool['name']) == 'Fresh'


def test_f02_a_tool_that_ages_is_left_out_and_then_none_is_left(
    graph: Graph, tmp_path: Path
) -> None:
    """No pose is repeated, and the peer is told once that all are gone."""
    tools = '{rate: 50, tools: [{name: A, parent_frame_id: base, child_frame_id: a}]}'
    bridge, peer = sending(graph, tmp_path, tf_row('Robot', 'TDATA', tools), stale_timeout=0.2)
    broadcaster = TransformBroadcaster(graph.user)
    wait_until(lambda: graph.user.count_subscribers('/tf') > 0, what='the listener')
    now = graph.user.get_clock().now().to_msg()
    broadcaster.sendTransform(transform('base', 'a', 0.1, now))
    counts = [len(codec.unpack(peer.receive_message()).content.tools) for _ in range(2)]
    assert counts == [1, 0]
    outcomes = sent_by(bridge.connections[0])
    before = outcomes.skipped['not_newer']
    wait_until(lambda: outcomes.skipped['not_newer'] > before + 5, what='nothing more to say')
    assert sent_by(bridge.connections[0]).done == 2


def test_a_bad_pose_on_tf_refuses_the_message_and_says_so(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = '{rate: 50, tools: [{name: A, parent_frame_id: base, child_frame_id: a}]}'
    bridge, _ = sending(graph, tmp_path, tf_row('Robot', 'TDATA', tools))
    (sender,) = bridge.connections[0].senders.all
    bad = transform('base', 'a', float('nan'), Time())
    monkeypatch.setattr(sender, '_look_up', lambda parent, child: bad)
    outcomes = sent_by(bridge.connections[0])
    wait_until(lambda: outcomes.rejected['not_finite'] == 1, what='the refusal')

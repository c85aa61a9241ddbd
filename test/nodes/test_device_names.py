# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Device names that are long, empty, odd or alike, both ways through a running node."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import String
from tf2_ros import StaticTransformBroadcaster

from helpers.bridge_peer import await_accounted, dial, pack, pose, serve
from helpers.outcomes import received_by, sent_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.nodes.node import BridgeNode

STRING = 'std_msgs/msg/String'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
FULL = 'camera_color_optical_frame_of_the_left_arm_in_operating_room'
CUT = naming.fit_device_name(FULL)
# two that begin alike, and whose CRC-32 end alike
ALIKE = ('camera_optical_frame_1623', 'camera_optical_frame_8000')

# name, last token of its topic, child frame
ODD = {
    'twenty_bytes_without_nul': ('ABCDEFGHIJKLMNOPQRST', 'ABCDEFGHIJKLMNOPQRST', None),
    'nothing': ('', 'unnamed', 'unnamed'),
    'spaces': ('my  probe', 'my_probe', 'my__probe'),
    'only_spaces': ('  ', 'unnamed', '__'),
    'utf_8': ('Sonde süß', 'Sonde_s', 'Sonde_süß'),
    'latin_1': ('s\udcfc\udcdf', 's', 's__'),
    'a_path': ('../../etc', 'etc', '../../etc'),
    'rooted': ('/tf', 'tf', 'tf'),
    'control_characters': ('a\x1b[31m\n', 'a_31m', 'a_[31m_'),
    'a_digit_first': ('3D', 'device_3D', '3D'),
}


@pytest.mark.parametrize('case', ODD)
def test_b09_an_odd_name_gives_a_topic_and_a_frame_and_no_control_character_in_a_log(
    graph: Graph, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    name, token, frame = ODD[case]
    _, peer = serve(graph)
    poses = graph.subscribe(TRANSFORM_STAMPED, f'/bridge/transform/{token}')
    peer.send(pose(device_name=name))
    wait_until(lambda: poses, 10.0, 'the pose')
    assert poses[0].child_frame_id == (name if frame is None else frame)
    said = next(line for line in capfd.readouterr().err.splitlines() if f'/{token} (' in line)
    assert f"TRANSFORM '{naming.escape(name)}' -> /bridge/transform/{token}" in said
    assert said.isprintable()


@pytest.mark.parametrize('name', ['', '  ', '../x', 'Sonde süß', '/tf', 'ABCDEFGHIJKLMNOPQRST'])
def test_b09_a_row_goes_by_the_bytes_of_a_name(graph: Graph, tmp_path: Path, name: str) -> None:
    row = f"igtl_device_name: '{name}', igtl_type_name: STRING, direction: IGTL_TO_ROS"
    bridge, peer = serve(graph, config_file=mapping_file(tmp_path, f'{row}, ros_topic_name: /x'))
    texts = graph.subscribe(STRING, '/x')
    peer.send(pack(codec.String('ours'), name) + pack(codec.String('not ours'), f'{name[:19]}!'))
    await_accounted(bridge, 2)
    wait_until(lambda: texts, 10.0, 'the text')
    assert [text.data for text in texts] == ['ours']


@pytest.mark.parametrize('name', ['', '  ', '../x', 'Sonde süß', 'ABCDEFGHIJKLMNOPQRST'])
def test_b09_a_name_is_sent_as_the_row_has_it(graph: Graph, tmp_path: Path, name: str) -> None:
    _, peer = serve(graph, config_file=mapping_file(tmp_path, sent(name)))
    graph.publisher(STRING, '/text').publish(String(data='x'))
    message = codec.unpack(peer.receive_message())
    assert (message.device_name, message.metadata) == (name, {})


def test_b10_of_names_that_give_one_topic_the_second_is_refused_with_an_error(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, peer = serve(graph)
    texts = graph.subscribe(STRING, '/bridge/string/a_b')
    messages = [pack(codec.String(name), name) for name in ('a b', 'a-b', 'a\nb', 'a b')]
    peer.send(b''.join(messages) * 2)
    await_accounted(bridge, 8)
    wait_until(lambda: len(texts) == 4, 10.0, 'the texts of the first')
    assert {text.data for text in texts} == {'a b'}
    assert received_by(bridge.connections[0]).skipped == {'topic_taken': 4}
    lines = [line for line in capfd.readouterr().err.splitlines() if 'topic_taken' in line]
    assert len(lines) == 2  # once a device
    assert all('[ERROR]' in line for line in lines)
    assert (
        "STRING 'a-b': topic_taken: /bridge/string/a_b already belongs to bridge STRING a b"
        in lines[0]
    )


def test_b10_names_that_differ_behind_the_20_bytes_of_the_header_stay_two(graph: Graph) -> None:
    bridge, peer = serve(graph)
    names = [f'camera_optical_frame_{side}' for side in ('left', 'right')]
    topics = [graph.subscribe(STRING, f'/bridge/string/{name}') for name in names]
    for name in names:
        metadata = {'IGTL_DEVICE_NAME': name}
        fields: dict[str, Any] = {'header_version': 2, 'metadata': metadata}
        peer.send(pack(codec.String(name), name[:20], **fields))
    await_accounted(bridge, 2)
    wait_until(lambda: all(topics), 10.0, 'both texts')
    assert [[text.data for text in texts] for texts in topics] == [[name] for name in names]


def test_b10_a_pose_that_a_second_peer_sends_too_is_refused_with_an_error(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, first = serve(graph)
    second = dial(graph, bridge)
    first.send(pose(1.0))
    await_accounted(bridge, 1)
    second.send(pose(2.0))
    await_accounted(bridge, 2)
    assert received_by(bridge.connections[0]).skipped == {'second_source': 1}
    (line,) = [line for line in capfd.readouterr().err.splitlines() if 'second_source' in line]
    assert '[ERROR]' in line


def mapping_file(tmp_path: Path, *rows: str, more: str = '') -> str:
    path = tmp_path / 'mapping.yaml'
    lines = ''.join(f'      - {{{row}}}\n' for row in rows)
    path.write_text(f'version: 1\nconnections:\n  - name: bridge\n{more}    mappings:\n{lines}')
    return str(path)


def sent(name: str, topic: str = '/text', more: str = '') -> str:
    return (
        f"igtl_device_name: '{name}', igtl_type_name: STRING, direction: ROS_TO_IGTL, "
        f'ros_topic_name: {topic}, ros_type_name: {STRING}{more}'
    )


def speak_version_2(bridge: BridgeNode, peer: ScriptedPeer) -> None:
    """Let a peer show that it reads header version 2."""
    before = bridge.connections[0].transport.statistics.received
    peer.send(pack(codec.String('x'), 'Hello', header_version=2))
    await_accounted(bridge, before + 1)


def test_b36_a_long_name_is_cut_and_whole_in_the_metadata_of_who_reads_them(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more = ', metadata: {Room: "7", IGTL_DEVICE_NAME: nonsense}'
    bridge, old = serve(graph, config_file=mapping_file(tmp_path, sent(FULL, more=more)))
    new = dial(graph, bridge)
    speak_version_2(bridge, new)
    graph.publisher(STRING, '/text').publish(String(data='x'))
    message = codec.unpack(new.receive_message())
    assert (message.device_name, message.header_version) == (CUT, 2)
    assert message.metadata == {'IGTL_DEVICE_NAME': FULL, 'Room': '7'}
    assert naming.full_device_name(CUT, message.metadata['IGTL_DEVICE_NAME']) == FULL
    message = codec.unpack(old.receive_message())
    assert (message.device_name, message.header_version, message.metadata) == (CUT, 1, {})
    assert len(CUT) == 20
    (line,) = [line for line in capfd.readouterr().err.splitlines() if CUT in line]
    assert '[WARN]' in line
    assert f"STRING '{FULL}': the device name has more than 20 bytes" in line
    assert sent_by(bridge.connections[0]).done == 1


def test_b36_what_has_no_place_for_the_whole_name_may_be_rejected_and_counted(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more = '    long_device_names: reject\n'
    path = mapping_file(tmp_path, sent(FULL), sent('Short', '/short'), more=more)
    bridge, old = serve(graph, config_file=path)
    connection = bridge.connections[0]
    texts, short = graph.publisher(STRING, '/text'), graph.publisher(STRING, '/short')
    texts.publish(String(data='nobody reads this'))
    wait_until(lambda: sent_by(connection).rejected, 10.0, 'the refusal')
    assert sent_by(connection).rejected == {'long_device_name': 1}
    assert 'long_device_name: no peer reads header version 2' in capfd.readouterr().err
    new = dial(graph, bridge)
    speak_version_2(bridge, new)
    texts.publish(String(data='one of two reads this'))
    message = codec.unpack(new.receive_message())
    assert (message.device_name, message.metadata) == (CUT, {'IGTL_DEVICE_NAME': FULL})
    short.publish(String(data='both read this'))
    for peer in (old, new):
        assert codec.unpack(peer.receive_message()).device_name == 'Short'
    assert (sent_by(connection).done, sent_by(connection).rejected) == (2, {'long_device_name': 1})
    assert connection.transport.statistics.send_rejected == {'header_version': 2}


@pytest.mark.parametrize(
    ('option', 'type_name'), [('truncate', 'STRING'), ('reject', 'RTS_STRING')]
)
def test_b36_a_peer_that_asks_for_a_device_of_a_long_name_gets_what_it_can_read(
    graph: Graph, tmp_path: Path, option: str, type_name: str
) -> None:
    path = mapping_file(tmp_path, sent(FULL, more=', on_request: true'))
    bridge, peer = serve(graph, config_file=path, long_device_names=option)
    graph.publisher(STRING, '/text').publish(String(data='x'))
    wait_until(lambda: sent_by(bridge.connections[0]).received == 1, 10.0, 'the text')
    peer.send(codec.pack(codec.Message(codec.GetString(), CUT)))
    message = codec.unpack(peer.receive_message())
    assert (message.type_name, message.device_name) == (type_name, CUT)
    speak_version_2(bridge, peer)
    peer.send(codec.pack(codec.Message(codec.GetString(), CUT)))
    message = codec.unpack(peer.receive_message())
    assert message.content.text == 'x'
    assert message.metadata == {'IGTL_DEVICE_NAME': FULL}


def test_b36_a_pose_from_tf_may_have_a_long_name(graph: Graph, tmp_path: Path) -> None:
    row = (
        f'igtl_device_name: {FULL}, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL, '
        'tf: {rate: 50, parent_frame_id: base, child_frame_id: camera}'
    )
    path = mapping_file(tmp_path, row)
    _, peer = serve(graph, config_file=path, header_version=2)
    transform = TransformStamped(child_frame_id='camera')
    transform.header.frame_id, transform.transform.rotation.w = 'base', 1.0
    StaticTransformBroadcaster(graph.user).sendTransform(transform)
    message = codec.unpack(peer.receive_message())
    assert (message.device_name, message.metadata) == (CUT, {'IGTL_DEVICE_NAME': FULL})


def test_b36_rows_whose_names_are_one_when_cut_are_refused_with_both_lines(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = mapping_file(tmp_path, sent(FULL), sent('Short', '/b'), sent(CUT, '/c'))
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': path})
    assert not bridge.connections
    assert (
        f"{path}:7: connections[0].mappings[2].igtl_device_name: sends STRING as device '{CUT}', "
        'as line 5 does; allowed: once'
    ) in capfd.readouterr().err


def test_b36_of_topics_whose_names_are_one_when_cut_the_second_is_refused_with_an_error(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, peer = serve(graph, auto_outbound=['/.*'], header_version=2)
    first, second = ALIKE
    graph.publisher(STRING, f'/{first}').publish(String(data='x'))
    message = codec.unpack(peer.receive_message())
    assert message.metadata == {'IGTL_DEVICE_NAME': first}
    other = graph.user.create_publisher(String, f'/{second}', 1)
    wait_until(lambda: bridge.count_publishers(f'/{second}'), 10.0, 'the topic to be seen')
    graph.call(bridge.connections[0].follow_publishers)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if second in line]
    assert '[ERROR]' in line
    cut = naming.fit_device_name(first)
    assert f"/{second} is not sent: /{first} already sends STRING '{cut}'" in line
    graph.call(partial(graph.user.destroy_publisher, other))

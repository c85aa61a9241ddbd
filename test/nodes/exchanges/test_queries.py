# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What peers ask and are asked, at real sockets: GET_, STT_, STP_ and RTS_."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray, TransformStamped
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import Header, String
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from helpers.bridge_peer import await_accounted, dial, pack, pose
from helpers.outcomes import query_counts, received_by, sent_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.convert.conversions import ANY_OTHER_TYPE, CONVERSIONS
from ros2_igtl.msg import TrackedTool, TrackingData
from ros2_igtl.nodes.exchanges.pending import Answer
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.peer import Asked
from ros2_igtl.nodes.to_igtl.topic import TopicSender

STAMP_NS = 1_700_000_000_123_456_789
STAMP = Time(sec=1_700_000_000, nanosec=123_456_789)
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
STRING = 'std_msgs/msg/String'
POSE_ARRAY = 'geometry_msgs/msg/PoseArray'
RETRY = {'reconnect_initial_delay': 0.05, 'reconnect_max_delay': 0.1}


def mapping(tmp_path: Path, *rows: str, more: str = '') -> str:
    path = tmp_path / 'mapping.yaml'
    text = ''.join(f'      - {{{row}}}\n' for row in rows)
    head = '  - mappings:' if rows else '  - mappings: []'
    path.write_text(f'version: 1\nconnections:\n{head}\n{text}{more}')
    return str(path)


def sent(device: str, type_name: str, topic: str, ros_type_name: str, more: str = '') -> str:
    return (
        f"igtl_device_name: '{device}', igtl_type_name: {type_name}, direction: ROS_TO_IGTL, "
        f'ros_topic_name: {topic}, ros_type_name: {ros_type_name}{more}'
    )


def asked(device: str, type_name: str, more: str) -> str:
    return (
        f"igtl_device_name: '{device}', igtl_type_name: {type_name}, direction: IGTL_TO_ROS{more}"
    )


TIP = sent('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED)
TIP_ON_REQUEST = sent('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED, ', on_request: true')
TEXT = sent('Text', 'STRING', '/text', STRING)


def serving(graph: Graph, tmp_path: Path, *rows: str, **parameters: Any) -> BridgeNode:
    return graph.add_bridge(
        'server', {'port': 0, 'config_file': mapping(tmp_path, *rows), **parameters}
    )


def transform(x: float, child: str = 'tip', stamp: Time = STAMP) -> TransformStamped:
    message = TransformStamped(header=Header(frame_id='base', stamp=stamp), child_frame_id=child)
    message.transform.translation.x = x
    message.transform.rotation.w = 1.0
    return message


def ask(peer: ScriptedPeer, content: Any, device_name: str = 'Tip', **fields: Any) -> Any:
    """Send a query and return the next message that comes."""
    peer.send(pack(content, device_name, **fields))
    return codec.unpack(peer.receive_message())


def has_sent(bridge: BridgeNode, count: int) -> None:
    """Wait until the node knows what became of so many messages of ROS."""
    sent = sent_by(bridge.connections[0])
    wait_until(lambda: sent.received >= count, 10.0, f'{count} messages from ROS')


def collected(peer: ScriptedPeer) -> list[codec.Message]:
    connection = codec.Connection()
    connection.receive_data(bytes(peer.collected))
    messages: list[codec.Message] = []
    while isinstance(message := connection.next_message(), codec.Message):
        messages.append(message)
    return messages


# What peers ask.


@pytest.mark.parametrize('header_version', [1, 2])
def test_a_get_is_answered_with_the_last_message_to_that_peer_only(
    graph: Graph, tmp_path: Path, header_version: int
) -> None:
    bridge = serving(graph, tmp_path, TIP)
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    for x in (0.1, 0.2):
        publisher.publish(transform(x))
    has_sent(bridge, 2)
    one, other = dial(graph, bridge), dial(graph, bridge)
    fields: dict[str, Any] = {'header_version': header_version}
    if header_version == 2:
        fields['message_id'] = 77
    answer = ask(one, codec.GetTransform(), **fields)
    assert (answer.type_name, answer.device_name) == ('TRANSFORM', 'Tip')
    assert (answer.header_version, answer.message_id) == (
        header_version,
        fields.get('message_id', 0),
    )
    assert answer.content.tx == 200.0
    assert codec.timestamp.to_nanoseconds(answer.timestamp) == STAMP_NS
    assert ask(other, codec.GetStatus(), '').type_name == 'STATUS'  # the first thing it gets
    await_accounted(bridge, 2)
    assert query_counts(bridge.connections[0]) == {'answered': 2}


def test_a_client_answers_its_server_too(graph: Graph, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        parameters = {'port': server.port, 'config_file': mapping(tmp_path, TIP)}
        bridge = graph.add_bridge('client', parameters)
        peer = server.accept()
        wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')
        graph.publisher(TRANSFORM_STAMPED, '/tip').publish(transform(0.1))
        pushed = peer.receive_message()
        peer.send(pack(codec.GetTransform(), 'Tip'))
        assert peer.receive_message() == pushed
        assert ask(peer, codec.StopTransform()).content == codec.TransformReply(0)


@pytest.mark.parametrize('header_version', [1, 2])
@pytest.mark.parametrize(
    ('query', 'device', 'name'),
    [
        (codec.GetTransform(), 'Other', 'RTS_TRANS'),
        (codec.GetTransform(), 'tip', 'RTS_TRANS'),
        (codec.GetTransform(), 'Tip', 'RTS_TRANS'),  # nothing has come yet
        (codec.GetTransform(), '', 'RTS_TRANS'),
        (codec.StartTransform(), 'Other', 'RTS_TRANS'),
        (codec.GetImage(), 'Tip', 'RTS_IMAGE'),
        (codec.GetPolyData(), '', 'RTS_POLYDATA'),
        (codec.StartTrackingData(50, 'Patient'), 'Tip', 'RTS_TDATA'),
        (codec.GetBind((('TRANSFORM', 'Tip'),)), 'Tip', 'RTS_BIND'),
        (codec.StartVideo(), '', 'RTS_VIDEO'),
        (codec.GetVideoMeta(), 'x' * 20, 'RTS_VMETA'),
        (codec.GetTransform(), '\x1b[2J\udcff', 'RTS_TRANS'),  # bytes that are no text
    ],
)
def test_where_there_is_nothing_to_give_the_reply_says_so(
    graph: Graph, tmp_path: Path, header_version: int, query: Any, device: str, name: str
) -> None:
    bridge = serving(graph, tmp_path, TIP)
    peer = dial(graph, bridge)
    reply = ask(peer, query, device, header_version=header_version)
    assert (reply.type_name, reply.device_name) == (name, device)
    assert reply.header_version == header_version
    assert reply.content.status == 1
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).skipped == {'query_refused': 1}


def test_a_peer_that_writes_an_alias_is_answered_in_it(graph: Graph, tmp_path: Path) -> None:
    rows = (TIP, sent('Arm', 'QTRANS', '/arm', TRANSFORM_STAMPED))
    bridge = serving(graph, tmp_path, *rows)
    peer = dial(graph, bridge)

    def ask_as(name: str, content: Any, device: str) -> Any:
        return ask(peer, content, device, type_name=name)

    assert ask_as('GET_TRANSFOR', codec.GetTransform(), 'Tip').type_name == 'RTS_TRANSFOR'
    assert ask_as('GET_QTRANS', codec.GetPosition(), 'Arm').type_name == 'RTS_QTRANS'
    graph.publisher(TRANSFORM_STAMPED, '/arm').publish(transform(0.5))
    assert codec.unpack(peer.receive_message()).type_name == 'QTRANS'
    answer = ask_as('GET_POSITION', codec.GetPosition(), 'Arm')
    assert (answer.type_name, answer.content.x) == ('QTRANS', 500.0)


def test_a_get_without_a_name_gets_each_device_that_has_something(
    graph: Graph, tmp_path: Path
) -> None:
    rows = [
        sent(name, 'TRANSFORM', f'/{name}', TRANSFORM_STAMPED) for name in ('a', 'b', 'silent')
    ]
    bridge = serving(graph, tmp_path, *rows, TEXT)
    for name in ('a', 'b'):
        graph.publisher(TRANSFORM_STAMPED, f'/{name}').publish(transform(0.1, name))
    has_sent(bridge, 2)
    peer = dial(graph, bridge)
    peer.send(pack(codec.GetTransform(), '') + pack(codec.GetStatus(), ''))
    messages = [codec.unpack(peer.receive_message()) for _ in range(3)]
    assert sorted(m.device_name for m in messages if m.type_name == 'TRANSFORM') == ['a', 'b']
    assert [m.type_name for m in messages].count('STATUS') == 1


def test_an_event_is_given_as_often_as_it_is_asked_for(graph: Graph, tmp_path: Path) -> None:
    bridge = serving(graph, tmp_path, TEXT)
    graph.publisher(STRING, '/text').publish(String(data='last'))
    has_sent(bridge, 1)
    peer = dial(graph, bridge)
    for _ in range(3):
        assert ask(peer, codec.GetString(), 'Text').content == codec.String('last')


def test_an_empty_body_is_never_an_answer(graph: Graph, tmp_path: Path) -> None:
    bridge = serving(graph, tmp_path, sent('Plan', 'POINT', '/plan', POSE_ARRAY))
    graph.publisher(POSE_ARRAY, '/plan').publish(PoseArray())
    has_sent(bridge, 1)
    peer = dial(graph, bridge)
    assert ask(peer, codec.GetPoint(), 'Plan').content == codec.PointReply(1)


def test_what_cannot_be_packed_is_no_answer(graph: Graph, tmp_path: Path) -> None:
    bridge = serving(graph, tmp_path, TEXT)
    graph.publisher(STRING, '/text').publish(String(data='x' * 65536))  # a field of 16 bits
    has_sent(bridge, 1)
    peer = dial(graph, bridge)
    assert ask(peer, codec.GetString(), 'Text').content == codec.StringReply(1)


def test_what_cannot_be_converted_is_no_answer(graph: Graph, tmp_path: Path) -> None:
    bridge = serving(graph, tmp_path, TIP)
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    publisher.publish(transform(0.1))
    publisher.publish(transform(float('nan')))
    has_sent(bridge, 2)
    peer = dial(graph, bridge)
    assert ask(peer, codec.GetTransform()).content == codec.TransformReply(1)
    publisher.publish(transform(0.2))
    assert codec.unpack(peer.receive_message()).content.tx == 200.0
    assert ask(peer, codec.GetTransform()).content.tx == 200.0


def test_a_fault_in_a_conversion_is_no_answer_and_ends_nothing(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge = serving(graph, tmp_path, TEXT)
    graph.publisher(STRING, '/text').publish(String(data='lost'))
    has_sent(bridge, 1)
    (sender,) = bridge.connections[0].senders.all
    assert isinstance(sender, TopicSender)

    def fail(message: Any) -> Any:
        raise ZeroDivisionError('a fault of ours')

    sender._conversion = dataclasses.replace(sender._conversion, from_ros=fail)
    peer = dial(graph, bridge)
    assert ask(peer, codec.GetString(), 'Text').content == codec.StringReply(1)
    assert 'ZeroDivisionError: a fault of ours' in capfd.readouterr().err
    assert ask(peer, codec.GetStatus(), '').type_name == 'STATUS'


def test_a_fault_in_a_query_ends_that_session_only_and_is_counted(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = serving(graph, tmp_path, TIP)
    peer, other = dial(graph, bridge), dial(graph, bridge)
    queries = bridge.connections[0].queries_in

    def fail(*arguments: Any) -> Any:
        raise ZeroDivisionError('a fault of ours')

    with monkeypatch.context() as patch:
        patch.setattr(queries, '_send_answers', fail)
        peer.send(pack(codec.GetTransform(), 'Tip'))
        assert peer.receive_until_closed() == b''
    assert ask(other, codec.GetTransform()).content == codec.TransformReply(1)
    assert received_by(bridge.connections[0]).rejected == {'internal_error': 1}


def test_the_state_of_the_node_is_ok_unless_a_row_says_otherwise(
    graph: Graph, tmp_path: Path
) -> None:
    rows = sent('Arm', 'STATUS', '/state', 'diagnostic_msgs/msg/DiagnosticStatus')
    bridge = serving(graph, tmp_path, rows)
    peer = dial(graph, bridge)
    before = time.time()
    for device in ('', 'Arm'):
        answer = ask(peer, codec.GetStatus(), device)
        assert (answer.type_name, answer.device_name) == ('STATUS', device)
        assert answer.content == codec.Status(code=codec.StatusCode.OK)
        stamp_s = codec.timestamp.to_nanoseconds(answer.timestamp) / 1e9
        assert before - 1.0 < stamp_s < time.time() + 1.0
    publisher = graph.publisher('diagnostic_msgs/msg/DiagnosticStatus', '/state')
    publisher.publish(DiagnosticStatus(level=DiagnosticStatus.ERROR, message='no air'))
    assert codec.unpack(peer.receive_message()).content.message == 'no air'
    answer = ask(peer, codec.GetStatus(), 'Arm')
    assert answer.content.message == 'no air'


def test_the_capability_is_what_the_table_takes_and_the_rows_answer(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = serving(graph, tmp_path, TIP, TEXT)
    peer = dial(graph, bridge)
    answer = ask(peer, codec.GetCapability(), '')
    assert answer.type_name == 'CAPABILITY'
    names = list(answer.content.type_names)
    assert names == sorted(set(names))
    queries = {name for name in names if name[:4] in ('GET_', 'STT_', 'STP_', 'RTS_')}
    assert queries == {
        'GET_CAPABIL', 'GET_STATUS', 'GET_STRING',
        'GET_TRANS', 'GET_TRANSFOR', 'STT_TRANS', 'STT_TRANSFOR', 'STP_TRANS', 'STP_TRANSFOR',
    }  # fmt: skip
    taken = {row.type_name for row in CONVERSIONS if row.to_ros is not None} | {'BIND'}
    taken.remove(ANY_OTHER_TYPE)
    assert taken <= set(names) - queries
    assert {codec.MESSAGE_TYPES[name].type_name for name in set(names) - queries} == taken


def test_the_capability_of_a_connection_that_takes_what_is_named_only(
    graph: Graph, tmp_path: Path
) -> None:
    rows = (
        asked('Text', 'STRING', ''),
        asked('Arm', 'QTRANS', ''),
        asked('Noise', 'POINT', ', skip: true'),
    )
    commands = '    commands: [{igtl_command_name: Start, ros_service_name: start}]\n'
    config_file = mapping(tmp_path, *rows, more=f'    auto_inbound: false\n{commands}')
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': config_file})
    answer = ask(dial(graph, bridge), codec.GetCapability(), '')
    assert answer.content.type_names == (
        'BIND', 'COMMAND', 'GET_CAPABIL', 'GET_STATUS', 'POSITION', 'QTRANS', 'STRING'
    )  # fmt: skip


def test_a_pair_of_frames_is_given_as_it_is_now_and_again(graph: Graph, tmp_path: Path) -> None:
    row = (
        'igtl_device_name: Tip, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL, '
        'on_request: true, tf: {parent_frame_id: base, child_frame_id: tip, rate: 0.01}'
    )
    bridge = serving(graph, tmp_path, row, stale_timeout=60.0)
    peer = dial(graph, bridge)
    assert ask(peer, codec.GetTransform()).content == codec.TransformReply(1)
    broadcaster = TransformBroadcaster(graph.user)
    wait_until(lambda: graph.user.count_subscribers('/tf') > 0, what='the listener')
    begin_s = graph.user.get_clock().now().to_msg().sec
    for second, x in ((begin_s, 0.1), (begin_s + 1, 0.2)):
        broadcaster.sendTransform(transform(x, stamp=Time(sec=second)))

        def is_given(expected: float = 1000.0 * x) -> bool:
            content = ask(peer, codec.GetTransform()).content
            return isinstance(content, codec.Transform) and content.tx == pytest.approx(expected)

        wait_until(is_given, 10.0, 'the pose')
    assert ask(peer, codec.GetTransform()).timestamp == (begin_s + 1) << 32


@pytest.mark.parametrize('source', ['topic', 'tf'])
def test_f61_the_pose_of_a_dead_source_is_no_answer(
    graph: Graph, tmp_path: Path, source: str
) -> None:
    row = (
        sent('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED)
        if source == 'topic'
        else 'igtl_device_name: Tip, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL, '
        'tf: {parent_frame_id: base, child_frame_id: tip, rate: 50}'
    )
    bridge = serving(graph, tmp_path, row, stale_timeout=0.5)
    peer = dial(graph, bridge)
    topic = '/tip' if source == 'topic' else '/tf'
    wait_until(lambda: graph.user.count_subscribers(topic) > 0, what='the subscriber')
    message = transform(0.1, stamp=graph.user.get_clock().now().to_msg())
    if source == 'topic':
        graph.publisher(TRANSFORM_STAMPED, topic).publish(message)
    else:
        TransformBroadcaster(graph.user).sendTransform(message)
    peer.receive_message()
    assert isinstance(ask(peer, codec.GetTransform()).content, codec.Transform)

    def is_refused() -> bool:
        return bool(ask(peer, codec.GetTransform()).content == codec.TransformReply(1))

    wait_until(is_refused, 10.0, 'no answer with an old pose')
    (report,) = bridge.connections[0].senders.reports()
    assert report.level == DiagnosticStatus.WARN


def test_tools_are_given_as_they_are_now_and_no_tool_is_no_answer(
    graph: Graph, tmp_path: Path
) -> None:
    row = (
        'igtl_device_name: Robot, igtl_type_name: TDATA, direction: ROS_TO_IGTL, '
        'on_request: true, tf: {rate: 0.01, tools: ['
        '{name: A, parent_frame_id: base, child_frame_id: a}, '
        '{name: Lost, parent_frame_id: base, child_frame_id: nowhere}]}'
    )
    bridge = serving(graph, tmp_path, row)
    peer = dial(graph, bridge)
    assert ask(peer, codec.GetTrackingData(), 'Robot').content == codec.TrackingDataReply(1)
    StaticTransformBroadcaster(graph.user).sendTransform(transform(0.1, 'a', Time()))

    def tools() -> list[str]:
        content = ask(peer, codec.GetTrackingData(), '').content
        if isinstance(content, codec.TrackingDataReply):
            return []
        return [codec.text(tool['name']) for tool in content.tools]

    wait_until(lambda: tools() == ['A'], 10.0, 'the tool')
    assert tools() == ['A']


@pytest.mark.parametrize('header_version', [1, 2])
def test_a_row_on_request_is_sent_between_start_and_stop_only(
    graph: Graph, tmp_path: Path, header_version: int
) -> None:
    bridge = serving(graph, tmp_path, TIP_ON_REQUEST)
    peer, other = dial(graph, bridge), dial(graph, bridge)
    outcomes = sent_by(bridge.connections[0])
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    fields: dict[str, Any] = {'header_version': header_version}
    publisher.publish(transform(0.1))
    wait_until(lambda: outcomes.skipped == {'not_asked_for': 1}, 10.0, 'the first one')
    reply = ask(peer, codec.StartTransform(), **fields)
    assert (reply.type_name, reply.content) == ('RTS_TRANS', codec.TransformReply(0))
    for x in (0.2, 0.3):
        publisher.publish(transform(x))
        message = codec.unpack(peer.receive_message())
        assert (message.content.tx, message.header_version) == (
            pytest.approx(1000.0 * x),
            header_version,
        )
    assert ask(peer, codec.StopTransform(), **fields).content == codec.TransformReply(0)
    publisher.publish(transform(0.4))
    wait_until(lambda: outcomes.skipped == {'not_asked_for': 2}, 10.0, 'the last one')
    assert ask(peer, codec.GetTransform()).content.tx == pytest.approx(400.0)
    # the other peer has got nothing of all this
    assert ask(other, codec.GetStatus(), '').type_name == 'STATUS'
    assert (outcomes.received, outcomes.done) == (4, 2)


def test_a_start_without_a_name_starts_every_device_of_its_type(
    graph: Graph, tmp_path: Path
) -> None:
    names = ('a', 'b')
    rows = [
        sent(name, 'TRANSFORM', f'/{name}', TRANSFORM_STAMPED, ', on_request: true')
        for name in names
    ]
    bridge = serving(graph, tmp_path, *rows)
    peer = dial(graph, bridge)
    publishers = [graph.publisher(TRANSFORM_STAMPED, f'/{name}') for name in names]
    reply = ask(peer, codec.StartTransform(), '')
    assert (reply.device_name, reply.content) == ('', codec.TransformReply(0))
    for name, publisher in zip(names, publishers, strict=True):
        publisher.publish(transform(0.1))
        assert codec.unpack(peer.receive_message()).device_name == name
    ask(peer, codec.StopTransform(), '')
    for publisher in publishers:
        publisher.publish(transform(0.1))
    has_sent(bridge, 4)
    assert sent_by(bridge.connections[0]).skipped == {'not_asked_for': 2}


def test_a_row_on_request_that_nobody_wants_is_not_even_converted(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = serving(graph, tmp_path, TIP_ON_REQUEST)
    dial(graph, bridge)
    graph.publisher(TRANSFORM_STAMPED, '/tip').publish(transform(float('nan')))
    has_sent(bridge, 1)
    assert sent_by(bridge.connections[0]).skipped == {'not_asked_for': 1}


def test_a_pushed_row_stops_for_the_peer_that_says_so_until_it_starts_again(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = serving(graph, tmp_path, TEXT, TIP)
    peer, other = dial(graph, bridge), dial(graph, bridge)
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    other.collect()
    assert ask(peer, codec.StopTransform(), '').content == codec.TransformReply(0)
    publisher.publish(transform(0.1))
    wait_for_count(other.collected, 106)
    graph.publisher(STRING, '/text').publish(String(data='another row'))
    assert codec.unpack(peer.receive_message()).type_name == 'STRING'
    assert ask(peer, codec.StartTransform()).content == codec.TransformReply(0)
    publisher.publish(transform(0.2))
    assert codec.unpack(peer.receive_message()).content.tx == 200.0
    assert ask(peer, codec.StopTransform()).content == codec.TransformReply(0)
    publisher.publish(transform(0.3))
    wait_until(lambda: len(collected(other)) == 4, 10.0, 'all of it')
    assert ask(peer, codec.GetStatus(), '').type_name == 'STATUS'


def test_a_stop_without_a_start_is_harmless(graph: Graph, tmp_path: Path) -> None:
    bridge = serving(graph, tmp_path, TIP)
    peer = dial(graph, bridge)
    for query, reply in (
        (codec.StopTrackingData(), codec.TrackingDataReply(0)),
        (codec.StopBind(), codec.BindReply(0)),
        (codec.StopVideo(), codec.VideoReply(0)),
        (codec.StopTransform(), codec.TransformReply(0)),
        (codec.StopTransform(), codec.TransformReply(0)),
    ):
        assert ask(peer, query, 'Nobody').content == reply
    graph.publisher(TRANSFORM_STAMPED, '/tip').publish(transform(0.1))
    assert codec.unpack(peer.receive_message()).content.tx == 100.0
    await_accounted(bridge, 5)
    assert received_by(bridge.connections[0]).done == 5


TRACKING_DATA = 'ros2_igtl/msg/TrackingData'


def tracking() -> Any:
    tool = TrackedTool(name='Tool', tool_type=1)
    tool.pose.orientation.w = 1.0
    return TrackingData(header=Header(frame_id='base', stamp=STAMP), tools=[tool])


def keep_publishing(publisher: Any, message: Any, until: Callable[[], bool]) -> None:
    """Publish until something is so."""

    def publish() -> bool:
        publisher.publish(message)
        return until()

    wait_until(publish, 20.0, 'enough messages')


def test_two_peers_have_a_resolution_each_and_a_third_gets_all(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = serving(graph, tmp_path, sent('Tools', 'TDATA', '/tools', TRACKING_DATA))
    fast, slow, silent = (dial(graph, bridge) for _ in range(3))
    assert ask(fast, codec.StartTrackingData(20), 'Tools').content == codec.TrackingDataReply(0)
    assert ask(slow, codec.StartTrackingData(100), '').content == codec.TrackingDataReply(0)
    peers = (fast, slow, silent)
    for peer in peers:
        peer.collect()
    publisher = graph.publisher(TRACKING_DATA, '/tools')
    begin = time.monotonic()
    keep_publishing(publisher, tracking(), lambda: len(slow.collected) >= 10 * (58 + 70))
    outcomes = sent_by(bridge.connections[0])
    (session,) = (
        s for s in bridge.connections[0].transport.sessions if s.peer_name == silent.name
    )
    wait_until(
        # a newer one replaces what waits for the socket
        lambda: len(collected(silent)) + session.statistics.replaced == outcomes.done,
        10.0,
        'the rest',
    )
    counts = [len(collected(peer)) for peer in peers]
    elapsed = time.monotonic() - begin
    assert 9 <= counts[1] <= elapsed / 0.1 + 2
    assert counts[1] < counts[0] <= elapsed / 0.02 + 2
    assert counts[0] < counts[2]


def test_what_is_not_due_for_anybody_is_counted(graph: Graph, tmp_path: Path) -> None:
    row = sent('Tools', 'TDATA', '/tools', TRACKING_DATA, ', on_request: true')
    bridge = serving(graph, tmp_path, row)
    peer = dial(graph, bridge)
    ask(peer, codec.StartTrackingData(60_000), 'Tools')
    publisher = graph.publisher(TRACKING_DATA, '/tools')
    for count in (1, 2, 3):
        publisher.publish(tracking())
        has_sent(bridge, count)
    assert sent_by(bridge.connections[0]).skipped == {'resolution': 2}
    assert ask(peer, codec.GetTrackingData(), 'Tools').type_name == 'TDATA'


def bound(device: str, topic: str, more: str = '') -> str:
    return sent(device, 'STRING', topic, STRING, f', bind: Both{more}')


def texts_of(message: codec.Message) -> list[str]:
    return [child.content.text for child in message.content.children]


def test_a_bind_is_given_and_streamed_like_any_other(graph: Graph, tmp_path: Path) -> None:
    bridge = serving(graph, tmp_path, bound('A', '/a'), bound('B', '/b', ', on_request: true'))
    peer, other = dial(graph, bridge), dial(graph, bridge)
    publishers = [graph.publisher(STRING, topic) for topic in ('/a', '/b')]
    outcomes = sent_by(bridge.connections[0])

    def publish(count: int) -> None:
        for publisher in publishers:
            publisher.publish(String(data=f'{count}'))
        wait_until(lambda: outcomes.received == 2 * count, 10.0, 'both')

    assert ask(peer, codec.GetBind(), '').content == codec.BindReply(1)
    publish(1)
    assert outcomes.skipped == {'not_asked_for': 2}  # one of its rows is for those who ask
    answer = ask(peer, codec.GetBind(), 'Both')
    assert (answer.device_name, texts_of(answer)) == ('Both', ['1', '1'])
    assert ask(peer, codec.StartBind(3_600_000_000_000), 'Both').content == codec.BindReply(0)
    publish(2)
    publish(3)
    assert texts_of(codec.unpack(peer.receive_message())) == ['2', '2']
    assert outcomes.skipped == {'not_asked_for': 2, 'resolution': 2}
    assert ask(peer, codec.StopBind(), 'Both').content == codec.BindReply(0)
    publish(4)
    for message_id in (7, 0):
        answer = ask(peer, codec.GetBind(), 'Both', header_version=2, message_id=message_id)
        assert (answer.message_id, texts_of(answer)) == (message_id, ['4', '4'])
    assert ask(other, codec.GetStatus(), '').type_name == 'STATUS'
    assert outcomes.done == 2


def test_a_row_of_a_bind_leaves_alone_too_for_those_who_ask(graph: Graph, tmp_path: Path) -> None:
    rows = [
        sent(name, 'TRANSFORM', f'/{name}', TRANSFORM_STAMPED, ', bind: Both')
        for name in ('tip', 'base')
    ]
    bridge = serving(graph, tmp_path, *rows)
    peer, other = dial(graph, bridge), dial(graph, bridge)
    tip, base = (graph.publisher(TRANSFORM_STAMPED, f'/{name}') for name in ('tip', 'base'))
    tip.publish(transform(0.1))
    has_sent(bridge, 1)
    assert ask(peer, codec.GetTransform(), 'tip').content.tx == 100.0
    assert ask(peer, codec.StartTransform(), 'tip').content == codec.TransformReply(0)
    tip.publish(transform(0.2))
    assert codec.unpack(peer.receive_message()).content.tx == 200.0
    base.publish(transform(0.3))
    for each in (peer, other):  # what is sent unasked goes on
        message = codec.unpack(each.receive_message())
        assert [child.content.tx for child in message.content.children] == [200.0, 300.0]
    outcomes = sent_by(bridge.connections[0])
    assert (outcomes.done, outcomes.replaced) == (2, 1)


def test_a_peer_that_goes_while_it_streams_is_forgotten(graph: Graph, tmp_path: Path) -> None:
    bridge = serving(graph, tmp_path, TIP_ON_REQUEST)
    peer, other = dial(graph, bridge), dial(graph, bridge)
    connection = bridge.connections[0]
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    for streaming in (peer, other):
        ask(streaming, codec.StartTransform())
    other.collect()
    keep_publishing(publisher, transform(0.1), lambda: len(other.collected) > 106 * 5)
    peer.reset()
    wait_until(lambda: len(connection.peers.all) == 1, 10.0, 'the end of the session')
    count = len(other.collected)
    keep_publishing(publisher, transform(0.1), lambda: len(other.collected) > count + 106 * 5)
    (sender,) = connection.senders.all
    wait_until(lambda: len(connection.peers.all) == 1, 10.0, 'the peer to be forgotten')
    (known,) = connection.peers.all
    assert sender.audience in known.wanted
    other.close()
    wait_until(lambda: not connection.peers.all, 10.0, 'the end of the other session')
    again = dial(graph, bridge)
    (known,) = connection.peers.all
    assert known.wanted == {}
    publisher.publish(transform(0.2))
    # a new session begins anew
    assert ask(again, codec.GetStatus(), '').type_name == 'STATUS'


def test_a_row_is_packed_once_for_all_peers_of_a_version(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = serving(graph, tmp_path, TIP)
    peers = [dial(graph, bridge) for _ in range(3)]
    assert ask(peers[0], codec.StartTransform()).content == codec.TransformReply(0)
    packed: list[int] = []
    pack_once = codec.pack_parts

    def count(message: codec.Message) -> Any:
        packed.append(message.header_version)
        return pack_once(message)

    monkeypatch.setattr(codec, 'pack_parts', count)
    graph.publisher(TRANSFORM_STAMPED, '/tip').publish(transform(0.1))
    assert len({peer.receive_message() for peer in peers}) == 1
    assert packed == [1]


def test_queries_are_on_diagnostics_and_are_not_published(graph: Graph, tmp_path: Path) -> None:
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    bridge = serving(graph, tmp_path, TIP)
    peer = dial(graph, bridge)
    peer.send(pose() + pack(codec.GetStatus(), '') + pack(codec.GetTransform(), 'Tip'))

    def told() -> dict[str, str]:
        last = {s.name: s for s in arrays[-1].status} if arrays else {}
        status = last.get('bridge: bridge')
        return {} if status is None else {item.key: item.value for item in status.values}

    wait_until(lambda: told().get('received') == '3', 10.0, 'the counts')
    values = told()
    assert (values['published'], values['query answered'], values['query refused']) == (
        '1',
        '1',
        '1',
    )
    assert values['skipped query_refused'] == '1'


# What is asked of peers.


def test_what_a_row_asks_for_once_is_asked_in_each_session(graph: Graph, tmp_path: Path) -> None:
    rows = (
        asked('Target', 'TRANSFORM', ', request: once'),
        asked('', 'STRING', ', request: once'),
        asked('Target', 'TRANSFORM', ', ros_topic_name: /again, request: once'),
        asked('Arm', 'QTRANS', ', request: once'),
    )
    with ScriptedServer() as server:
        parameters = {'port': server.port, 'config_file': mapping(tmp_path, *rows), **RETRY}
        bridge = graph.add_bridge('client', parameters)
        poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Target')
        for count in (1, 2):
            peer = server.accept()
            queries = [codec.unpack(peer.receive_message()) for _ in range(3)]
            assert [(q.type_name, q.device_name, q.header_version) for q in queries] == [
                ('GET_TRANS', 'Target', 1),
                ('GET_STRING', '', 1),
                ('GET_QTRANS', 'Arm', 1),
            ]
            peer.send(pose(device_name='Target'))
            wait_for_count(poses, count, 10.0)
            peer.reset()
        assert query_counts(bridge.connections[0])['asked'] >= 6


def test_a_stream_is_asked_for_and_stopped_at_deactivation(graph: Graph, tmp_path: Path) -> None:
    more = ', request: stream, resolution: 0.04, coordinate_name: Patient'
    rows = (
        asked('Tools', 'TDATA', more),
        asked('', 'IMAGE', ', request: stream'),
        asked('Text', 'STRING', ', request: once'),
    )
    with ScriptedServer() as server:
        parameters = {'port': server.port, 'config_file': mapping(tmp_path, *rows), **RETRY}
        bridge = graph.add_bridge('client', parameters)
        for _ in range(2):
            peer = server.accept()
            start = codec.unpack(peer.receive_message())
            assert (start.type_name, start.device_name) == ('STT_TDATA', 'Tools')
            assert start.content == codec.StartTrackingData(40, 'Patient')
            image = codec.unpack(peer.receive_message())
            assert (image.type_name, image.device_name) == ('STT_IMAGE', '')
            assert codec.unpack(peer.receive_message()).type_name == 'GET_STRING'
            if _ == 0:
                peer.reset()
        wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')
        graph.call(bridge.trigger_deactivate)
        stops = [codec.unpack(peer.receive_message()) for _ in range(2)]
        assert [(s.type_name, s.device_name) for s in stops] == [
            ('STP_TDATA', 'Tools'),
            ('STP_IMAGE', ''),
        ]
        assert peer.receive_until_closed() == b''


def test_a_peer_that_reads_nothing_does_not_hold_up_deactivation(
    graph: Graph, tmp_path: Path
) -> None:
    config_file = mapping(tmp_path, asked('', 'TRANSFORM', ', request: stream'), TEXT)
    with ScriptedServer(receive_buffer=4096) as server:
        parameters = {'port': server.port, 'config_file': config_file, 'send_timeout': 60.0}
        bridge = graph.add_bridge('client', parameters)
        server.accept()
        (session,) = wait_until(lambda: bridge.connections[0].transport.sessions, 10.0)
        publisher = graph.publisher(STRING, '/text')
        keep_publishing(
            publisher, String(data='x' * 60_000), lambda: session.waiting_bytes > 200_000
        )
        begin = time.monotonic()
        assert graph.call(bridge.trigger_deactivate) == TransitionCallbackReturn.SUCCESS
        assert time.monotonic() - begin < 3.0


def test_a_server_asks_each_client_that_comes(graph: Graph, tmp_path: Path) -> None:
    row = asked('Tracker', 'TRANSFORM', ', request: stream')
    bridge = serving(graph, tmp_path, row, header_version=2)
    for _ in range(2):
        query = codec.unpack(dial(graph, bridge).receive_message())
        assert (query.type_name, query.device_name) == ('STT_TRANS', 'Tracker')
        assert query.header_version == 2


def test_replies_are_counted_and_a_refusal_is_logged_once_a_device(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [asked(name, 'TRANSFORM', ', request: stream') for name in ('A', 'B')]
    bridge = serving(graph, tmp_path, *rows)
    peer = dial(graph, bridge)
    yes, no = codec.TransformReply(0), codec.TransformReply(1)
    peer.send(pack(yes, 'A') + pack(no, 'A') + pack(no, 'A') + pack(no, 'B'))
    await_accounted(bridge, 4)
    connection = bridge.connections[0]
    assert query_counts(connection) == {'asked': 2, 'reply_ok': 1, 'reply_error': 3}
    assert received_by(connection).done == 4
    log = capfd.readouterr().err
    for device in ('A', 'B'):
        text = f"{peer.name} has no TRANSFORM '{device}': RTS_TRANS has status 1"
        assert log.count(text) == 1


def test_b29_a_reply_that_nobody_expects_is_harmless(graph: Graph, tmp_path: Path) -> None:
    row = asked('A', 'TRANSFORM', ', request: once')
    bridge = serving(graph, tmp_path, row)
    peer = dial(graph, bridge)
    replies = (
        pack(codec.TrackingDataReply(0), 'A')
        + pack(codec.TransformReply(1), 'Another')
        + pack(codec.BindReply(), '')
        + pack(codec.TransformReply(0), '')  # may be about A
    )
    peer.send(replies + pose())
    await_accounted(bridge, 5)
    outcomes = received_by(bridge.connections[0])
    assert (outcomes.done, outcomes.skipped) == (2, {'unexpected_reply': 3})


def test_what_is_asked_when_nobody_can_be_is_not_sent(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = serving(graph, tmp_path)
    dial(graph, bridge)
    queries = bridge.connections[0].queries_out

    def answer() -> Answer:
        asked = Asked('STRING', '')
        terms = {'resolution_s': 0.0, 'timeout_s': 10.0}
        return queries.ask(codec.Get, asked, coordinate_name='', **terms).result(10.0)

    with monkeypatch.context() as patch:
        patch.setattr(queries, '_send', lambda *arguments: 0)  # a peer that is being closed
        assert answer() == Answer('not_sent', 'no peer is connected')
    graph.call(bridge.trigger_deactivate)
    assert answer() == Answer('not_sent', 'the node is not active')


def test_a_type_of_a_user_may_do_without_a_reply(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class GetOwn(codec.Get):
        type_name = 'GET_OWN'
        subject = 'OWN'

    monkeypatch.setitem(codec.MESSAGE_TYPES, 'GET_OWN', GetOwn)
    bridge = serving(graph, tmp_path)
    peer = dial(graph, bridge)
    peer.send(pack(GetOwn()))
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).skipped == {'query_refused': 1}
    assert ask(peer, codec.GetStatus(), '').type_name == 'STATUS'


@pytest.mark.parametrize('header_version', [1, 2])
def test_b29_every_query_and_reply_of_the_protocol_is_accounted_for(
    graph: Graph, header_version: int
) -> None:
    """With and without a body, expected or not."""
    bridge = graph.add_bridge('server', {'port': 0})
    peer = dial(graph, bridge)
    peer.collect()
    names = [name for name in codec.MESSAGE_TYPES if name[:4] in ('GET_', 'STT_', 'STP_', 'RTS_')]
    names.remove('RTS_COMMAND')
    count = 0
    for name in names:
        content = codec.MESSAGE_TYPES[name]()
        peer.send(pack(content, 'D', type_name=name, header_version=header_version))
        peer.send(pack(codec.Unknown(name, b''), 'D', header_version=header_version))
        peer.send(pack(codec.Unknown(name, b'\1'), 'D', header_version=header_version))
        count += 3
    peer.send(pose())
    await_accounted(bridge, count + 1)
    watch_for(lambda: not bridge.connections[0].transport.sessions, 0.1, 'the session to end')
    answers = collected(peer)
    asking = [name for name in names if name[:4] != 'RTS_']
    assert len(answers) >= len(asking)
    assert all(len(answer.content.pack_parts()[0]) for answer in answers)

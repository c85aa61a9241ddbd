# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Topics that are sent without a row, as they come and go, and those that are left alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from geometry_msgs.msg import Pose, PoseStamped, TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from helpers.bridge_peer import await_accounted, pack, serve
from helpers.outcomes import query_counts, received_by, sent_by
from helpers.ros_graph import Graph, ros_graph
from helpers.waiting import wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.convert.conversions import ros_type
from ros2_igtl.nodes import node as bridge_module
from ros2_igtl.nodes.node import BridgeNode

STRING = 'std_msgs/msg/String'
REMAPPED = {'/from': '/to'}
POSE_STAMPED = 'geometry_msgs/msg/PoseStamped'


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the graph more often than once a second."""
    monkeypatch.setattr(bridge_module, 'PERIOD_S', 0.05)


def sent_topics(bridge: BridgeNode) -> list[str]:
    return sorted(sender.source for sender in bridge.connections[0].senders.all)


def await_topics(bridge: BridgeNode, *topics: str) -> None:
    expected = sorted(topics)
    wait_until(lambda: sent_topics(bridge) == expected, 10.0, f'{expected} to be sent')


def await_seen(graph: Graph, bridge: BridgeNode, *topics: str) -> None:
    """Wait until a node knows of publishers, and have it look at them."""
    wait_until(lambda: all(map(bridge.count_publishers, topics)), 10.0, f'{topics} to be seen')
    graph.call(bridge.connections[0].follow_publishers)


def test_a_topic_that_fits_is_sent_under_its_last_token(graph: Graph) -> None:
    bridge, peer = serve(graph, auto_outbound=['/robot/.*'])
    pose = PoseStamped(pose=Pose())
    pose.pose.position.x, pose.pose.orientation.w = 0.25, 1.0
    graph.publisher(POSE_STAMPED, '/robot/arm/tip').publish(pose)
    message = codec.unpack(peer.receive_message())
    assert (message.type_name, message.device_name) == ('POSITION', 'tip')
    assert message.content.x == 250.0
    assert sent_topics(bridge) == ['/robot/arm/tip']


def test_a_mapping_file_may_say_which(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text("version: 1\nconnections:\n  - auto_outbound: ['/a/[a-z]+', /b]\n")
    bridge, peer = serve(graph, config_file=str(path))
    for topic in ('/b', '/a/text'):
        graph.publisher(STRING, topic).publish(String(data=topic))
        message = codec.unpack(peer.receive_message())
        assert (message.type_name, message.content.text) == ('STRING', topic)
    publisher = graph.user.create_publisher(String, '/a/text/more', 1)
    await_seen(graph, bridge, '/a/text/more')
    assert sent_topics(bridge) == ['/a/text', '/b']
    graph.call(partial(graph.user.destroy_publisher, publisher))


def test_diagnostics_show_what_is_sent_so(graph: Graph) -> None:
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    _, peer = serve(graph, auto_outbound=['/console'])
    graph.publisher(STRING, '/console').publish(String(data='x'))
    peer.receive_message()

    def values() -> dict[str, str]:
        found = [s for s in arrays[-1].status if s.name == 'bridge: bridge: STRING console']
        return {value.key: value.value for status in found for value in status.values}

    wait_until(lambda: arrays and values().get('count') == '1', 10.0, 'the status of the topic')
    assert (values()['topics'], values()['direction']) == ('/console', 'ROS_TO_IGTL')


def test_topics_come_and_go(graph: Graph) -> None:
    bridge, peer = serve(graph, auto_outbound=['.*'])
    assert sent_topics(bridge) == []
    for text in ('first', 'second'):
        publisher = graph.publisher(STRING, '/console')
        publisher.publish(String(data=text))
        assert codec.unpack(peer.receive_message()).content.text == text
        graph.call(partial(graph.user.destroy_publisher, publisher))
        await_topics(bridge)
        wait_until(lambda: graph.user.count_subscribers('/console') == 0, 10.0, 'its end')


def test_what_is_kept_for_who_comes_late_is_sent(graph: Graph) -> None:
    _, peer = serve(graph, auto_outbound=['/plan'])
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    graph.user.create_publisher(String, '/plan', latched).publish(String(data='kept'))
    assert codec.unpack(peer.receive_message()).content.text == 'kept'


def test_a_peer_may_ask_for_what_is_sent_so(graph: Graph) -> None:
    bridge, peer = serve(graph, auto_outbound=['/console'])
    graph.publisher(STRING, '/console').publish(String(data='x'))
    first = peer.receive_message()
    peer.send(codec.pack(codec.Message(codec.Get(), 'console', type_name='GET_STRING')))
    assert peer.receive_message() == first
    assert query_counts(bridge.connections[0]) == {'answered': 1}


def test_what_the_node_publishes_is_never_sent_whoever_else_does(graph: Graph) -> None:
    bridge, peer = serve(graph, auto_outbound=['.*'])
    texts = graph.subscribe(STRING, '/bridge/string/Console')
    peer.send(pack(codec.String('x'), 'Console'))
    await_accounted(bridge, 1)
    wait_until(lambda: texts, 10.0, 'the text')
    other = graph.user.create_publisher(String, '/bridge/string/Console', 1)
    wait_until(lambda: bridge.count_publishers('/bridge/string/Console') == 2, 10.0, 'the other')
    await_seen(graph, bridge, '/bridge/string/Console', '/diagnostics', '/rosout')
    assert sent_topics(bridge) == []
    graph.call(partial(graph.user.destroy_publisher, other))


def test_what_is_sent_is_not_published_when_a_peer_sends_it(graph: Graph) -> None:
    bridge, peer = serve(graph, auto_outbound=['.*'])
    publisher = graph.publisher(STRING, '/bridge/string/Console')
    publisher.publish(String(data='ours'))
    assert codec.unpack(peer.receive_message()).content.text == 'ours'
    texts = graph.subscribe(STRING, '/bridge/string/Console')
    peer.send(pack(codec.String('theirs'), 'Console'))
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).skipped == {'echo': 1}
    watch_for(lambda: any(text.data == 'theirs' for text in texts), 0.1, 'an echo')


def test_what_a_row_takes_or_nobody_can_send_is_left_alone(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        "version: 1\nconnections:\n  - auto_outbound: ['.*']\n    mappings:\n"
        '      - {igtl_device_name: A, igtl_type_name: STRING, direction: ROS_TO_IGTL,\n'
        '         ros_topic_name: sent, ros_type_name: std_msgs/msg/String}\n'
        '      - {igtl_device_name: B, igtl_type_name: STRING, direction: IGTL_TO_ROS,\n'
        '         ros_topic_name: /received, ros_type_name: std_msgs/msg/String}\n'
    )
    bridge, peer = serve(graph, config_file=str(path))
    others = {
        '/received': STRING,
        '/a/_hidden/text': STRING,
        '/geometry': 'ros2_igtl/msg/ImageGeometry',
        '/raw': 'ros2_igtl/msg/RawMessage',
        '/metadata': 'ros2_igtl/msg/Metadata',
        '/tf': 'tf2_msgs/msg/TFMessage',
    }
    publishers = [
        graph.user.create_publisher(ros_type(name), topic, 1) for topic, name in others.items()
    ]
    graph.publisher(STRING, '/sent').publish(String(data='once'))
    await_seen(graph, bridge, *others)
    assert sent_topics(bridge) == ['sent']
    assert codec.unpack(peer.receive_message()).device_name == 'A'
    assert sent_by(bridge.connections[0]).done == 1
    for publisher in publishers:
        graph.call(partial(graph.user.destroy_publisher, publisher))


def test_b36_of_two_topics_that_give_one_device_name_the_second_is_refused_with_an_error(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, peer = serve(graph, auto_outbound=['/.*/text'])
    left = graph.publisher(STRING, '/left/text')
    right = graph.user.create_publisher(String, '/right/text', 10)
    other = graph.publisher('geometry_msgs/msg/TransformStamped', '/other/text')
    await_seen(graph, bridge, '/left/text', '/right/text')
    assert sent_topics(bridge) == ['/left/text', '/other/text']  # another type is another device
    said = [line for line in capfd.readouterr().err.splitlines() if '/right/text' in line]
    assert len(said) == 1
    assert '[ERROR]' in said[0]
    assert (
        "bridge: /right/text is not sent: /left/text already sends STRING 'text'; "
        'a mapping row can set another name'
    ) in said[0]
    right.publish(String(data='right'))
    left.publish(String(data='left'))
    assert codec.unpack(peer.receive_message()).content.text == 'left'
    graph.call(lambda: graph.user.destroy_publisher(left))
    await_topics(bridge, '/other/text', '/right/text')
    wait_until(lambda: right.get_subscription_count() == 1, 10.0, 'the subscription')
    right.publish(String(data='right'))
    assert codec.unpack(peer.receive_message()).content.text == 'right'
    other.publish(TransformStamped())
    wait_until(lambda: sent_by(bridge.connections[0]).rejected, 10.0, 'the pose')


def test_b36_a_topic_does_not_take_the_device_name_of_a_row(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - auto_outbound: [/other/text]\n    mappings:\n'
        '      - {igtl_device_name: text, igtl_type_name: STRING, direction: ROS_TO_IGTL,\n'
        '         ros_topic_name: sent, ros_type_name: std_msgs/msg/String}\n'
    )
    bridge, _ = serve(graph, config_file=str(path))
    publisher = graph.user.create_publisher(String, '/other/text', 10)
    await_seen(graph, bridge, '/other/text')
    assert sent_topics(bridge) == ['sent']
    assert "/other/text is not sent: the row in line 5 already sends STRING 'text'" in (
        capfd.readouterr().err
    )
    graph.call(partial(graph.user.destroy_publisher, publisher))


def test_a_topic_that_changes_its_type_is_sent_as_what_it_is_now(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, 'PERIOD_S', 1000.0)
    bridge, peer = serve(graph, auto_outbound=['/x'])
    texts = graph.user.create_publisher(String, '/x', 10)
    await_seen(graph, bridge, '/x')
    assert sent_topics(bridge) == ['/x']
    with ros_graph() as other:  # a program's topic has one type
        poses = other.user.create_publisher(PoseStamped, '/x', 10)
        wait_until(lambda: bridge.count_publishers('/x') == 2, 10.0, 'the other publisher')
        graph.call(lambda: graph.user.destroy_publisher(texts))
        await_seen(graph, bridge, '/x')
        wait_until(lambda: poses.get_subscription_count() == 1, 10.0, 'the subscription')
        pose = PoseStamped()
        pose.pose.orientation.w = 1.0
        poses.publish(pose)
        assert codec.unpack(peer.receive_message()).type_name == 'POSITION'


def test_a_topic_of_two_types_is_left_alone(graph: Graph) -> None:
    bridge, _ = serve(graph, auto_outbound=['/x'])
    graph.publisher(STRING, '/x')
    await_topics(bridge, '/x')
    with ros_graph() as other:
        other.user.create_publisher(PoseStamped, '/x', 10)
        await_topics(bridge)
    await_topics(bridge, '/x')


def test_a_topic_that_the_node_remaps_is_not_taken_for_the_other(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        BridgeNode, 'resolve_topic_name', lambda _, topic: REMAPPED.get(topic, topic)
    )
    bridge, _ = serve(graph, auto_outbound=['/from', '/to'])
    publishers = [graph.user.create_publisher(String, topic, 1) for topic in ('/from', '/to')]
    await_seen(graph, bridge, '/from', '/to')
    assert sent_topics(bridge) == ['/to']
    for publisher in publishers:
        graph.call(partial(graph.user.destroy_publisher, publisher))

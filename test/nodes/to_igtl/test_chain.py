# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The links of a robot as one message, as a peer at a real socket receives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from helpers.bridge_peer import dial, pack, serve
from helpers.outcomes import sent_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.to_igtl import chain

JOINT_STATE = 'sensor_msgs/msg/JointState'
START = 1_700_000_000
AT_RATE = 'rate: 200'
WITH_JOINTS = 'joint_states: joint_states'


def sending(
    graph: Graph, tmp_path: Path, when: str, type_name: str = 'TDATA', prefix: str = ''
) -> tuple[BridgeNode, ScriptedPeer]:
    """Return a server that sends the links from base to tool0, and a peer."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        f'version: 1\nconnections:\n  - stale_timeout: 0\n    frame_prefix: "{prefix}"\n'
        '    mappings:\n'
        f'    - {{igtl_device_name: Robot, igtl_type_name: {type_name}, '
        'direction: ROS_TO_IGTL,\n'
        f'       tf: {{{when}, parent_frame_id: {prefix}base, chain: {prefix}tool0}}}}\n'
    )
    return serve(graph, config_file=str(path))


def transform(parent: str, child: str, x: float, sec: float = 0.0) -> TransformStamped:
    stamp = Time(sec=START + int(sec), nanosec=round(sec % 1 * 1e9))
    message = TransformStamped(header=Header(frame_id=parent, stamp=stamp), child_frame_id=child)
    message.transform.translation.x = x
    message.transform.rotation.w = 1.0
    return message


class Robot:
    """What robot_state_publisher tells tf of a robot of three links, the last of them fixed."""

    def __init__(self, graph: Graph, prefix: str = '') -> None:
        self._prefix = prefix
        self._moving = TransformBroadcaster(graph.user)
        self._fixed = StaticTransformBroadcaster(graph.user)
        self._fixed.sendTransform(transform(f'{prefix}link2', f'{prefix}tool0', 0.125))
        wait_until(lambda: graph.user.count_subscribers('/tf') > 0, 10.0, 'the listener')
        wait_until(lambda: graph.user.count_publishers('/tf_static') > 0, 10.0, 'the publisher')

    def move(self, x: float, sec: float) -> None:
        """Say where the joints are at a time after the start."""
        p = self._prefix
        links = [
            transform(f'{p}base', f'{p}link1', x, sec),
            transform(f'{p}link1', f'{p}link2', 0.5, sec),
        ]
        # links of other robots, and what hangs beside the chain
        others = [
            transform(f'{p}link1', f'{p}camera', 9.0, sec),
            transform('world', f'{p}base', 9.0, sec),
        ]
        self._moving.sendTransform([*others, *links])


def links_of(data: bytes) -> tuple[float, dict[str, float]]:
    """Return seconds after the start, and of each link in order its x in millimetres."""
    message = codec.unpack(data)
    stamp_ns = codec.timestamp.to_nanoseconds(message.timestamp)
    tools = message.content.tools
    names = [codec.text(name) for name in tools['name'].tolist()]
    return (
        stamp_ns / 1e9 - START if stamp_ns else 0.0,
        dict(zip(names, tools['matrix'][:, 3, 0].tolist(), strict=True)),
    )


def joint_state(sec: float) -> JointState:
    """Return joints at a time after the start."""
    stamp = Time(sec=START + int(sec), nanosec=round(sec % 1 * 1e9))
    return JointState(header=Header(stamp=stamp), name=['one'], position=[0.0])


def at(x: float) -> dict[str, float]:
    """Return where the links are when the first is at x metres."""
    return {'link1': 1e3 * x, 'link2': 1e3 * x + 500.0, 'tool0': 1e3 * x + 625.0}


def test_each_link_is_a_tool_in_the_first_frame(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, AT_RATE)
    robot = Robot(graph)
    for sec, x in ((1.0, 0.25), (2.0, 0.75)):
        robot.move(x, sec)
        assert links_of(peer.receive_message()) == (sec, at(x))
    peer.collect()
    watch_for(lambda: peer.collected, 0.2, 'a pose repeated')
    assert sent_by(bridge.connections[0]).skipped['not_newer'] > 5


def test_the_links_can_be_quaternions_too(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, AT_RATE, 'QTDATA')
    Robot(graph).move(0.25, 1.0)
    content = codec.unpack(peer.receive_message()).content
    assert content == codec.QuaternionTrackingData.from_tools(
        (name, 2, (x, 0, 0), (0, 0, 0, 1)) for name, x in at(0.25).items()
    )


def test_all_links_are_of_the_latest_time_that_tf_knows_them_at(
    graph: Graph, tmp_path: Path
) -> None:
    _, peer = sending(graph, tmp_path, AT_RATE)
    robot = Robot(graph)
    robot.move(0.25, 1.0)
    assert links_of(peer.receive_message()) == (1.0, at(0.25))
    # the first joint is ahead of the second
    TransformBroadcaster(graph.user).sendTransform(transform('base', 'link1', 1.25, 3.0))
    peer.collect()
    watch_for(lambda: peer.collected, 0.2, 'links of two times')
    TransformBroadcaster(graph.user).sendTransform(transform('link1', 'link2', 0.5, 2.0))
    wait_until(lambda: peer.collected, 10.0, 'the links')
    assert links_of(bytes(peer.collected)) == (2.0, at(0.75))  # half of the way


def test_a_link_that_is_put_between_is_sent_from_then_on(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, AT_RATE)
    robot = Robot(graph)
    robot.move(0.25, 1.0)
    assert links_of(peer.receive_message()) == (1.0, at(0.25))
    StaticTransformBroadcaster(graph.user).sendTransform(
        [transform('link2', 'changer', 0.25), transform('changer', 'tool0', 0.125)]
    )
    expected = {'link1': 250.0, 'link2': 750.0, 'changer': 1000.0, 'tool0': 1125.0}
    wait_until(lambda: links_of(peer.receive_message()) == (1.0, expected), 10.0, 'the changer')


def test_links_that_do_not_move_go_once_to_each_peer(graph: Graph, tmp_path: Path) -> None:
    bridge, first = sending(graph, tmp_path, AT_RATE)
    StaticTransformBroadcaster(graph.user).sendTransform(
        [transform('base', 'link1', 0.25), transform('link1', 'tool0', 0.5)]
    )
    expected = (0.0, {'link1': 250.0, 'tool0': 750.0})
    assert links_of(first.receive_message()) == expected
    second = dial(graph, bridge)
    assert links_of(second.receive_message()) == expected
    first.collect()
    watch_for(lambda: first.collected, 0.2, 'links repeated')


def test_without_the_chain_on_tf_nothing_is_sent(graph: Graph, tmp_path: Path) -> None:
    bridge, _ = sending(graph, tmp_path, AT_RATE)
    outcomes = sent_by(bridge.connections[0])
    wait_until(lambda: outcomes.rejected['tf_lookup'] > 2, 10.0, 'failed look-ups')


def test_a_peer_that_asks_gets_the_links_of_now(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, WITH_JOINTS)
    Robot(graph).move(0.25, 1.0)

    def ask() -> tuple[float, dict[str, float]] | None:
        peer.send(pack(codec.GetTrackingData(), 'Robot'))
        data = peer.receive_message()
        is_reply = isinstance(codec.unpack(data).content, codec.TrackingDataReply)
        return None if is_reply else links_of(data)

    assert wait_until(ask, 10.0, 'the links') == (1.0, at(0.25))
    assert sent_by(bridge.connections[0]).received == 0


def test_a_link_with_a_name_too_long_for_a_tool_is_told(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, _ = sending(graph, tmp_path, AT_RATE)
    long_name = 'ur5e_wrist_3_link_flange'
    StaticTransformBroadcaster(graph.user).sendTransform(
        [transform('base', long_name, 0.25), transform(long_name, 'tool0', 0.5)]
    )
    outcomes = sent_by(bridge.connections[0])
    wait_until(lambda: outcomes.rejected['name_too_long'], 10.0, 'the refusal')
    text = f"tool '{long_name}' has 24 bytes, 19 are allowed"
    wait_until(lambda: text in capfd.readouterr().err, 10.0, 'the log')


def test_links_are_named_without_the_prefix(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, AT_RATE, prefix='left/')
    Robot(graph, 'left/').move(0.25, 1.0)
    assert links_of(peer.receive_message()) == (1.0, at(0.25))


def test_what_has_not_the_prefix_keeps_its_name(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, AT_RATE, prefix='left/')
    StaticTransformBroadcaster(graph.user).sendTransform(
        [transform('left/base', 'left_/x', 0.25), transform('left_/x', 'left/tool0', 0.5)]
    )
    assert links_of(peer.receive_message())[1] == {'left_/x': 250.0, 'tool0': 750.0}


class Joints:
    """The JointState of a robot, on a topic that the bridge has found."""

    def __init__(self, graph: Graph) -> None:
        self._publisher = graph.publisher(JOINT_STATE, '/joint_states')

    def publish(self, *times: float) -> None:
        """Publish joints at times after the start."""
        for sec in times:
            self._publisher.publish(joint_state(sec))


def waiting(bridge: BridgeNode) -> int:
    """Return how many JointStates wait for tf."""
    sender: Any = bridge.connections[0].senders.all[0]
    return len(sender._waiting)


def test_with_joint_states_a_message_waits_for_tf_and_has_their_stamp(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = sending(graph, tmp_path, WITH_JOINTS)
    robot, joints = Robot(graph), Joints(graph)
    robot.move(0.25, 1.0)
    peer.collect()
    watch_for(lambda: peer.collected, 0.2, 'links that nobody has asked for')
    joints.publish(2.0)
    wait_until(lambda: waiting(bridge) == 1, 10.0, 'the joints')
    watch_for(lambda: peer.collected, 0.1, 'links before tf knows them')
    robot.move(0.75, 2.0)
    wait_until(lambda: peer.collected, 10.0, 'the links')
    assert links_of(bytes(peer.collected)) == (2.0, at(0.75))
    assert sent_by(bridge.connections[0]).done == 1


def test_joints_that_tf_is_ahead_of_are_sent_at_once(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, WITH_JOINTS)
    robot, joints = Robot(graph), Joints(graph)
    robot.move(0.25, 1.0)
    robot.move(1.25, 3.0)
    joints.publish(1.5)  # between the two
    assert links_of(peer.receive_message()) == (1.5, at(0.5))
    assert waiting(bridge) == 0


def test_each_of_several_joint_states_goes_when_tf_has_reached_it(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = sending(graph, tmp_path, WITH_JOINTS)
    robot, joints = Robot(graph), Joints(graph)
    robot.move(0.0, 0.0)
    joints.publish(1.0, 2.0, 4.0)
    wait_until(lambda: waiting(bridge) == 3, 10.0, 'the joints')
    robot.move(0.75, 3.0)
    connection = bridge.connections[0]
    wait_until(lambda: sent_by(connection).done == 2, 10.0, 'two of them')
    # of poses the newest is what a peer gets that is slower
    received = links_of(peer.receive_message())
    if received[0] == 1.0:
        assert received[1] == pytest.approx(at(0.25))
        received = links_of(peer.receive_message())
    assert received[0] == 2.0
    assert received[1] == pytest.approx(at(0.5))
    assert waiting(bridge) == 1


def test_links_that_do_not_move_go_with_each_joint_state(graph: Graph, tmp_path: Path) -> None:
    _, peer = sending(graph, tmp_path, WITH_JOINTS)
    joints = Joints(graph)
    StaticTransformBroadcaster(graph.user).sendTransform(
        [transform('base', 'link1', 0.25), transform('link1', 'tool0', 0.5)]
    )
    joints.publish(5.0)
    assert links_of(peer.receive_message()) == (5.0, {'link1': 250.0, 'tool0': 750.0})
    joints.publish(6.0)
    assert links_of(peer.receive_message())[0] == 6.0


def test_joints_from_before_tf_began_are_refused(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = sending(graph, tmp_path, WITH_JOINTS)
    robot, joints = Robot(graph), Joints(graph)
    joints.publish(1.0)
    wait_until(lambda: waiting(bridge) == 1, 10.0, 'the joints')
    robot.move(0.25, 2.0)
    sent = sent_by(bridge.connections[0])
    wait_until(lambda: sent.rejected == {'tf_lookup': 1}, 10.0, 'the refusal')
    joints.publish(2.0)
    assert links_of(peer.receive_message()) == (2.0, at(0.25))


def test_joints_without_a_stamp_are_refused(graph: Graph, tmp_path: Path) -> None:
    bridge, _ = sending(graph, tmp_path, WITH_JOINTS)
    publisher = graph.publisher(JOINT_STATE, '/joint_states')
    publisher.publish(JointState())
    sent = sent_by(bridge.connections[0])
    wait_until(lambda: sent.rejected == {'no_stamp': 1}, 10.0, 'the refusal')


def test_no_more_joints_wait_than_are_allowed(
    graph: Graph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(chain, 'MAX_WAITING', 3)
    bridge, _ = sending(graph, tmp_path, WITH_JOINTS)
    Joints(graph).publish(1.0, 2.0, 3.0, 4.0, 5.0)
    sent = sent_by(bridge.connections[0])
    wait_until(lambda: sent.rejected == {'tf_lookup': 2}, 10.0, 'the oldest')
    assert waiting(bridge) == 3
    text = f"tf has no pose of 'tool0' at {START + 1}.000 s"
    wait_until(lambda: text in capfd.readouterr().err, 10.0, 'the log')
    graph.call(bridge.trigger_deactivate)
    assert sent.rejected == {'tf_lookup': 5}

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What does not work is not OK on /diagnostics, through a running node."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from helpers.bridge_peer import dial, pack, port_of, pose, serve
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.convert.interfaces import ros_type

DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
SCALED = (2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 1.0, 2.0, 3.0)
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Told:
    """The newest diagnostics."""

    def __init__(self, graph: Graph) -> None:
        self.arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')

    def of(self, name: str) -> tuple[Any, str]:
        """Return level and message of a status."""
        statuses = self.arrays[-1].status if self.arrays else ()
        return next(((s.level, s.message) for s in statuses if s.name == name), (None, ''))

    def await_level(self, name: str, level: bytes, text: str = '') -> None:
        wait_until(
            lambda: self.of(name)[0] == level and text in self.of(name)[1],
            10.0,
            f'{name}: {level!r} {text}',
        )


def test_f50_a_device_whose_messages_are_all_rejected_is_an_error(graph: Graph) -> None:
    """The matrices of a peer that sends its scale along."""
    _, peer = serve(graph)
    told = Told(graph)
    for _ in range(5):
        peer.send(pack(codec.Transform(*SCALED)))
    told.await_level('bridge: bridge: TRANSFORM Probe', ERROR, 'non_rigid 5')
    told.await_level('bridge: bridge', ERROR, 'rejected non_rigid 5; no good message yet')
    peer.send(pose())
    told.await_level('bridge: bridge', WARN, 'rejected non_rigid 5')


def test_f50_a_connection_whose_messages_never_reach_a_device_is_an_error(graph: Graph) -> None:
    _, peer = serve(graph)
    told = Told(graph)
    peer.send(pack(codec.Unknown('TRANSFORM', bytes(47))))  # one byte is missing
    told.await_level('bridge: bridge', ERROR, 'rejected content_size 1; no good message yet')
    peer.send(pose())
    told.await_level('bridge: bridge: TRANSFORM Probe', ERROR)  # by now it is stale
    told.await_level('bridge: bridge', WARN, 'rejected content_size 1')


@pytest.mark.parametrize('is_good', [True, False])
def test_f50_a_row_that_sends_nothing_good_is_not_ok(
    graph: Graph, tmp_path: Path, is_good: bool
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n      - {igtl_device_name: Tip, '
        'igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL, ros_topic_name: tip, '
        'ros_type_name: geometry_msgs/msg/TransformStamped, stale_timeout: 0}\n'
    )
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path)})
    dial(graph, bridge)
    told, name = Told(graph), 'bridge: bridge: TRANSFORM Tip'
    told.await_level(name, WARN, 'no message yet')
    from geometry_msgs.msg import TransformStamped

    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = 'base' if is_good else '', 'tip'
    publisher = graph.publisher('geometry_msgs/msg/TransformStamped', '/tip')

    def is_told() -> bool:
        publisher.publish(message)
        return bool(told.of(name)[0] == (OK if is_good else ERROR))

    wait_until(is_told, 10.0, 'the level')
    assert is_good or 'no good message yet: empty_frame' in told.of(name)[1]


def test_f50_a_subscriber_that_gets_nothing_is_a_warning_with_the_reason(graph: Graph) -> None:
    _, peer = serve(graph)
    told = Told(graph)
    peer.send(pack(codec.Status(), 'Console'))
    name = 'bridge: bridge: STATUS Console'
    told.await_level(name, OK)
    topic = '/bridge/status/Console'
    (offered,) = graph.user.get_publishers_info_by_topic(topic)
    assert offered.qos_profile.durability == DurabilityPolicy.VOLATILE
    wanted = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    status_type = ros_type(offered.topic_type)
    subscription = graph.user.create_subscription(status_type, topic, lambda _: None, wanted)
    told.await_level(name, WARN, f'/user gets nothing of {topic}: ')
    graph.user.destroy_subscription(subscription)
    told.await_level(name, OK)


def test_f57_a_tool_that_is_refused_for_tf_is_not_ok(graph: Graph) -> None:
    _, peer = serve(graph, stale_timeout=60.0)
    told = Told(graph)
    for device in ('ToolToA', 'ToolToB', 'XToY', 'YToX'):
        peer.send(pose(device_name=device))
    first = "TRANSFORM 'ToolToA' of bridge: "
    told.await_level('bridge: bridge: TRANSFORM ToolToB', ERROR, f"parent 'A' on tf, from {first}")
    told.await_level('bridge: bridge: TRANSFORM YToX', ERROR, 'circle 1')
    told.await_level('bridge: bridge: TRANSFORM ToolToA', OK)
    told.await_level('bridge: bridge', WARN, 'tf_withheld 2')
    peer.send(pack(codec.Position(1.0, 2.0, 3.0), 'ToolToA'))  # the frame is on tf
    told.await_level('bridge: bridge: POSITION ToolToA', WARN, f'{first}')


@pytest.mark.parametrize('is_image_first', [True, False])
def test_f57_an_image_and_a_tool_of_one_name_are_both_ok(
    graph: Graph, is_image_first: bool
) -> None:
    """As PLUS sends them; the tool is on tf, and not the plane of the image."""
    _, peer = serve(graph, stale_timeout=60.0)
    told = Told(graph)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    image = pack(codec.Image(np.zeros((1, 4, 4), np.uint8), (4, 4, 1)), 'Image')
    tool = pose(device_name='ImageToReference')
    parts = (image, tool) if is_image_first else (tool, image)

    def is_tool_on_tf() -> bool:
        peer.send(b''.join(parts))
        parents = [message.transforms[0].header.frame_id for message in tf]
        return parents[-10:] == ['Reference'] * 10

    wait_until(is_tool_on_tf, 10.0, 'the tool on tf')
    told.await_level('bridge: bridge: IMAGE Image', OK, "since TRANSFORM 'ImageToReference'")
    told.await_level('bridge: bridge: TRANSFORM ImageToReference', OK)
    told.await_level('bridge: bridge', OK)


def commands(folder: Path, name: str) -> str:
    """Return a mapping file with a command, whose service does not exist."""
    path = folder / 'commands.yaml'
    path.write_text(
        f'version: 1\nconnections:\n  - commands: [{{igtl_command_name: {name}, '
        'ros_service_name: /run}]\n'
    )
    return str(path)


def test_f59_a_command_that_could_not_be_run_is_a_warning(graph: Graph, tmp_path: Path) -> None:
    _, peer = serve(graph, config_file=commands(tmp_path, 'Move'))
    told = Told(graph)
    peer.send(pack(codec.Command(1, 'Move'), header_version=2))
    told.await_level('bridge: bridge', WARN, 'command_received no_service 1')


def test_f54_diagnostics_go_on_while_simulated_time_stands_still(graph: Graph) -> None:
    """A bag that is paused, and peers that are not."""
    _, peer = serve(graph, use_sim_time=True)
    told = Told(graph)
    peer.send(pose())
    told.await_level('bridge: bridge: TRANSFORM Probe', ERROR, 'stale')


def test_f59_a_stop_that_was_not_carried_out_is_an_error(graph: Graph, tmp_path: Path) -> None:
    bridge, peer = serve(graph, config_file=commands(tmp_path, 'Stop'))
    told = Told(graph)
    peer.send(pack(codec.Command(1, 'STOP'), header_version=2))
    told.await_level('bridge: bridge', ERROR, 'command_received stop_no_service 1')
    bridge.connections[0].commands_out.send('Stop', timeout_s=0.1).result(5.0)
    told.await_level('bridge: bridge', ERROR, 'command_sent stop_timed_out 1')


def test_f60_an_inactive_node_is_not_ok_and_says_so(graph: Graph) -> None:
    bridge, peer = serve(graph, stale_timeout=60.0)
    told = Told(graph)
    peer.send(pose())
    told.await_level('bridge: bridge: TRANSFORM Probe', OK)
    first = told.arrays[-1]
    graph.call(bridge.trigger_deactivate)
    wait_until(lambda: told.arrays[-1] is not first, 5.0, 'the last page')
    told.await_level('bridge: bridge', WARN, 'the node is inactive')
    ended = next(array for array in told.arrays if array.status[-1].message.startswith('the node'))
    statuses = {status.name: status.level for status in ended.status}
    assert statuses['bridge: bridge: TRANSFORM Probe'] == DiagnosticStatus.STALE
    assert OK not in statuses.values()
    count = len(told.arrays)
    wait_until(lambda: len(told.arrays) > count + 1, 5.0, 'more pages')
    told.await_level('bridge: bridge', WARN, 'the node is inactive')
    graph.call(bridge.trigger_activate)
    told.await_level('bridge: bridge', OK)


def test_f63_two_nodes_of_one_name_are_an_error(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('ros2_igtl.nodes.reporting.namesakes.LEASE_S', 2.0)
    graph.add_bridge('server', {'port': 0}, name='twin')
    told = Told(graph)
    told.await_level('twin: own name', OK)
    lines = graph.subscribe('rcl_interfaces/msg/Log', '/rosout')
    namesake = Node('twin', context=graph.context)
    told.await_level('twin: own name', WARN, 'unless one of them has just been killed')
    told.await_level('twin: own name', ERROR, '2 nodes are named /twin: their poses')
    namesake.destroy_node()
    told.await_level('twin: own name', OK)
    wait_until(lambda: any('2 nodes are named' in line.msg for line in lines), 5.0, 'the line')


def test_f64_no_descriptors_for_clients_are_an_error_while_that_lasts(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge, _ = serve(graph)
    told = Told(graph)
    accept = socket.socket.accept

    def fail(listener: socket.socket) -> object:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket.socket, 'accept', fail)
    waiting = graph.stack.enter_context(ScriptedPeer.dial(port_of(bridge)))
    told.await_level('bridge: bridge', ERROR, 'Too many open files')
    monkeypatch.setattr(socket.socket, 'accept', accept)
    wait_until(lambda: len(bridge.connections[0].peers.all) == 2, 5.0, 'the client')
    told.await_level('bridge: bridge', WARN, 'refused_peers accept_failed')
    waiting.close()

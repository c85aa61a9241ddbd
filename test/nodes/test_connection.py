# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One connection with its peers: each has a clock, and a pose has one of them for its source."""

from __future__ import annotations

import dataclasses
import time
from threading import Event, Thread
from typing import Any

import pytest
from rclpy.lifecycle import TransitionCallbackReturn

from helpers.bridge_peer import await_accounted, dial, pack, port_of, pose, serve
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.to_ros.route import Output

TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
SUCCESS = TransitionCallbackReturn.SUCCESS


def now_plus(seconds: float) -> int:
    return codec.timestamp.from_nanoseconds(time.time_ns() + round(seconds * 1e9))


def seconds(message: Any) -> float:
    return float(message.header.stamp.sec + message.header.stamp.nanosec / 1e9)


def test_each_peer_has_a_clock_of_its_own(graph: Graph) -> None:
    bridge, ahead = serve(graph, max_clock_skew=0.05)
    behind = dial(graph, bridge)
    came = [graph.subscribe(TRANSFORM_STAMPED, f'/bridge/transform/{d}') for d in ('A', 'B')]
    begin = time.time()
    for count in (1, 2, 3):
        ahead.send(pose(device_name='A', timestamp=now_plus(3.0)))
        behind.send(pose(device_name='B', timestamp=now_plus(-3.0)))
        for poses in came:
            wait_for_count(poses, count)
    end = time.time()
    for poses in came:
        assert all(begin - 0.05 <= seconds(message) <= end for message in poses)
    offsets = sorted(p.clock.main.offset_ns / 1e9 for p in bridge.connections[0].peers.all)
    assert offsets == pytest.approx([-3.0, 3.0], abs=0.5)


def test_a_pose_that_a_second_peer_sends_too_is_refused_until_the_first_has_gone(
    graph: Graph,
) -> None:
    """FAULTS F36: a tool must not jump between the poses of two trackers."""
    bridge, first = serve(graph)
    second = dial(graph, bridge)
    outcomes = received_by(bridge.connections[0])
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    first.send(pose(1.0))
    wait_until(lambda: outcomes.done == 1, what='the pose of the first')
    second.send(pose(2.0))
    await_accounted(bridge, 2)
    assert outcomes.skipped == {'second_source': 1}
    first.close()
    wait_until(lambda: len(bridge.connections[0].peers.all) == 1, what='the first to go')
    second.send(pose(3.0))
    wait_until(lambda: len(poses) == 2 and len(tf) == 2, what='the pose of the second')
    assert [message.transform.translation.x for message in poses] == [0.001, 0.003]


def test_texts_of_one_name_may_come_from_two_peers(graph: Graph) -> None:
    bridge, first = serve(graph)
    second = dial(graph, bridge)
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/Console')
    first.send(pack(codec.String('one'), 'Console'))
    second.send(pack(codec.String('two'), 'Console'))
    wait_for_count(texts, 2)
    assert {text.data for text in texts} == {'one', 'two'}


def test_what_a_peer_left_is_forgotten(graph: Graph) -> None:
    bridge, peer = serve(graph)
    connection = bridge.connections[0]
    peer.send(pose())
    await_accounted(bridge, 1)
    assert [known.name for known in connection.peers.all] == [peer.name]
    peer.close()
    wait_until(lambda: not connection.peers.all, what='the peer to be forgotten')
    assert [route.source for route in connection.inbound.routes] == [None]


def test_a_fault_in_a_conversion_ends_that_session_only_and_is_counted(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, peer = serve(graph)
    other = dial(graph, bridge)
    peer.send(pose())
    await_accounted(bridge, 1)
    connection = bridge.connections[0]
    (route,) = connection.inbound.routes
    route.poses, route.is_on_tf = None, False
    ((conversion, publisher),) = route.outputs

    def fail(content: Any, context: Any) -> Any:
        raise ZeroDivisionError('a fault of ours')

    route.outputs = [Output(dataclasses.replace(conversion, to_ros=fail), publisher)]
    peer.send(pose())
    assert peer.receive_until_closed() == b''
    assert received_by(connection).rejected == {'internal_error': 1}
    assert 'ZeroDivisionError: a fault of ours' in capfd.readouterr().err
    other.send(pack(codec.String('still here'), 'Console'))
    await_accounted(bridge, 3)
    assert received_by(connection).done == 2


def test_a_message_that_comes_while_nobody_is_left_to_send_to_is_counted(graph: Graph) -> None:
    bridge, peer = serve(graph)
    connection = bridge.connections[0]
    peer.close()
    wait_until(lambda: not connection.peers.all, what='the end of the session')
    message = codec.Message(codec.String('nobody'), 'Text')
    assert connection._send(message, 'event') == 0


def test_the_port_is_known_before_and_after(graph: Graph) -> None:
    bridge, _ = serve(graph)
    connection = bridge.connections[0]
    port = port_of(bridge)
    assert connection.actual_port == port
    graph.call(bridge.trigger_deactivate)
    assert connection.actual_port == port
    with ScriptedServer() as server:
        client = graph.add_bridge('client', {'port': server.port}, name='client')
        assert client.connections[0].actual_port == server.port


def test_a_server_that_has_failed_says_so_and_the_node_goes_on(graph: Graph) -> None:
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    bridge, peer = serve(graph)
    connection = bridge.connections[0]
    task = connection.transport._task
    assert task is not None
    bridge._io_thread.call(task.cancel)
    assert peer.receive_until_closed() == b''

    def closed() -> bool:
        last = {status.name: status for status in arrays[-1].status} if arrays else {}
        status = last.get('bridge: bridge')
        return status is not None and status.level == b'\x02'

    wait_until(closed, 10.0, 'an error on /diagnostics')
    assert graph.call(bridge.trigger_deactivate) == SUCCESS
    assert graph.call(bridge.trigger_activate) == SUCCESS
    dial(graph, bridge)


def send_until_closed(bridge: BridgeNode, name: str, stop: Event) -> None:
    """Send as fast as it goes, and come back whenever the connection ends."""
    data = pose(device_name=name) + pack(codec.String('text'), name)
    while not stop.is_set():
        try:
            with ScriptedPeer.dial(port_of(bridge)) as peer:
                while not stop.is_set():
                    peer.send(data)
        except OSError:  # deactivated; port 0 while it is
            stop.wait(0.002)


def test_f28_50_life_cycles_under_the_traffic_of_two_peers_leave_nothing(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stopped: list[BridgeConnection] = []
    stop_connection = BridgeConnection.stop

    def remember(self: BridgeConnection) -> None:
        stop_connection(self)
        stopped.append(self)

    monkeypatch.setattr(BridgeConnection, 'stop', remember)
    bridge = graph.add_bridge('server', {'port': 0})
    stop = Event()
    senders = [Thread(target=send_until_closed, args=(bridge, name, stop)) for name in ('A', 'B')]
    try:
        for sender in senders:
            sender.start()
        for cycle in range(50):
            connection = bridge.connections[0]
            if cycle % 10 == 0:  # most cycles end whatever goes on, some amid traffic for sure
                wait_until(
                    lambda c=connection: len(c.inbound.routes) == 4,  # type: ignore[misc]
                    10.0,
                    'traffic of both',
                )
            assert graph.call(bridge.trigger_deactivate) == SUCCESS
            assert not connection.transport.sessions
            assert connection.peers.all == ()
            if cycle % 5 == 0:
                assert graph.call(bridge.trigger_cleanup) == SUCCESS
                assert graph.call(bridge.trigger_configure) == SUCCESS
            assert graph.call(bridge.trigger_activate) == SUCCESS
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    assert len(stopped) == 50
    assert 'Traceback' not in capfd.readouterr().err

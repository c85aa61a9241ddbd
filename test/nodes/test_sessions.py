# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Peers that share an address and port are different peers, through a running node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.bridge_peer import await_accounted, pack, port_of, pose, serve
from helpers.command_server import await_response
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer, unused_port
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.srv import Disconnect

DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
TF = 'tf2_msgs/msg/TFMessage'


def listen(graph: Graph, address: str = '0.0.0.0') -> BridgeNode:
    """Return a server on all addresses of this host."""
    parameters = {'port': 0, 'address': address, 'allowed_peers': ['127.0.0.0/8']}
    return graph.add_bridge('server', parameters)


def two_of_one_port(graph: Graph, bridge: BridgeNode) -> tuple[ScriptedPeer, ScriptedPeer]:
    """Return two peers with the same address and port, which dial different addresses."""
    source_port = unused_port()
    peers = []
    for host in ('127.0.0.1', '127.0.0.2'):
        peer = ScriptedPeer.dial(
            port_of(bridge), host=host, source='127.0.0.1', source_port=source_port
        )
        peers.append(graph.stack.enter_context(peer))
        wait_until(lambda: len(bridge.connections[0].peers.all) == len(peers), what='the session')
    first, second = peers
    assert first.name == second.name
    return first, second


def xs(tf: list[Any]) -> list[float]:
    """Return the positions of all poses on tf, in millimetres."""
    return [round(t.transform.translation.x * 1000.0) for tree in tf for t in tree.transforms]


@pytest.mark.parametrize('address', ['0.0.0.0', '::'])
def test_f41_of_two_peers_with_one_port_the_first_keeps_its_frame(
    graph: Graph, address: str
) -> None:
    bridge = listen(graph, address)
    tf = graph.subscribe(TF, '/tf')
    first, second = two_of_one_port(graph, bridge)
    first.send(pose(1.0))
    wait_for_count(tf, 1)
    for count in range(2, 6):
        second.send(pose(2.0))
        first.send(pose(1.0))
        wait_for_count(tf, count)
    await_accounted(bridge, 9)
    assert xs(tf) == [1.0] * 5
    assert received_by(bridge.connections[0]).skipped == {'second_source': 4}


@pytest.mark.parametrize('closed', [0, 1])
def test_f41_the_end_of_one_session_is_not_that_of_another_with_its_port(
    graph: Graph, closed: int
) -> None:
    bridge = listen(graph)
    tf = graph.subscribe(TF, '/tf')
    peers = two_of_one_port(graph, bridge)
    for x, peer in enumerate(peers):
        peer.send(pose(float(x), f'Tool{x}'))
        wait_for_count(tf, x + 1)
    peers[closed].close()
    wait_until(lambda: len(bridge.connections[0].peers.all) == 1, what='the end')
    peers[1 - closed].send(pose(7.0, f'Tool{1 - closed}'))
    wait_for_count(tf, 3)
    assert tf[-1].transforms[0].child_frame_id == f'Tool{1 - closed}'
    # the frame of the closed one is released, that of the other one is not
    peers[1 - closed].send(pose(8.0, f'Tool{closed}'))
    wait_for_count(tf, 4)
    assert xs(tf)[2:] == [7.0, 8.0]
    assert bridge.connections[0].transport.statistics.disconnects == 1


def test_f41_a_peer_that_reconnects_does_not_take_the_frame_of_another(graph: Graph) -> None:
    bridge = listen(graph)
    tf = graph.subscribe(TF, '/tf')
    first, second = two_of_one_port(graph, bridge)
    first.send(pose(1.0))
    wait_for_count(tf, 1)
    second.send(pose(2.0))
    await_accounted(bridge, 2)
    second.reset()
    wait_until(lambda: len(bridge.connections[0].peers.all) == 1, what='the end')
    again = ScriptedPeer.dial(
        port_of(bridge),
        host='127.0.0.2',
        source='127.0.0.1',
        source_port=int(first.name.rpartition(':')[2]),
    )
    graph.stack.enter_context(again)
    again.send(pose(2.0))
    await_accounted(bridge, 3)
    first.send(pose(1.0))
    wait_for_count(tf, 2)
    assert xs(tf) == [1.0, 1.0]


def test_f41_a_client_that_reconnects_does_not_take_the_frame_of_another_connection(
    graph: Graph, tmp_path: Path
) -> None:
    with ScriptedServer() as first, ScriptedServer() as second:
        path = tmp_path / 'mapping.yaml'
        path.write_text(
            'version: 1\nconnections:\n'
            f'  - {{name: a, mode: client, port: {first.port}}}\n'
            f'  - {{name: b, mode: client, port: {second.port}, reconnect_initial_delay: 0.02}}\n'
        )
        hub = graph.add_bridge(None, {'config_file': str(path)})
        tf = graph.subscribe(TF, '/tf')
        with first.accept() as one:
            one.send(pose(1.0))
            wait_for_count(tf, 1)
            outcomes = received_by(hub.connections[1])

            def await_refused(count: int) -> None:
                wait_until(lambda: outcomes.rejected.total() == count, what='the refusal')

            for count in (1, 2):
                with second.accept() as two:
                    two.send(pose(2.0))
                    await_refused(count)
            assert outcomes.rejected == {'second_connection': 2}
            one.send(pose(1.0))
            wait_for_count(tf, 2)
    assert xs(tf) == [1.0, 1.0]


def test_f41_peers_with_one_port_have_different_names(graph: Graph) -> None:
    """Each is on the list of peers and on /diagnostics, and can be disconnected alone."""
    bridge = listen(graph)
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    states = graph.subscribe('ros2_igtl/msg/BridgeStatus', '/bridge/status', latched=True)
    first, second = two_of_one_port(graph, bridge)
    names = [first.name, f'{first.name}#2']
    wait_until(lambda: states and list(states[-1].peers) == names, what='the list of peers')
    expected = {f'bridge: bridge: {of} of {name}' for of in ('queue', 'clock') for name in names}
    wait_until(
        lambda: arrays and expected <= {status.name for status in arrays[-1].status},
        what='the diagnostics',
    )
    client = graph.user.create_client(Disconnect, '/bridge/disconnect')
    wait_until(client.service_is_ready, 10.0, 'the service')
    response = await_response(client.call_async(Disconnect.Request(peer=names[0])))
    assert response.closed == 1
    assert first.receive_until_closed() == b''
    second.send(pack(codec.String('still here'), 'Text'))
    await_accounted(bridge, 1)
    response = await_response(client.call_async(Disconnect.Request(peer=names[1])))
    assert response.closed == 1
    assert second.receive_until_closed() == b''


def test_f41_no_two_statuses_have_one_name(graph: Graph, tmp_path: Path) -> None:
    """A device may be received and sent."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        '      - {igtl_device_name: Text, igtl_type_name: STRING, direction: IGTL_TO_ROS,\n'
        '         ros_topic_name: /received}\n'
        '      - {igtl_device_name: Text, igtl_type_name: STRING, direction: ROS_TO_IGTL,\n'
        '         ros_topic_name: /sent, ros_type_name: std_msgs/msg/String}\n'
    )
    bridge, peer = serve(graph, config_file=str(path))
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    peer.send(pack(codec.String('x'), 'Text'))
    await_accounted(bridge, 1)
    names = {f'bridge: bridge: STRING Text{number}' for number in ('', ' #2')}
    wait_until(
        lambda: arrays and names <= {status.name for status in arrays[-1].status}, what='both'
    )

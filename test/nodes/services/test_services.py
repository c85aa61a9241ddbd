# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The services of a node: which connection they mean, and what they say."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from std_srvs.srv import Trigger

from helpers.bridge_peer import await_accounted, dial, pack, port_of, serve
from helpers.command_server import await_response, receive, send_command
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.srv import Command, Disconnect, Query


def call(graph: Graph, service_type: Any, name: str, **fields: Any) -> Any:
    """Call a service of the node, and return its response."""
    client = graph.user.create_client(service_type, f'/bridge/{name}')
    wait_until(client.service_is_ready, 10.0, name)
    return await_response(client.call_async(service_type.Request(**fields)))


def two_servers(graph: Graph, tmp_path: Path) -> Any:
    path = tmp_path / 'hub.yaml'
    path.write_text(
        'version: 1\nconnections:\n'
        '  - {name: a, mode: server, port: 0, header_version: 2}\n'
        '  - {name: b, mode: server, port: 0, header_version: 2}\n'
    )
    return graph.add_bridge(None, {'config_file': str(path)})


def test_disconnect_closes_the_peer_that_is_named_and_no_other(graph: Graph) -> None:
    bridge, first = serve(graph)
    second = dial(graph, bridge)
    response = call(graph, Disconnect, 'disconnect', peer=second.name)
    assert (response.closed, response.error) == (1, '')
    assert second.receive_until_closed() == b''
    first.send(pack(codec.String('still here'), 'Text'))
    await_accounted(bridge, 1)
    response = call(graph, Disconnect, 'disconnect', connection='bridge')
    assert response.closed == 1
    assert first.receive_until_closed() == b''


@pytest.mark.parametrize(
    ('fields', 'error'),
    [
        ({}, 'no peer is connected'),
        ({'peer': '10.0.0.1:5'}, '10.0.0.1:5 is not connected'),
        ({'connection': 'other'}, "connection is 'other'; allowed: bridge"),
    ],
)
def test_disconnect_says_why_it_closed_nothing(
    graph: Graph, fields: dict[str, str], error: str
) -> None:
    graph.add_bridge('server', {'port': 0})
    response = call(graph, Disconnect, 'disconnect', **fields)
    assert (response.closed, response.error) == (0, error)


def test_a_client_that_was_disconnected_dials_again(graph: Graph) -> None:
    with ScriptedServer() as server:
        parameters = {'port': server.port, 'reconnect_initial_delay': 0.05}
        bridge = graph.add_bridge('client', parameters)
        with server.accept() as peer:
            wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')
            assert call(graph, Disconnect, 'disconnect').closed == 1
            assert peer.receive_until_closed() == b''
        server.accept().close()


def test_statistics_begin_anew_and_what_counts_goes_on(graph: Graph) -> None:
    statuses = graph.subscribe('ros2_igtl/msg/BridgeStatus', '/bridge/status', latched=True)
    bridge, peer = serve(graph)
    peer.send(pack(codec.String('before'), 'Text') * 3)
    await_accounted(bridge, 3)
    assert call(graph, Trigger, 'reset_statistics').success
    peer.send(pack(codec.String('after'), 'Text'))
    await_accounted(bridge, 4)
    wait_until(lambda: statuses[-1].published == 1, 10.0, 'the counts since')
    assert statuses[-1].received == 1


def test_with_several_connections_a_command_and_a_query_need_the_name_of_one(
    graph: Graph, tmp_path: Path
) -> None:
    hub = two_servers(graph, tmp_path)
    peers = [
        graph.stack.enter_context(ScriptedPeer.dial(connection.actual_port))
        for connection in hub.connections
    ]
    for connection in hub.connections:
        wait_until(lambda c=connection: c.peers.all, 10.0, 'the peer')  # type: ignore[misc]
    assert port_of(hub) == 0  # there are two
    response = await_response(send_command(graph, name='Move'))
    assert "connection is ''; allowed: a, b" in response.error
    response = call(graph, Query, 'query', type_name='STATUS')
    assert (response.outcome, response.error) == (0, "connection is ''; allowed: a, b")
    future = send_command(graph, connection='b', name='Move')
    command = receive(peers[1])
    assert command.content.name == 'Move'
    reply = codec.CommandReply(command.content.command_id, '', 'done')
    peers[1].send(pack(reply, command.device_name, header_version=2))
    assert await_response(future).content == 'done'
    client = graph.user.create_client(Query, '/bridge/query')
    asked = client.call_async(Query.Request(connection='a', type_name='STATUS'))
    assert receive(peers[0]).type_name == 'GET_STATUS'
    peers[0].send(pack(codec.Status(), ''))
    assert await_response(asked).outcome == Query.Response.SUCCEEDED


def test_f45_requests_that_wait_while_the_node_is_deactivated_are_answered(graph: Graph) -> None:
    bridge, _ = serve(graph)
    client = graph.user.create_client(Command, '/bridge/send_command')
    wait_until(client.service_is_ready, 10.0, 'the service')
    go_on = threading.Event()

    def deactivate() -> None:
        go_on.wait(10.0)
        bridge.trigger_deactivate()

    graph.user.executor.create_task(deactivate)
    calls = [client.call_async(Command.Request(name='GO')) for _ in range(20)]
    go_on.set()
    for each in calls:
        assert await_response(each).outcome == Command.Response.NOT_SENT

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS service that commands are given to, which responds when the test says so."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from helpers.bridge_peer import dial
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.services.deferred import DeferredService
from ros2_igtl.srv import Command

Response = Command.Response


class CommandServer:
    """
    A service of the user's node.

    :ivar requests: what came, oldest first.
    """

    def __init__(self, graph: Graph, name: str = '/run') -> None:
        self.requests: list[Any] = []
        self._responses: list[Future[Any]] = []
        self._service = DeferredService(graph.user, Command, name, self._take)
        graph.stack.callback(self._service.destroy)

    def respond(self, at: int, *, error: str = '', content: str = '') -> None:
        """Respond to a request, which is waited for; success unless there is an error."""
        wait_for_count(self._responses, at + 1)
        outcome = Response.FAILED if error else Response.SUCCEEDED
        self._responses[at].set_result(Response(outcome=outcome, error=error, content=content))

    def _take(self, request: Any) -> Future[Any]:
        response: Future[Any] = Future()
        self.requests.append(request)
        self._responses.append(response)
        return response


def await_services(bridge: BridgeNode) -> None:
    """Wait until a node has found the services that it gives commands to."""
    clients = bridge.connections[0].commands_in._clients.values()
    wait_until(lambda: all(c.service_is_ready() for c in clients), 10.0, 'the services')


def send_command(graph: Graph, node_name: str = 'bridge', **fields: Any) -> Any:
    """Call a node's send_command, and return the future of its response."""
    client = graph.user.create_client(Command, f'/{node_name}/send_command')
    wait_until(client.service_is_ready, 10.0, 'send_command')
    return client.call_async(Command.Request(**fields))


def await_response(future: Any) -> Any:
    """Wait for a response, and return it."""
    wait_until(future.done, 10.0, 'the response')
    return future.result()


def receive(peer: ScriptedPeer) -> codec.Message:
    """Receive one message."""
    return codec.unpack(peer.receive_message())


def dial_as_version_2(graph: Graph, bridge: BridgeNode) -> ScriptedPeer:
    """Return a peer that has shown that it reads header version 2."""
    peer = dial(graph, bridge)
    show_version_2(bridge, peer)
    return peer


def show_version_2(bridge: BridgeNode, peer: ScriptedPeer) -> None:
    """Show a node that a peer reads header version 2."""
    peer.send(codec.pack(codec.Message(codec.Status(), 'Peer', header_version=2)))
    (session,) = [
        session
        for session in bridge.connections[0].transport.sessions
        if session.peer_name == peer.name
    ]
    wait_until(lambda: session.header_version == 2, 10.0, 'header version 2')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The services of a node while it is active; what they ask for is done elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node
from std_srvs.srv import Trigger

from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.reporting.diagnostics import reset_counts
from ros2_igtl.nodes.services.choice import choose_connection
from ros2_igtl.nodes.services.deferred import DeferredService
from ros2_igtl.nodes.services.query import QueryService
from ros2_igtl.srv import Command, Disconnect


class Services:
    """
    Offers the services.

    :param connections: of the node.
    """

    def __init__(self, node: Node, connections: Sequence[BridgeConnection]) -> None:
        self._node = node
        self._connections = connections
        self._deferred = (
            QueryService(node, connections),
            DeferredService(node, Command, '~/send_command', self._send_command),
        )
        self._services = (
            node.create_service(Disconnect, '~/disconnect', self._disconnect),
            node.create_service(Trigger, '~/reset_statistics', self._reset_statistics),
        )

    def destroy(self) -> None:
        """Stop to serve; the connections have to be stopped before."""
        for deferred in self._deferred:
            deferred.destroy()
        for service in self._services:
            self._node.destroy_service(service)

    def _send_command(self, request: Any) -> Future[Any]:
        connection, error = choose_connection(self._connections, request.connection)
        if connection is not None:
            return connection.commands.send(request)
        refused: Future[Any] = Future()
        refused.set_result(Command.Response(outcome=Command.Response.NOT_SENT, error=error))
        return refused

    def _disconnect(self, request: Any, response: Any) -> Any:
        connections = self._connections
        if request.connection:
            connection, response.error = choose_connection(connections, request.connection)
            connections = [] if connection is None else [connection]
        response.closed = sum(chosen.close_sessions(request.peer) for chosen in connections)
        if not response.closed and not response.error:
            response.error = f'{request.peer or "nobody"} is not connected'
            if not request.peer:
                response.error = 'nobody is connected'
        return response

    def _reset_statistics(self, request: Any, response: Any) -> Any:
        for connection in self._connections:
            reset_counts(connection)
        response.success = True
        return response

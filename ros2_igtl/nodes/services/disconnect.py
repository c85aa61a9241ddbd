# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The service ~/disconnect: closes sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.node import Node

from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.services.choice import choose_connection
from ros2_igtl.srv import Disconnect


class DisconnectService:
    """
    Offers ~/disconnect of a node.

    :param connections: of the node.
    """

    def __init__(self, node: Node, connections: Sequence[BridgeConnection]) -> None:
        self._connections = connections
        node.create_service(Disconnect, '~/disconnect', self._called)

    def _called(self, request: Any, response: Any) -> Any:
        connections = self._connections
        if request.connection:
            connection, response.error = choose_connection(connections, request.connection)
            connections = [] if connection is None else [connection]
        response.closed = sum(chosen.close_sessions(request.peer) for chosen in connections)
        if not response.closed and not response.error:
            response.error = 'no peer is connected'
            if request.peer:
                response.error = f'{request.peer} is not connected'
        return response

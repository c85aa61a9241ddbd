# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The service ~/send_command: sends a user's command to the peers of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node

from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.exchanges.pending import Answer
from ros2_igtl.nodes.services.choice import choose_connection
from ros2_igtl.nodes.services.deferred import DeferredService, then
from ros2_igtl.srv import Command

_OUTCOMES = {
    'succeeded': Command.Response.SUCCEEDED,
    'failed': Command.Response.FAILED,
    'timed_out': Command.Response.TIMED_OUT,
    'disconnected': Command.Response.DISCONNECTED,
}


class SendCommandService(DeferredService):
    """
    Offers ~/send_command of a node.

    :param connections: of the node.
    """

    def __init__(self, node: Node, connections: Sequence[BridgeConnection]) -> None:
        super().__init__(node, Command, '~/send_command', self._called, node.urgent)
        self._connections = connections

    def _called(self, request: Any) -> Future[Any]:
        connection, error = choose_connection(self._connections, request.connection)
        if connection is None:
            answer: Future[Answer] = Future()
            answer.set_result(Answer('refused', error))
        else:
            answer = connection.commands_out.send(
                request.name, request.content, request.device_name, request.timeout
            )
        return then(answer, _response)


def _response(answer: Answer) -> Any:
    """Return the response; if the command was not sent, the error begins with the cause."""
    error = answer.error
    if answer.outcome not in _OUTCOMES:
        error = f'{answer.outcome}: {error}'
    outcome = _OUTCOMES.get(answer.outcome, Command.Response.NOT_SENT)
    return Command.Response(
        outcome=outcome, error=error, content=answer.content, reconnected=answer.is_resent
    )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The service ~/query: sends a user's query to the peers of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node

from ros2_igtl import codec
from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.exchanges.pending import Answer
from ros2_igtl.nodes.peer import Asked
from ros2_igtl.nodes.services.choice import choose_connection
from ros2_igtl.nodes.services.deferred import DeferredService, then
from ros2_igtl.srv import Query

DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 3600.0
MAX_RESOLUTION_S = 86_400.0

_KINDS = {
    Query.Request.GET: codec.Get,
    Query.Request.START: codec.Start,
    Query.Request.STOP: codec.Stop,
}
_OUTCOMES = {
    'not_sent': Query.Response.NOT_SENT,
    'succeeded': Query.Response.SUCCEEDED,
    'failed': Query.Response.FAILED,
    'timed_out': Query.Response.TIMED_OUT,
    'disconnected': Query.Response.DISCONNECTED,
}


class QueryService(DeferredService):
    """
    Offers ~/query of a node.

    :param connections: of the node.
    """

    def __init__(self, node: Node, connections: Sequence[BridgeConnection]) -> None:
        super().__init__(node, Query, '~/query', self._called)
        self._connections = connections

    def _called(self, request: Any) -> Future[Any]:
        return then(self._ask(request), _response)

    def _ask(self, request: Any) -> Future[Answer]:
        """Send the query, or reject it."""
        connection, error = choose_connection(self._connections, request.connection)
        error = error or _refusal(request)
        if connection is None or error:
            refused: Future[Answer] = Future()
            refused.set_result(Answer('not_sent', error))
            return refused
        return connection.queries_out.ask(
            _KINDS[request.action],
            Asked(request.type_name, request.device_name),
            resolution_s=request.resolution,
            coordinate_name=request.coordinate_name,
            timeout_s=request.timeout or DEFAULT_TIMEOUT_S,
        )


def _refusal(request: Any) -> str:
    """Return the error in a request, or ''."""
    if request.action not in _KINDS:
        return f'action is {request.action}; allowed: {", ".join(map(str, _KINDS))}'
    for name, most in (('resolution', MAX_RESOLUTION_S), ('timeout', MAX_TIMEOUT_S)):
        value = getattr(request, name)
        if not 0.0 <= value <= most:  # true for NaN too
            return f'{name} is {value:g} s; allowed: 0 to {most:g}'
    return ''


def _response(answer: Answer) -> Any:
    return Query.Response(outcome=_OUTCOMES[answer.outcome], error=answer.error)

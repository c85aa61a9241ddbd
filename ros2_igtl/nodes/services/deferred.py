# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A service whose response may be sent after its callback has returned."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node

from ros2_igtl.nodes.services.answers import refusal

logger = logging.getLogger(__name__)


class DeferredService:
    """
    A service that blocks only its caller.

    The callback returns a future, which any thread may set. rclpy also accepts a coroutine, but a
    coroutine would block the node's callback group, and would continue only when another event
    wakes the executor.

    :param callback: receives the request.
    :param group: runs the callback.
    """

    def __init__(
        self,
        node: Node,
        service_type: Any,
        name: str,
        callback: Callable[[Any], Future[Any]],
        group: CallbackGroup | None = None,
    ) -> None:
        self._node = node
        self._service = node.create_service(
            service_type,
            name,
            lambda request, response: callback(request),
            callback_group=group,
        )
        self._send_response = self._service.send_response
        # the executor calls this with the result of the callback
        self._service.send_response = self._defer

    def destroy(self) -> None:
        """Destroy the service; no request may be pending, so stop the connections first."""
        self._node.destroy_service(self._service)

    def _defer(self, response: Any, header: Any) -> None:
        if isinstance(response, Future):
            response.add_done_callback(lambda done: self._respond(done, header))
        else:  # a refusal, since the callback has failed
            self._send_response(response, header)

    def _respond(self, done: Future[Any], header: Any) -> None:
        """Send a response; on the thread that has it."""
        try:
            self._send_response(done.result(), header)
        except InvalidHandle:
            pass  # the service has ended, and nobody waits any more
        except Exception as error:
            logger.exception('the service %s failed', self._service.srv_name)
            reason = f'internal error: {type(error).__name__}'
            self._send_response(refusal(self._service.srv_type, reason), header)


def then(first: Future[Any], function: Callable[[Any], Any]) -> Future[Any]:
    """Return a future with what a function makes of the result of another, or raises."""
    second: Future[Any] = Future()

    def finish(done: Future[Any]) -> None:
        try:
            second.set_result(function(done.result()))
        except Exception as error:
            second.set_exception(error)

    first.add_done_callback(finish)
    return second

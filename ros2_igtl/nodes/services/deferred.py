# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A service whose response may be sent after its callback has returned."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node


class DeferredService:
    """
    A service that blocks only its caller.

    The callback returns a future, which any thread may set. rclpy also accepts a coroutine, but a
    coroutine would block the node's callback group, and would continue only when another event
    wakes the executor.

    :param callback: receives the request.
    """

    def __init__(
        self,
        node: Node,
        service_type: Any,
        name: str,
        callback: Callable[[Any], Future[Any]],
    ) -> None:
        self._node = node
        self._service = node.create_service(
            service_type, name, lambda request, response: callback(request)
        )
        self._send_response = self._service.send_response
        # the executor calls this with the result of the callback
        self._service.send_response = self._defer

    def destroy(self) -> None:
        """Destroy the service; no request may be pending, so stop the connections first."""
        self._node.destroy_service(self._service)

    def _defer(self, response: Future[Any], header: Any) -> None:
        response.add_done_callback(lambda done: self._send_response(done.result(), header))

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A service whose response is sent when it is there, and not when its callback returns."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node


class DeferredService:
    """
    A service that keeps nothing waiting but its caller.

    The callback returns a future, which any thread may set. A coroutine, which rclpy would take
    instead, holds up its callback group, which is the node's, and goes on only when something else
    wakes the executor.

    :param callback: is given the request.
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
        # the executor calls it with whatever the callback has returned
        self._service.send_response = self._defer

    def destroy(self) -> None:
        """Stop to serve; whoever waits has to have been answered."""
        self._node.destroy_service(self._service)

    def _defer(self, response: Future[Any], header: Any) -> None:
        response.add_done_callback(lambda done: self._send_response(done.result(), header))

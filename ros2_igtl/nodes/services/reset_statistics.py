# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The service ~/reset_statistics: resets the counts of diagnostics to 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.node import Node
from std_srvs.srv import Trigger

from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.reporting.diagnostics import reset_counts


class ResetStatisticsService:
    """
    Offers ~/reset_statistics of a node.

    :param connections: of the node.
    """

    def __init__(self, node: Node, connections: Sequence[BridgeConnection]) -> None:
        self._connections = connections
        node.create_service(Trigger, '~/reset_statistics', self._called)

    def _called(self, request: Any, response: Any) -> Any:
        for connection in self._connections:
            reset_counts(connection)
        response.success = True
        return response

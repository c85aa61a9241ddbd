# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The services that a node offers while it is active; each has its own module."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node

from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.services.disconnect import DisconnectService
from ros2_igtl.nodes.services.query import QueryService
from ros2_igtl.nodes.services.reset_statistics import ResetStatisticsService
from ros2_igtl.nodes.services.send_command import SendCommandService

_SERVICES = (QueryService, SendCommandService, DisconnectService, ResetStatisticsService)


class Services:
    """
    Offers the services.

    :param connections: of the node.
    """

    def __init__(self, node: Node, connections: Sequence[BridgeConnection]) -> None:
        self._services = [service(node, connections) for service in _SERVICES]

    def destroy(self) -> None:
        """Destroy the services; the connections must be stopped first."""
        for service in self._services:
            service.destroy()

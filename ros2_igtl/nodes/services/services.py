# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The services that a node offers; each has its own module."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node

from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.services.disconnect import DisconnectService
from ros2_igtl.nodes.services.query import QueryService
from ros2_igtl.nodes.services.reset_statistics import ResetStatisticsService
from ros2_igtl.nodes.services.send_command import SendCommandService

_SERVICES = (QueryService, SendCommandService, DisconnectService, ResetStatisticsService)


def offer_services(node: Node, connections: Sequence[BridgeConnection]) -> None:
    """
    Offer the services until the node is destroyed.

    :param connections: the node's list, which is empty unless the node is active.
    """
    for service in _SERVICES:
        service(node, connections)

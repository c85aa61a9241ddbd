# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Notices another node of the same full name, as after launching a node twice."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

# A killed node stays on the graph until its lease has ended, 20 s with Fast DDS.
LEASE_S = 30.0


class Namesakes:
    """
    Whether the graph has other nodes with the full name of a node; where ROS runs.

    :param node: the node; it looks at the graph in each :meth:`status`.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._since_s: float | None = None  # steady clock
        self._is_logged = False

    def status(self) -> DiagnosticStatus:
        """Look at the graph, and return the status for /diagnostics; log an error once."""
        node = self._node
        own = node.get_name(), node.get_namespace()
        count = node.get_node_names_and_namespaces().count(own)
        name = f'{node.get_name()}: own name'
        if count <= 1:
            self._since_s, self._is_logged = None, False
            return DiagnosticStatus(name=name, message='no other node has it')
        now_s = time.monotonic()
        self._since_s = now_s if self._since_s is None else self._since_s
        text = f'{count} nodes are named {node.get_fully_qualified_name()}'
        if now_s - self._since_s < LEASE_S:
            text += ', unless one of them has just been killed'
            return DiagnosticStatus(level=DiagnosticStatus.WARN, name=name, message=text)
        text += ': their poses alternate on tf, and each service call reaches all; end all but one'
        if not self._is_logged:
            self._is_logged = True
            node.get_logger().error(text)
        return DiagnosticStatus(level=DiagnosticStatus.ERROR, name=name, message=text)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes the state of a node: /diagnostics, ~/status, ~/client_count and ~/time_reference."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from sensor_msgs.msg import TimeReference
from std_msgs.msg import UInt32

from ros2_igtl.msg import BridgeStatus
from ros2_igtl.nodes.qos import latched
from ros2_igtl.nodes.reporting import diagnostics
from ros2_igtl.nodes.reporting.diagnostics import Reported
from ros2_igtl.nodes.reporting.faults import Faults
from ros2_igtl.nodes.reporting.namesakes import Namesakes
from ros2_igtl.transport import IoThread

STATUS_DELAY_S = 0.01  # one message covers all changes within this time


class Reporter:
    """
    Reports the connections of a node.

    :param io_thread: runs the connections.
    :param connections: the node's list, which is empty unless the node is active.
    :param faults: of the node.
    """

    def __init__(
        self,
        node: Node,
        io_thread: IoThread,
        connections: Sequence[Reported],
        faults: Faults,
    ) -> None:
        self._node = node
        self._io_thread = io_thread
        self._connections = connections
        self._faults = faults
        self._namesakes = Namesakes(node)
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._time_references = node.create_publisher(TimeReference, '~/time_reference', 10)
        self._client_counts = node.create_publisher(UInt32, '~/client_count', latched(1))
        self._status: Any = None  # made when the number of connections is known
        self._names: Sequence[str] = ()  # of the connections that the configuration has
        self._last: Sequence[DiagnosticStatus] = ()  # while the node is active
        self._lock = threading.Lock()  # of publishing the status
        self._client_count = -1  # last published value
        self._is_status_due = False  # I/O thread

    def configure(self, names: Sequence[str]) -> None:
        """Prepare for connections of these names."""
        self._names = names
        self._status = self._node.create_publisher(BridgeStatus, '~/status', latched(len(names)))

    def start(self) -> None:
        """Publish the status at each change from now on; the I/O thread is running."""
        self._is_status_due = False  # a call may have been due when the I/O thread ended
        self.status_changed()

    def forget(self) -> None:
        """Forget the connections; may be called twice."""
        self._names = ()
        if self._status is not None:
            self._node.destroy_publisher(self._status)
            self._status = None

    def status_changed(self) -> None:
        """Publish the status soon, once for any number of peers; on any thread."""
        with contextlib.suppress(RuntimeError):  # stopping; the final status follows
            self._io_thread.loop.call_soon_threadsafe(self._schedule_status)

    def publish_status(self) -> None:
        """
        Publish the status of all connections, since the latched topic keeps one message of each.

        On any thread; the lock ensures that the last published status is the current one.
        """
        with self._lock:
            now_ns = self._node.get_clock().now().nanoseconds
            connections = list(self._connections)
            for connection in connections:
                self._status.publish(diagnostics.bridge_status(connection, now_ns))
            count = sum(len(connection.transport.sessions) for connection in connections)
            if count != self._client_count:
                self._client_count = count
                self._client_counts.publish(UInt32(data=count))

    def report(self) -> None:
        """Publish diagnostics, the status and the clocks of the peers."""
        array = DiagnosticArray()
        now = self._node.get_clock().now()
        array.header.stamp = now.to_msg()
        self.publish_status()
        for connection in self._connections:
            array.status += diagnostics.statuses(self._node.get_name(), connection)
        self._last = list(array.status)
        if not self._connections:
            array.status += diagnostics.inactive(self._node.get_name(), self._names)
        for connection in self._connections:
            for reference in diagnostics.time_references(connection, now.nanoseconds):
                self._time_references.publish(reference)
        array.status.append(self._faults.status(self._node.get_name()))
        array.status.append(self._namesakes.status())
        self._diagnostics.publish(array)

    def report_end(self) -> None:
        """Publish the end of all that was reported, which viewers would go on showing."""
        array = DiagnosticArray()
        array.header.stamp = self._node.get_clock().now().to_msg()
        last, self._last = self._last, ()
        array.status = diagnostics.ended(last)
        array.status += diagnostics.inactive(self._node.get_name(), self._names)
        self._diagnostics.publish(array)

    def _schedule_status(self) -> None:
        if not self._is_status_due:
            self._is_status_due = True
            self._io_thread.loop.call_later(STATUS_DELAY_S, self._publish_due_status)

    def _publish_due_status(self) -> None:
        self._is_status_due = False
        self.publish_status()

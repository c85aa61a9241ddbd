# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The executors of a node's process, of which one runs only what must not wait."""

from __future__ import annotations

import logging
import threading
from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.executors import (
    ExternalShutdownException,
    ShutdownException,
    SingleThreadedExecutor,
    TimeoutException,
)
from rclpy.node import Node

from ros2_igtl.nodes.node import BridgeNode

logger = logging.getLogger(__name__)


class LivingExecutor(SingleThreadedExecutor):
    """
    Runs callbacks, and logs their exceptions, which end the process in rclpy's executors.

    An exception while it waits still ends the process: nothing would work after it.
    """

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for one callback and run it."""
        try:
            handler, _, _ = self.wait_for_ready_callbacks(timeout_sec)
        except (ShutdownException, TimeoutException):
            return
        except InvalidHandle:  # another thread has destroyed something meanwhile; collect again
            return
        handler()
        error = handler.exception()
        if error is not None:
            logger.error('a callback failed', exc_info=error)


class UrgentExecutor(LivingExecutor):
    """
    Runs the urgent callbacks of a node on a thread of its own, beside the node's executor.

    :param node: stays a node of its own executor.
    """

    def __init__(self, node: BridgeNode) -> None:
        super().__init__()
        self._node = node
        self._thread = threading.Thread(target=self._run, name='igtl_urgent', daemon=True)
        self._thread.start()

    def get_nodes(self) -> list[Node]:
        """Return the node."""
        return [self._node]

    def can_execute(self, entity: Any) -> bool:
        """Return whether something is urgent, and its last callback has ended."""
        return entity.callback_group is self._node.urgent and super().can_execute(entity)

    def stop(self) -> None:
        """End the thread."""
        self.shutdown()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._is_shutdown:
                self.spin_once()
        except ExternalShutdownException:
            pass  # other code has shut down ROS in this process


class NodeExecutor(LivingExecutor):
    """
    Runs a node, its urgent callbacks on a thread of their own.

    So a stop does not wait until thousands of markers are converted.
    """

    def __init__(self, node: BridgeNode) -> None:
        super().__init__()
        self._node = node
        self._urgent = UrgentExecutor(node)
        self.add_node(node)

    def can_execute(self, entity: Any) -> bool:
        """Return whether something is not urgent, and its last callback has ended."""
        return entity.callback_group is not self._node.urgent and super().can_execute(entity)

    def wake(self) -> None:
        """Collect again what the node has."""
        super().wake()
        self._urgent.wake()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """End both threads; return whether all callbacks have ended in time."""
        self._urgent.stop()
        return bool(super().shutdown(timeout_sec))

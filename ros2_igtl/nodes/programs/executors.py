# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The executors of a node's process: those of some callbacks have threads of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
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


class GroupExecutor(LivingExecutor):
    """
    Runs one group of callbacks of a node on a thread of its own, beside the node's executor.

    :param node: stays a node of its own executor.
    :param group: returns the current group.
    """

    def __init__(
        self, node: BridgeNode, name: str, group: Callable[[], CallbackGroup | None]
    ) -> None:
        super().__init__()
        self._node = node
        self._group = group
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def get_nodes(self) -> list[Node]:
        """Return the node."""
        return [self._node]

    def can_execute(self, entity: Any) -> bool:
        """Return whether something is of the group, and its last callback has ended."""
        return entity.callback_group is self._group() and super().can_execute(entity)

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
    Runs a node, its urgent callbacks and those of tf on threads of their own.

    So neither a stop nor a pose waits until hundreds of frames are read.
    """

    def __init__(self, node: BridgeNode) -> None:
        super().__init__()
        self._node = node
        self._groups = (
            GroupExecutor(node, 'igtl_urgent', lambda: node.urgent),
            GroupExecutor(node, 'igtl_tf', lambda: node.frames),
        )
        self.add_node(node)

    def can_execute(self, entity: Any) -> bool:
        """Return whether something is of no such group, and its last callback has ended."""
        own = entity.callback_group not in (self._node.urgent, self._node.frames)
        return own and super().can_execute(entity)

    def wake(self) -> None:
        """Collect again what the node has."""
        super().wake()
        for group in self._groups:
            group.wake()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """End all threads; return whether all callbacks have ended in time."""
        for group in self._groups:
            group.stop()
        return bool(super().shutdown(timeout_sec))

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A bridge node and a user's node in one process, spinning in a thread, for the tests of nodes."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from helpers.waiting import wait_until
from ros2_igtl.convert.interfaces import ros_type
from ros2_igtl.nodes.node import BridgeNode

T = TypeVar('T')


BUSY_S = 10.0


class Graph:
    """
    A node to test by, and the bridge nodes under test.

    :param context: must be running, and outlive it.
    :ivar user: the node that subscribes and publishes as a user would.
    :ivar stack: what is to be closed with it, the peers for example.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.user = Node('user', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.user)
        self.stack = ExitStack()
        self._bridges: list[BridgeNode] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once()

    def add_bridge(
        self,
        mode: str | None,
        parameters: dict[str, Any],
        name: str = 'bridge',
        autostart: bool = True,
    ) -> BridgeNode:
        """
        Add a bridge node with its parameters; configured and active if it can be.

        Unless the parameters say otherwise, no message is late because the machine is busy.
        """
        parameters = {'max_clock_skew': BUSY_S, **parameters}
        node = BridgeNode(
            name,
            mode,
            context=self.context,
            parameter_overrides=[Parameter(key, value=value) for key, value in parameters.items()],
        )
        self._bridges.append(node)
        self._executor.add_node(node)
        if autostart:
            self.call(node.autostart)
        return node

    def call(self, function: Callable[[], T]) -> T:
        """
        Run a function where ROS callbacks run, and return its value.

        Life cycle transitions destroy what the executor waits for, so they belong there.
        """
        future = self._executor.create_task(function)
        wait_until(future.done, 20.0, 'a call on the executor')
        value: T = future.result()
        return value

    def remove_bridge(self, node: BridgeNode) -> None:
        """Close and destroy a bridge node."""

        def close() -> None:
            node.close()
            self._executor.remove_node(node)

        self._bridges.remove(node)
        self.call(close)
        # in a later turn of the executor, which no longer waits for anything of the node
        self.call(node.destroy_node)

    def subscribe(
        self,
        ros_type_name: str,
        topic: str,
        *,
        depth: int = 100,
        latched: bool = False,
        best_effort: bool = False,
    ) -> list[Any]:
        """Subscribe and return the list that fills with what comes."""
        received: list[Any] = []
        profile = QoSProfile(depth=depth)
        if latched:
            profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
        if best_effort:
            profile.reliability = ReliabilityPolicy.BEST_EFFORT
        self.user.create_subscription(ros_type(ros_type_name), topic, received.append, profile)
        return received

    def count(self, ros_type_name: str, topic: str) -> list[int]:
        """Subscribe and return a list with the number of what has come, which is not kept."""
        counted = [0]

        def increment(_: Any) -> None:
            counted[0] += 1

        self.user.create_subscription(ros_type(ros_type_name), topic, increment, 100)
        return counted

    def publisher(self, ros_type_name: str, topic: str, qos: Any = 100) -> Any:
        """Return a publisher that has found its subscriber."""
        publisher = self.user.create_publisher(ros_type(ros_type_name), topic, qos)
        wait_until(lambda: publisher.get_subscription_count() > 0, 10.0, f'subscriber of {topic}')
        return publisher

    def wait_for_bridge(self) -> None:
        """Wait until a node in another process knows us: its diagnostics come."""
        arrays = self.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
        wait_until(lambda: arrays, 20.0, 'diagnostics of the bridge')

    def wait_for_topic(self, topic: str, timeout_s: float = 10.0) -> None:
        """Wait until a topic is published and our subscription has found its publisher."""
        wait_until(
            lambda: self.user.count_publishers(topic) > 0, timeout_s, f'a publisher of {topic}'
        )

    def close(self) -> None:
        """Close all nodes."""
        self.stack.close()
        for node in list(self._bridges):
            self.remove_bridge(node)
        # an executor that is shut down while it spins fails in its thread
        self.call(self._ended.set)
        self._thread.join(5.0)
        self._executor.shutdown()
        self.user.destroy_node()
        # A life cycle node is in a cycle, and the graph knows its name until it is collected.
        gc.collect()


@contextmanager
def ros_context() -> Iterator[Context]:
    """
    Provide a running ROS context.

    Creating one takes longer than most tests, so the tests of a file share it.
    """
    context = Context()
    rclpy.init(context=context)
    try:
        yield context
    finally:
        rclpy.shutdown(context=context)
        gc.collect()  # what waits for the collector keeps a participant and 64 MB of shared memory


@contextmanager
def ros_graph(shared: Context | None = None) -> Iterator[Graph]:
    """Provide a graph in a context, by default in one of its own, and close it."""
    with ExitStack() as stack:
        graph = Graph(shared or stack.enter_context(ros_context()))
        stack.callback(graph.close)
        yield graph

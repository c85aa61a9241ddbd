# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The law of conservation of a node in a process of its own, from what it says on /diagnostics."""

from __future__ import annotations

from helpers.ros_graph import Graph
from helpers.waiting import wait_until

OUTCOMES = (
    'published',
    'handled',
    'late',
    'published_replaced',
    'publish_failed',
    'rejected',
    'skipped',
)


class Accounts:
    """
    What the connections of a node have counted.

    :param graph: where it subscribes.
    :param node_name: of the node.
    """

    def __init__(self, graph: Graph, node_name: str) -> None:
        self._node_name = node_name
        self._arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
        wait_until(lambda: self._arrays, 20.0, 'diagnostics of the node')

    def counts(self, connection: str) -> dict[str, int]:
        """Return the counts that a connection has said last."""
        del self._arrays[:-5]  # it goes on for long
        name = f'{self._node_name}: {connection}'
        for array in reversed(self._arrays):
            for status in array.status:
                if status.name == name:
                    return {item.key: int(item.value) for item in status.values if is_count(item)}
        raise AssertionError(f'no status of {name}')

    def await_conserved(
        self, connection: str, received: int, timeout_s: float = 20.0, most: int | None = None
    ) -> str:
        """
        Wait until so many messages came, and it is known what became of each; return that.

        :param most: how many it may be, if that is not known; so many exactly by default.
        :raises AssertionError: one is missing, or there is one too many.
        """
        most = received if most is None else most

        def is_conserved() -> bool:
            counts = self.counts(connection)
            return received <= counts['received'] <= most and is_balanced(counts)

        try:
            wait_until(is_conserved, timeout_s)
        except AssertionError:
            counts = self.counts(connection)
            expected = f'{received}' if most == received else f'{received} to {most}'
            raise AssertionError(f'{expected} messages expected: {balance_of(counts)}') from None
        return balance_of(self.counts(connection))


def is_count(item: object) -> bool:
    """Return whether a value of a status is a number of messages or bytes."""
    return str(getattr(item, 'value', '')).isdigit()


def is_balanced(counts: dict[str, int]) -> bool:
    """Return whether it is known of each message what became of it."""
    return counts['received'] + counts['contained'] == sum(counts[name] for name in OUTCOMES)


def balance_of(counts: dict[str, int]) -> str:
    """Return the law as a line."""
    outcomes = ' + '.join(f'{counts[name]} {name}' for name in OUTCOMES)
    return f'{counts["received"]} received + {counts["contained"]} contained = {outcomes}'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What became of the messages of a connection in this process, as its counts say at each look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ros2_igtl.nodes.connection import BridgeConnection


class Live:
    """
    Outcomes in one direction, read anew with each attribute.

    :param counts: returns the counts.
    :param prefix: of the names of causes.
    :param done: the names of what is done.
    """

    def __init__(
        self,
        counts: Callable[[], Mapping[str, int]],
        prefix: str,
        done: tuple[str, ...],
        replaced: str,
        received: Callable[[], int],
    ) -> None:
        self._counts = counts
        self._prefix = prefix
        self._done = done
        self._replaced = replaced
        self._received = received

    @property
    def received(self) -> int:
        """How many messages came."""
        return self._received()

    @property
    def done(self) -> int:
        counts = self._counts()
        return sum(counts[name] for name in self._done)

    @property
    def late(self) -> int:
        """How many poses were kept from tf because they were late."""
        return self._counts().get('late', 0)

    @property
    def replaced(self) -> int:
        return self._counts()[self._replaced]

    @property
    def contained(self) -> int:
        return self._counts()['contained']

    @property
    def rejected(self) -> Counter[str]:
        """How many were rejected, by cause."""
        return self._by_cause('rejected ')

    @property
    def skipped(self) -> Counter[str]:
        """How many were skipped, by cause."""
        return self._by_cause('skipped ')

    def _by_cause(self, word: str) -> Counter[str]:
        start = self._prefix + word
        return Counter(
            {
                name.removeprefix(start): count
                for name, count in self._counts().items()
                if name.startswith(start)
            }
        )


def received_by(connection: BridgeConnection) -> Live:
    """Return the outcomes of the messages that the peers of a connection sent."""

    def count() -> int:
        statistics = connection.transport.statistics
        return statistics.received - sum(statistics.rejected.values())

    return Live(connection.counts, '', ('published', 'handled'), 'published_replaced', count)


def sent_by(connection: BridgeConnection) -> Live:
    """Return the outcomes of the messages that ROS gave a connection."""
    return Live(
        connection.counts,
        'outbound_',
        ('outbound_queued',),
        'outbound_replaced',
        lambda: connection.counts()['outbound_received'],
    )


def query_counts(connection: BridgeConnection) -> dict[str, int]:
    """Return the queries of a connection by what became of them."""
    return {
        name.removeprefix('query '): count
        for name, count in connection.counts().items()
        if name.startswith('query ')
    }

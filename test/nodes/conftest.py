# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What holds for every test of the nodes: no message is lost without being counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.ros_graph import Graph, ros_graph
from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.reporting.counters import Outcomes
from ros2_igtl.transport import Statistics


@pytest.fixture(autouse=True)
def conservation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Hold every connection that a test stopped to the law of conservation, in both directions.

    Set up before the graph, and so judged after it was closed: then nothing is on its way.
    """
    counts: list[tuple[Statistics, Outcomes, Outcomes]] = []
    stop = BridgeConnection.stop

    def stop_and_remember(self: BridgeConnection) -> None:
        stop(self)
        # Not the connection itself, which would keep its node.
        counts.append((self.transport.statistics, self.inbound.outcomes, self.sent))

    monkeypatch.setattr(BridgeConnection, 'stop', stop_and_remember)
    yield
    for statistics, inbound, outbound in counts:
        assert statistics.received == inbound.received + sum(statistics.rejected.values())
        for outcomes in (inbound, outbound):
            assert outcomes.received + outcomes.contained == (
                outcomes.done
                + outcomes.replaced
                + sum(outcomes.rejected.values())
                + sum(outcomes.skipped.values())
            ), outcomes


@pytest.fixture
def graph() -> Iterator[Graph]:
    """Provide a ROS context of the test's own, with a user's node in it."""
    with ros_graph() as graph:
        yield graph

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What holds for every test of the nodes: no message is lost without being counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.accounts import OUTCOMES
from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.reporting.diagnostics import counts_of


@pytest.fixture(autouse=True)
def conservation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Hold every connection that a test stopped to the law of conservation, in both directions.

    Set up before the graph, and so judged after it was closed: then nothing is on its way.
    """
    stopped: list[dict[str, int]] = []
    stop = BridgeConnection.stop

    def stop_and_remember(self: BridgeConnection) -> None:
        stop(self)
        # not the connection itself, which would keep its node
        stopped.append(counts_of(self))

    monkeypatch.setattr(BridgeConnection, 'stop', stop_and_remember)
    yield
    for counts in stopped:
        outcomes = sum(counts[name] for name in OUTCOMES)
        assert counts['received'] + counts['contained'] == outcomes, counts
        outbound = counts['outbound_queued'] + counts['outbound_replaced']
        assert counts['outbound_received'] == outbound + sum(
            count
            for name, count in counts.items()
            if name.startswith(('outbound_rejected ', 'outbound_skipped '))
        ), counts

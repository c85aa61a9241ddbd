# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A bridge that listens, a peer of it, and what the peer sends, for the tests of nodes."""

from __future__ import annotations

from typing import Any

from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def pack(content: Any, device_name: str = 'Probe', **fields: Any) -> bytes:
    """Return the bytes of a message."""
    return codec.pack(codec.Message(content, device_name, **fields))


def pose(x: float = 1.0, device_name: str = 'Probe', **fields: Any) -> bytes:
    """Return the bytes of a TRANSFORM without rotation; millimetres."""
    return pack(codec.Transform(*IDENTITY, x, 2.0, 3.0), device_name, **fields)


def port_of(bridge: BridgeNode) -> int:
    """Return the port that a node listens on."""
    return int(bridge.get_parameter('actual_port').value)


def dial(graph: Graph, bridge: BridgeNode) -> ScriptedPeer:
    """Return a peer that the node knows."""
    connection = bridge.connections[0]
    before = len(connection.peers.all)
    peer = graph.stack.enter_context(ScriptedPeer.dial(port_of(bridge)))
    wait_until(lambda: len(connection.peers.all) > before, 10.0, 'the session')
    return peer


def serve(graph: Graph, **parameters: Any) -> tuple[BridgeNode, ScriptedPeer]:
    """Return a server and a peer of it."""
    bridge = graph.add_bridge('server', {'port': 0, **parameters})
    return bridge, dial(graph, bridge)


def accounted(bridge: BridgeNode) -> int:
    """Return of how many messages it is known what became of them, and of all in them."""
    connection = bridge.connections[0]
    outcomes = received_by(connection)
    return (
        outcomes.done
        + outcomes.late
        + outcomes.replaced
        + connection.counts()['publish_failed']
        + sum(outcomes.rejected.values())
        + sum(outcomes.skipped.values())
        + sum(connection.transport.statistics.rejected.values())
        - outcomes.contained
    )


def await_accounted(bridge: BridgeNode, count: int) -> None:
    """Wait until so many messages came, and it is known what became of each."""
    wait_until(
        lambda: (
            bridge.connections[0].transport.statistics.received == count
            and accounted(bridge) == count
        ),
        10.0,
        f'{count} messages accounted for',
    )

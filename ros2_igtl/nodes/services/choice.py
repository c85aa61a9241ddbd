# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds the connection that a request names."""

from __future__ import annotations

from collections.abc import Sequence

from ros2_igtl.nodes.connection import BridgeConnection


def choose_connection(
    connections: Sequence[BridgeConnection], name: str
) -> tuple[BridgeConnection | None, str]:
    """
    Return the connection of a name, or None and an error.

    :param name: may be empty if there is only one connection.
    """
    for connection in connections:
        if connection.settings.name == name or (not name and len(connections) == 1):
            return connection, ''
    allowed = ', '.join(connection.settings.name for connection in connections)
    return None, f'connection is {name!r}; allowed: {allowed or "none, the node is not active"}'

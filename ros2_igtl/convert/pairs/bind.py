# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The children of a BIND, each of which has its own conversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ros2_igtl import codec


def children_of(message: codec.Message) -> tuple[codec.Message, ...]:
    """Return the children of a BIND as messages with its timestamp and metadata."""
    return tuple(
        codec.Message(
            child.content,
            child.device_name,
            message.timestamp,
            message.header_version,
            message.message_id,
            message.metadata,
            type_name=child.type_name,
        )
        for child in message.content.children
    )


CONTAINERS: dict[str, Callable[[codec.Message], Sequence[codec.Message]]] = {'BIND': children_of}
"""By type name: the function that returns the messages inside a message of that type."""

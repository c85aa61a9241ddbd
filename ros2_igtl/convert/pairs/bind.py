# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""BIND: its children, each converted by its own conversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ros2_igtl import codec


def children_of(message: codec.Message) -> tuple[codec.Message, ...]:
    """Return the children of a BIND as messages of their own; stamp and metadata are its."""
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
"""What is taken apart: type name to a function that gives the messages in it."""

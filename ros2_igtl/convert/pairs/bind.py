# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The children of a BIND, each of which has its own conversion."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ros2_igtl import codec


def children_of(message: codec.Message) -> Iterator[codec.Message]:
    """Return the children of a BIND as messages with its timestamp and metadata."""
    children = message.content.children
    for child in children:
        part = codec.Message(
            child.content,
            child.device_name,
            message.timestamp,
            message.header_version,
            message.message_id,
            message.metadata,
            type_name=child.type_name,
        )
        part.body_size = message.body_size // len(children)
        yield part


CONTAINERS: dict[str, Callable[[codec.Message], Iterator[codec.Message]]] = {'BIND': children_of}
"""By type name: the function that returns the messages inside a message of that type."""

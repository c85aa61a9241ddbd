# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Contents and their bytes, without the header around them."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.feeding import assert_refused, receive_every_way
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec


def content_bytes(content: codec.Content) -> bytes:
    """Return what a content packs to."""
    return b''.join(bytes(part) for part in content.pack_parts())


def receive_content(type_name: str, content: bytes) -> Any:
    """Return the content that arrives in either header version, in whatever pieces."""
    first = receive_every_way(message_bytes(type_name.encode(), content))
    second = receive_every_way(
        message_bytes(type_name.encode(), extended_body(content), version=2)
    )
    assert isinstance(first, codec.Message), first
    assert isinstance(second, codec.Message), second
    assert first.type_name == second.type_name == type_name
    assert repr(first.content) == repr(second.content)
    return first.content


def assert_content_refused(
    type_name: str, content: bytes, error: type[codec.MessageError], match: str | None = None
) -> None:
    """Assert that a content is refused in either header version, and the next message read."""
    name = type_name.encode()
    assert_refused(message_bytes(name, content), error, match)
    assert_refused(message_bytes(name, extended_body(content), version=2), error, match)


def assert_not_packed(content: codec.Content, error: type[codec.EncodeError], match: str) -> None:
    """Assert that ``pack`` refuses a content, naming type and device."""
    with pytest.raises(error, match=match) as caught:
        codec.pack(codec.Message(content, 'Robot'))
    assert str(caught.value).startswith(f"{content.type_name} 'Robot': ")

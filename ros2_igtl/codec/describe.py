# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A message as plain dictionaries, lists, numbers and texts, for JSON and for people."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

from ros2_igtl.codec import timestamp
from ros2_igtl.codec.compose import compose
from ros2_igtl.codec.errors import EncodeError
from ros2_igtl.codec.message import Message
from ros2_igtl.codec.pack import pack_parts
from ros2_igtl.codec.plain import describe_content, describe_value

__all__ = ['describe']


def describe(message: Message, *, data: bool = False) -> dict[str, Any]:
    """
    Return everything a message says, as values that JSON knows.

    Numbers are exact. Those that JSON lacks (NaN, infinities) become their names as text, complex
    numbers a list of two. A byte of a name that is no UTF-8 becomes a lone surrogate, U+DC80 to
    U+DCFF. Bulk data (pixels, bit streams, bodies of unknown types, arrays of more than
    :data:`LONGEST_ARRAY` numbers) become their size and CRC-64. Of a message's own CRC is said
    only that it is wrong.

    :param data: say all that :func:`compose` needs to make a message of it that packs to the same
        bytes: bulk data in base64 too, and as ``content_base64`` a whole content with what is not
        said of it, such as bytes behind the NUL of a name or which of its bit patterns a NaN has.
    """
    said: dict[str, Any] = {
        'type_name': message.type_name,
        'device_name': message.device_name,
        'timestamp': message.timestamp,
        'time_s': timestamp.to_nanoseconds(message.timestamp) / timestamp.NANOSECONDS_PER_SECOND,
        'header_version': message.header_version,
        'message_id': message.message_id,
        'metadata': {
            key: describe_value(text, data=data) for key, text in message.metadata.items()
        },
        'content': describe_content(message.content, data=data),
    }
    if not message.crc_ok:
        said['crc_ok'] = False
    if data:
        said.update(_unsaid(message, said['content']))
    return said


def _unsaid(message: Message, said: dict[str, Any]) -> dict[str, Any]:
    """Return the bytes of a content where what is said of it gives others, else nothing."""
    try:
        own = _pack_content(message.content)
    except EncodeError:  # it has no bytes
        return {}
    with contextlib.suppress(EncodeError):
        composed = compose({'type_name': message.type_name, 'content': said})
        if _pack_content(composed.content) == own:
            return {}
    encoded = {'content_base64': base64.b64encode(own).decode()}
    received = compose({'type_name': message.type_name, **encoded}).content
    return {'content': describe_content(received, data=True), **encoded}


def _pack_content(content: Any) -> bytes:
    return b''.join(pack_parts(Message(content))[1:])

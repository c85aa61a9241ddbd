# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages as plain dictionaries, lists, numbers and texts, for JSON and for people."""

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
    Return all values of a message in types that JSON has.

    Numbers are exact. NaN and infinities, which JSON lacks, become their names as text, and a
    complex number becomes a list of two. A byte of a name that is not UTF-8 becomes a lone
    surrogate, U+DC80 to U+DCFF. Bulk data (pixels, bit streams, bodies of unknown types, arrays of
    more than :data:`LONGEST_ARRAY` numbers) become their size and CRC-64. ``crc_ok`` appears only
    if the CRC of the message is wrong.

    :param data: include all that :func:`compose` needs for a message that packs to the same bytes:
        bulk data in base64, and the whole content as ``content_base64`` if its fields do not
        determine its bytes, for example bytes after the NUL of a name or the bit pattern of a NaN.
    """
    described: dict[str, Any] = {
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
        described['crc_ok'] = False
    if data:
        described.update(_undescribed(message, described['content']))
    return described


def _undescribed(message: Message, described: dict[str, Any]) -> dict[str, Any]:
    """Return the bytes of a content if its description does not determine them, else nothing."""
    try:
        own = _pack_content(message.content)
    except EncodeError:  # cannot be packed
        return {}
    with contextlib.suppress(EncodeError):
        composed = compose({'type_name': message.type_name, 'content': described})
        if _pack_content(composed.content) == own:
            return {}
    encoded = {'content_base64': base64.b64encode(own).decode()}
    received = compose({'type_name': message.type_name, **encoded}).content
    return {'content': describe_content(received, data=True), **encoded}


def _pack_content(content: Any) -> bytes:
    return b''.join(pack_parts(Message(content))[1:])

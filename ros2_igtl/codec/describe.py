# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A message as plain dictionaries, lists, numbers and texts, for JSON and for people."""

from __future__ import annotations

import dataclasses
import math
from enum import Enum
from typing import Any

import numpy as np

from ros2_igtl.codec import timestamp, wire
from ros2_igtl.codec.crc import crc64
from ros2_igtl.codec.message import Message
from ros2_igtl.codec.metadata import EncodedText


def describe(message: Message) -> dict[str, Any]:
    """
    Return everything a message says, as values that JSON knows.

    Numbers that JSON lacks (NaN, infinities) become their names as text. Bulk data (pixels, bodies
    of unknown types) become their size and CRC-64.
    """
    return {
        'type_name': message.type_name,
        'device_name': _plain(message.device_name),
        'timestamp': message.timestamp,
        'time_s': timestamp.to_nanoseconds(message.timestamp) / timestamp.NANOSECONDS_PER_SECOND,
        'header_version': message.header_version,
        'message_id': message.message_id,
        'metadata': {_plain(key): _plain(value) for key, value in message.metadata.items()},
        'content': {name: _plain(value) for name, value in _fields(message.content)},
    }


def _fields(content: Any) -> list[tuple[str, Any]]:
    if hasattr(content, '_fields'):
        names = list(content._fields)
    elif dataclasses.is_dataclass(content):
        names = [field.name for field in dataclasses.fields(content)]
    else:
        slots = [getattr(base, '__slots__', ()) for base in type(content).__mro__]
        names = sorted({name for group in slots for name in group} - {'type_name'})
    fields = [(name, getattr(content, name)) for name in names]
    if 'raw' in names:  # a text is said as text
        fields = [field for field in fields if field[0] != 'raw'] + [('text', content.text)]
    return fields


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, EncodedText):
        return {'text': str(value), 'encoding': value.encoding}
    if isinstance(value, str):
        return value.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.names:
        return [{name: _plain(element[name]) for name in value.dtype.names} for element in value]
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind != 'S':
        return _plain(value.tolist())
    if isinstance(value, np.bytes_):
        return _plain(wire.text(bytes(value)))
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    view = memoryview(value).cast('B')
    return {'bytes': len(view), 'crc64': f'{crc64(view):016x}'}

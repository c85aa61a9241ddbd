# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A message as plain dictionaries, lists, numbers and texts, for JSON and for people."""

from __future__ import annotations

import dataclasses
import math
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import timestamp, wire
from ros2_igtl.codec.crc import crc64
from ros2_igtl.codec.message import Message
from ros2_igtl.codec.messages import Attribute, Cells, Unit
from ros2_igtl.codec.metadata import EncodedText
from ros2_igtl.codec.registry import Content

LONGEST_ARRAY = 256
"""Numbers of an array that are said one by one; a SENSOR has at most 255."""


def describe(message: Message) -> dict[str, Any]:
    """
    Return everything a message says, as values that JSON knows.

    Numbers that JSON lacks (NaN, infinities) become their names as text, complex numbers a list of
    two. Bulk data (pixels, bit streams, bodies of unknown types, arrays of more than
    :data:`LONGEST_ARRAY` numbers) become their size and CRC-64.
    """
    return {
        'type_name': message.type_name,
        'device_name': _plain(message.device_name),
        'timestamp': message.timestamp,
        'time_s': timestamp.to_nanoseconds(message.timestamp) / timestamp.NANOSECONDS_PER_SECOND,
        'header_version': message.header_version,
        'message_id': message.message_id,
        'metadata': {_plain(key): _plain(value) for key, value in message.metadata.items()},
        'content': _content(message.content),
    }


def _content(content: Any) -> dict[str, Any]:
    if hasattr(content, '_fields'):
        names = list(content._fields)
    elif dataclasses.is_dataclass(content):
        names = [field.name for field in dataclasses.fields(content)]
    else:
        slots = [getattr(base, '__slots__', ()) for base in type(content).__mro__]
        names = sorted({name for group in slots for name in group} - {'type_name'})
    said = {name: _plain(getattr(content, name)) for name in names if name != 'raw'}
    return {**said, 'text': _plain(content.text)} if 'raw' in names else said


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, EncodedText):
        return {'text': str(value), 'encoding': value.encoding}
    if isinstance(value, (str, Unit)):
        return str(value).encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _array(value)
    return _object(value)


def _array(value: Any) -> Any:
    if value.dtype.names and value.ndim:
        return [{name: _plain(element[name]) for name in value.dtype.names} for element in value]
    if value.dtype.kind == 'S':
        return _plain(wire.text(bytes(value)))
    return _plain(value.tolist()) if value.size <= LONGEST_ARRAY else _bulk_array(value)


def _bulk_array(array: NDArray[Any]) -> dict[str, Any]:
    return {'shape': list(array.shape), 'dtype': array.dtype.str, **_bulk(wire.big_endian(array))}


def _bulk(data: Any) -> dict[str, Any]:
    view = memoryview(data).cast('B')
    return {'bytes': len(view), 'crc64': f'{crc64(view):016x}'}


def _object(value: Any) -> Any:
    if isinstance(value, Message):  # a child
        return {
            'type_name': value.type_name,
            'device_name': _plain(value.device_name),
            'content': _content(value.content),
        }
    if isinstance(value, (Attribute, Content)):
        return _content(value)
    if isinstance(value, Cells):
        if len(value.words) > LONGEST_ARRAY:
            return {'cells': len(value), **_bulk_array(value.words)}
        return _plain([row.tolist() for row in value.rows()])
    return _bulk(value)

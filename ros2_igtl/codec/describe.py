# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A message as plain dictionaries, lists, numbers and texts, for JSON and for people."""

from __future__ import annotations

import base64
import dataclasses
import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import messages, timestamp, wire
from ros2_igtl.codec.crc import crc64
from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.message import Message
from ros2_igtl.codec.messages.image import Picture
from ros2_igtl.codec.metadata import EncodedText, encode_text
from ros2_igtl.codec.registry import Content

LONGEST_ARRAY = 256
"""Numbers of an array that are said one by one; a SENSOR has at most 255."""


def describe(message: Message, *, data: bool = False) -> dict[str, Any]:
    """
    Return everything a message says, as values that JSON knows.

    Numbers that JSON lacks (NaN, infinities) become their names as text, complex numbers a list of
    two. Bulk data (pixels, bit streams, bodies of unknown types, arrays of more than
    :data:`LONGEST_ARRAY` numbers) become their size and CRC-64.

    :param data: say bulk data in base64 too, and keep in texts what is no text, so that
        :func:`compose` makes the same message of it.
    """
    say = _Speaker(data)
    return {
        'type_name': message.type_name,
        'device_name': say.text(message.device_name),
        'timestamp': message.timestamp,
        'time_s': timestamp.to_nanoseconds(message.timestamp) / timestamp.NANOSECONDS_PER_SECOND,
        'header_version': message.header_version,
        'message_id': message.message_id,
        'metadata': {say.text(key): say.value(value) for key, value in message.metadata.items()},
        'content': say.content(message.content),
    }


def field_names(content_class: Any) -> list[str]:
    """Return the names of the fields of a content class, in order where it has one."""
    if hasattr(content_class, '_fields'):
        return list(content_class._fields)
    if dataclasses.is_dataclass(content_class):
        return [field.name for field in dataclasses.fields(content_class)]
    slots = [getattr(base, '__slots__', ()) for base in content_class.__mro__]
    return sorted({name for group in slots for name in group} - {'type_name'})


@dataclass
class _Speaker:
    """
    How things are said.

    :ivar data: whether bulk data are said in full.
    """

    data: bool

    def content(self, content: Any) -> dict[str, Any]:
        names = field_names(type(content))
        typed = isinstance(content, (messages.NDArray, messages.ColorTable))
        say = self.typed if typed else self.value
        # pixels are bytes, also where they are an array of few
        bulk = 'data' if isinstance(content, Picture) else None
        said = {
            name: (self.bulk if name == bulk else say)(getattr(content, name))
            for name in names
            if name != 'raw'
        }
        if 'raw' in names:
            said.update(self.encoded(content.text, content.raw, content.encoding))
        return said

    def value(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value.name
        if isinstance(value, EncodedText):
            return self.encoded(value, value.raw, value.encoding)
        if isinstance(value, (str, messages.Unit)):
            return self.text(str(value))
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, complex):
            return [self.value(value.real), self.value(value.imag)]
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if isinstance(value, (np.ndarray, np.generic)):
            return self.array(value)
        return self.object(value)

    def text(self, text: str) -> str:
        if self.data:
            return text
        return text.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')

    def encoded(self, text: str, raw: bytes, encoding: int) -> dict[str, Any]:
        said: dict[str, Any] = {'text': self.text(str(text)), 'encoding': encoding}
        if self.data and not _stands_for(str(text), raw, encoding):
            said['base64'] = base64.b64encode(raw).decode()
        return said

    def array(self, value: Any) -> Any:
        if value.dtype.names:
            names = value.dtype.names
            return [{name: self.value(element[name]) for name in names} for element in value]
        if value.dtype.kind == 'S':
            return self.text(wire.text(bytes(value)))
        if value.size > LONGEST_ARRAY or (not value.size and value.ndim > 1):
            return self.typed(value)
        return self.value(value.tolist())

    def typed(self, array: NDArray[Any]) -> dict[str, Any]:
        """Return an array whose type is not known from where it stands, or a long one."""
        said: dict[str, Any] = {'shape': list(array.shape), 'dtype': array.dtype.str}
        if array.size <= LONGEST_ARRAY:
            return {**said, 'values': self.value(array.tolist())}
        return {**said, **self.bulk(np.ascontiguousarray(array).reshape(-1).view(np.uint8))}

    def bulk(self, data: Any) -> dict[str, Any]:
        view = memoryview(data).cast('B')
        said: dict[str, Any] = {'bytes': len(view), 'crc64': f'{crc64(view):016x}'}
        if self.data:
            said['base64'] = base64.b64encode(view).decode()
        return said

    def object(self, value: Any) -> Any:
        if isinstance(value, Message):  # a child
            return {
                'type_name': value.type_name,
                'device_name': self.text(value.device_name),
                'content': self.content(value.content),
            }
        if isinstance(value, (messages.Attribute, Content)):
            return self.content(value)
        if isinstance(value, messages.Cells):
            if len(value.words) > LONGEST_ARRAY:
                return {'cells': len(value), **self.typed(value.words)}
            return [row.tolist() for row in value.rows()]
        return self.bulk(value)


def _stands_for(text: str, raw: bytes, encoding: int) -> bool:
    """Return whether the bytes of a text are those that writing it gives."""
    try:
        return encode_text(text, encoding)[0] == raw
    except ValueRangeError:
        return False

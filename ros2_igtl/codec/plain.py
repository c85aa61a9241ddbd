# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A content as plain dictionaries, lists, numbers and texts.

describe.py makes a whole message plain, and compose.py goes the other way.
"""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.crc import crc64
from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.message import Message
from ros2_igtl.codec.messages.cells import Cells
from ros2_igtl.codec.messages.color_table import ColorTable
from ros2_igtl.codec.messages.command import Command
from ros2_igtl.codec.messages.image import Picture
from ros2_igtl.codec.messages.nd_array import NDArray as NDArrayContent
from ros2_igtl.codec.messages.poly_data import Attribute
from ros2_igtl.codec.messages.string import String
from ros2_igtl.codec.messages.unit import Unit
from ros2_igtl.codec.metadata import EncodedText, encode_text
from ros2_igtl.codec.registry import Content

LONGEST_ARRAY = 256
"""Numbers of an array that are said one by one; a SENSOR has at most 255."""


def describe_content(content: Any, *, data: bool = False) -> dict[str, Any]:
    """Return everything a content says, in the form of :func:`describe`."""
    return _Speaker(data).content(content)


def describe_value(value: Any, *, data: bool = False) -> Any:
    """Return one value of a content or of metadata, in the form of :func:`describe_content`."""
    return _Speaker(data).value(value)


def _base64(data: Any) -> str:
    return base64.b64encode(data).decode()


def field_names(content: Any) -> list[str]:
    """Return the names of the fields of a content, in order where its class has one."""
    if hasattr(content, '_fields'):
        return list(content._fields)
    if dataclasses.is_dataclass(content):
        return [field.name for field in dataclasses.fields(content)]
    slots = [getattr(base, '__slots__', ()) for base in type(content).__mro__]
    names = {name for group in slots for name in group} | getattr(content, '__dict__', {}).keys()
    return sorted(name for name in names if name != 'type_name' and not name.startswith('_'))


@dataclass
class _Speaker:
    """
    How things are said.

    :ivar data: whether bulk data are said in full.
    """

    data: bool

    def content(self, content: Any) -> dict[str, Any]:
        typed = isinstance(content, (NDArrayContent, ColorTable))
        say = self.typed if typed else self.value
        # pixels are bytes, also where they are an array of few
        bulk = 'data' if isinstance(content, Picture) else None
        said = {
            name: (self.bulk if name == bulk else say)(getattr(content, name))
            for name in field_names(content)
        }
        if isinstance(content, (String, Command)):
            del said['raw']
            said.update(self.encoded(content.text, content.raw, content.encoding))
        return said

    def value(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value.name
        if isinstance(value, EncodedText):
            return self.encoded(value, value.raw, value.encoding)
        if isinstance(value, (str, Unit)):
            return str(value)
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

    def encoded(self, text: str, raw: bytes, encoding: int) -> dict[str, Any]:
        said: dict[str, Any] = {'text': str(text), 'encoding': encoding}
        if self.data and not _stands_for(str(text), raw, encoding):
            said['base64'] = _base64(raw)
        return said

    def array(self, value: Any) -> Any:
        if value.ndim and value.dtype.kind in 'SV':
            return [self.array(element) for element in value]
        if value.dtype.names:
            return {name: self.value(value[name]) for name in value.dtype.names}
        if value.dtype.kind == 'S':
            return wire.text(bytes(value))
        if value.size > LONGEST_ARRAY or (not value.size and value.ndim > 1):
            return self.typed(value)
        return self.value(value.tolist())

    def typed(self, array: NDArray[Any]) -> dict[str, Any]:
        """Return an array whose type is not known from where it stands, or a long one."""
        said: dict[str, Any] = {'shape': list(array.shape), 'dtype': array.dtype.str}
        if array.size <= LONGEST_ARRAY:
            # of no numbers there are still as many lists as the sizes before the 0 announce
            return {**said, 'values': self.value(array.tolist()) if array.size else []}
        return {**said, **self.bulk(np.ascontiguousarray(array).reshape(-1).view(np.uint8))}

    def bulk(self, data: Any) -> dict[str, Any]:
        view = memoryview(data).cast('B')
        said: dict[str, Any] = {'bytes': len(view), 'crc64': f'{crc64(view):016x}'}
        if self.data:
            said['base64'] = _base64(view)
        return said

    def object(self, value: Any) -> Any:
        if isinstance(value, Message):  # a child
            return {
                'type_name': value.type_name,
                'device_name': value.device_name,
                'content': self.content(value.content),
            }
        if isinstance(value, (Attribute, Content)):
            return self.content(value)
        if isinstance(value, Cells):
            if len(value.words) > LONGEST_ARRAY:
                return {'cells': len(value), **self.typed(value.words)}
            return [row.tolist() for row in value.rows()]
        if isinstance(value, Mapping):
            return {str(key): self.value(item) for key, item in value.items()}
        try:
            return self.bulk(value)
        except TypeError:  # a value of another package
            return self.content(value) or str(value)


def _stands_for(text: str, raw: bytes, encoding: int) -> bool:
    """Return whether the bytes of a text are those that writing it gives."""
    try:
        return encode_text(text, encoding)[0] == raw
    except ValueRangeError:
        return False

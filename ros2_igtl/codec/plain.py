# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Contents as plain dictionaries, lists, numbers and texts.

describe.py does this for whole messages; compose.py is the inverse.
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
"""Longest array whose numbers are listed; a SENSOR has at most 255."""


def describe_content(content: Any, *, data: bool = False) -> dict[str, Any]:
    """Return all fields of a content, in the form of :func:`describe`."""
    return _Describer(data).content(content)


def describe_value(value: Any, *, data: bool = False) -> Any:
    """Return a value of a content or of metadata, in the form of :func:`describe_content`."""
    return _Describer(data).value(value)


def _base64(data: Any) -> str:
    return base64.b64encode(data).decode()


def field_names(content: Any) -> list[str]:
    """Return the names of the fields of a content, in the order of its class if it has one."""
    if hasattr(content, '_fields'):
        return list(content._fields)
    if dataclasses.is_dataclass(content):
        return [field.name for field in dataclasses.fields(content)]
    slots = [getattr(base, '__slots__', ()) for base in type(content).__mro__]
    names = {name for group in slots for name in group} | getattr(content, '__dict__', {}).keys()
    return sorted(name for name in names if name != 'type_name' and not name.startswith('_'))


@dataclass
class _Describer:
    """
    Describes values.

    :ivar data: whether to include bulk data in base64.
    """

    data: bool

    def content(self, content: Any) -> dict[str, Any]:
        typed = isinstance(content, (NDArrayContent, ColorTable))
        describe_field = self.typed if typed else self.value
        # pixels are bytes, even if they are given as a short array
        bulk = 'data' if isinstance(content, Picture) else None
        described = {
            name: (self.bulk if name == bulk else describe_field)(getattr(content, name))
            for name in field_names(content)
        }
        if isinstance(content, (String, Command)):
            del described['raw']
            described.update(self.encoded(content.text, content.raw, content.encoding))
        return described

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
        described: dict[str, Any] = {'text': str(text), 'encoding': encoding}
        if self.data and not _is_default_encoding(str(text), raw, encoding):
            described['base64'] = _base64(raw)
        return described

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
        """Return an array with shape and type, if its field does not fix these or it is long."""
        described: dict[str, Any] = {'shape': list(array.shape), 'dtype': array.dtype.str}
        if array.size <= LONGEST_ARRAY:
            # tolist() of an empty array makes as many lists as the sizes before the 0 announce
            return {**described, 'values': self.value(array.tolist()) if array.size else []}
        return {**described, **self.bulk(np.ascontiguousarray(array).reshape(-1).view(np.uint8))}

    def bulk(self, data: Any) -> dict[str, Any]:
        view = memoryview(data).cast('B')
        described: dict[str, Any] = {'bytes': len(view), 'crc64': f'{crc64(view):016x}'}
        if self.data:
            described['base64'] = _base64(view)
        return described

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


def _is_default_encoding(text: str, raw: bytes, encoding: int) -> bool:
    """Return whether encoding a text gives these bytes."""
    try:
        return encode_text(text, encoding)[0] == raw
    except ValueRangeError:
        return False

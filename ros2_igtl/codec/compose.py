# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A message from what ``describe`` says of it with its data: the way back from JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import messages
from ros2_igtl.codec.describe import field_names
from ros2_igtl.codec.errors import EncodeError, ValueRangeError
from ros2_igtl.codec.message import Message, Unknown
from ros2_igtl.codec.messages.elements import ElementList, fit
from ros2_igtl.codec.metadata import EncodedText, encode_text
from ros2_igtl.codec.registry import MESSAGE_TYPES

_ENCODED = ('text', 'encoding', 'base64')  # what is said of a text


def compose(description: Mapping[str, Any]) -> Message:
    """
    Return the message of a description as ``describe(message, data=True)`` gives it.

    What is not said of the header or of the content has its default, where there is one.

    :raises EncodeError: the description is none, or a value does not fit its field.
    """
    type_name = description.get('type_name')
    if not isinstance(type_name, str):
        raise ValueRangeError(f'type_name {type_name!r}: a text is needed')
    try:
        message = _message(type_name, description)
        for name in ('timestamp', 'header_version', 'message_id'):
            setattr(message, name, description.get(name, getattr(message, name)))
        message.metadata = {
            key: value if isinstance(value, str) else EncodedText(*_encoded(value))
            for key, value in description.get('metadata', {}).items()
        }
    except EncodeError as error:
        raise type(error)(f'{type_name}: {error}') from None
    except KeyError as error:
        raise ValueRangeError(f'{type_name}: {error} is missing, or none there is') from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueRangeError(f'{type_name}: {error}') from error
    return message


def _message(type_name: str, said: Mapping[str, Any]) -> Message:
    content = _content(type_name, said.get('content', {}))
    return Message(content, said.get('device_name', ''), type_name=type_name)


def _content(type_name: str, said: Mapping[str, Any]) -> Any:
    content_class: Any = MESSAGE_TYPES.get(type_name)
    if content_class is None:
        return Unknown(type_name, _bulk(said['body']))
    if issubclass(content_class, ElementList):
        return content_class(content_class.array_of(_rows(content_class, said['elements'])))
    fields = {name: _READERS.get(name, _same)(value) for name, value in said.items()}
    if 'raw' not in field_names(content_class):
        return content_class(**fields)
    encoded = {name: fields.pop(name) for name in [*fields] if name in _ENCODED}
    content = content_class(**fields)
    content.raw, content.encoding = _encoded(encoded)
    return content


def _rows(content_class: type[ElementList], said: Any) -> list[dict[str, Any]]:
    fields: Any = content_class.dtype.fields
    texts = {name for name, (dtype, *_) in fields.items() if dtype.kind == 'S'}
    return [
        {name: value if name in texts else _numbers(value) for name, value in row.items()}
        for row in said
    ]


def _same(said: Any) -> Any:
    return said


def _encoded(said: Mapping[str, Any]) -> tuple[bytes, int]:
    """Return the bytes of a text and their encoding."""
    if 'base64' in said:
        return _base64(said), said['encoding']
    return encode_text(said.get('text', ''), said.get('encoding'))


def _base64(said: Mapping[str, Any]) -> bytes:
    return base64.b64decode(said['base64'], validate=True)


def _bulk(said: Mapping[str, Any]) -> bytes:
    if 'base64' not in said:
        raise ValueRangeError('bulk data are missing: they are said only where they are asked for')
    return _base64(said)


def _numbers(said: Any) -> Any:
    """Return numbers, however nested, with those that JSON lacks."""
    if isinstance(said, list):
        return [_numbers(item) for item in said]
    return float(said) if isinstance(said, str) else said


def _tuple(said: Any) -> tuple[Any, ...]:
    return tuple(_numbers(said))


def _array(said: Any) -> Any:
    """Return an array that is said with its shape and type, or the numbers of one that is not."""
    if not isinstance(said, Mapping):
        return _numbers(said)
    dtype, shape = np.dtype(said['dtype']), tuple(said['shape'])
    if 'values' not in said:
        return np.frombuffer(_bulk(said), dtype).reshape(shape)
    if 0 in shape:
        return np.zeros(shape, dtype)
    if dtype.kind != 'c':
        return _fitted(said['values'], dtype, shape)
    parts = _fitted(said['values'], np.dtype('>f8'), (*shape, 2))
    return parts.reshape(-1).view('>c16').reshape(shape)


def _fitted(values: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    array: NDArray[Any] = fit([_numbers(values)], np.dtype((dtype, shape)), 'values')[0]
    return np.asarray(array)


def _cells(said: Any) -> Any:
    return messages.Cells(_array(said)) if isinstance(said, Mapping) else said


def _attributes(said: Any) -> tuple[messages.Attribute, ...]:
    return tuple(
        messages.Attribute(
            messages.AttributeType[attribute['attribute_type']],
            attribute['name'],
            _array(attribute['values']),
        )
        for attribute in said
    )


def _children(said: Any) -> tuple[Any, ...]:
    """Return the children of a BIND, or those that a query asks for."""
    return tuple(
        _message(child['type_name'], child) if isinstance(child, Mapping) else tuple(child)
        for child in said
    )


def _member(kind: type[Enum]) -> Callable[[Any], Any]:
    """Return a reader of an enumeration's names; numbers that have none are passed on."""
    return lambda said: kind[said] if isinstance(said, str) else said


# By name of the field; those of one name mean the same in all contents.
_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(('data', 'body'), _bulk),
    **dict.fromkeys(('size', 'offset', 'sub_size', 'type_names'), tuple),
    **dict.fromkeys(('axes', 'position'), _tuple),
    **dict.fromkeys((*messages.Transform._fields, *'xyzw', 'ox', 'oy', 'oz'), _numbers),
    **dict.fromkeys(('array', 'table', 'points', 'values'), _array),
    **dict.fromkeys(('vertices', 'lines', 'polygons', 'triangle_strips'), _cells),
    'attributes': _attributes,
    'children': _children,
    'code': _member(messages.StatusCode),
    'coordinate': _member(messages.CoordinateSystem),
    'endian': _member(messages.Endian),
    'frame_type': _member(messages.FrameType),
    'scalar_type': _member(messages.ScalarType),
}

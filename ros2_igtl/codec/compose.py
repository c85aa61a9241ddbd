# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A message from what ``describe`` says of it with its data: the way back from JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from inspect import signature
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec.errors import EncodeError, MessageError, ValueRangeError
from ros2_igtl.codec.message import Message, Unknown
from ros2_igtl.codec.messages.cells import Cells
from ros2_igtl.codec.messages.command import Command
from ros2_igtl.codec.messages.elements import ElementList, fit
from ros2_igtl.codec.messages.poly_data import Attribute, AttributeType
from ros2_igtl.codec.messages.string import String
from ros2_igtl.codec.metadata import EncodedText, encode_text
from ros2_igtl.codec.plain import describe_content
from ros2_igtl.codec.registry import MESSAGE_TYPES

__all__ = ['compose']

_ENCODED = ('text', 'encoding', 'base64')  # what is said of a text
_NO_JSON = {name: float(name) for name in ('nan', 'inf', '-inf')}
_UNIONS = (Union, UnionType)
_LISTS = (tuple, list, Sequence, Iterable)  # what is said of all of them becomes a tuple


def compose(description: Mapping[str, Any]) -> Message:
    """
    Return the message of a description as ``describe(message, data=True)`` gives it.

    What is not said of the header or of the content has its default, where there is one. The
    header version is then 2 for a COMMAND and for a message with metadata or a message_id, and 1
    for any other. The message packs to the bytes that the described one packs to, with the right
    CRC. These may be others than it arrived in: names are padded with NULs, the extended header
    has 12 bytes, and metadata stand in the order of their keys.

    :raises EncodeError: this is no description, or a value does not fit its field.
    """
    type_name = description.get('type_name')
    if not isinstance(type_name, str):
        raise ValueRangeError(f'type_name {type_name!r}: a text is needed')
    try:
        message = _message(type_name, description)
        for name in ('timestamp', 'message_id'):
            setattr(message, name, description.get(name, 0))
        message.metadata = {
            key: value if isinstance(value, str) else EncodedText(*_encoded(value))
            for key, value in description.get('metadata', {}).items()
        }
        extended = message.metadata or message.message_id
        least = 2 if extended else message.content.default_header_version
        message.header_version = description.get('header_version', least)
    except EncodeError as error:
        raise type(error)(f'{type_name}: {error}') from None
    except KeyError as error:
        raise ValueRangeError(f'{type_name}: {error} is missing') from None
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueRangeError(f'{type_name}: {error}') from error
    return message


def _message(type_name: str, said: Mapping[str, Any]) -> Message:
    content = _content(type_name, said)
    return Message(content, said.get('device_name', ''), type_name=type_name)


def _content(type_name: str, message: Mapping[str, Any]) -> Any:
    content_class: Any = MESSAGE_TYPES.get(type_name, Unknown)
    if 'content_base64' in message:
        return _content_of_bytes(content_class, type_name, message)
    said = message.get('content', {})
    if not isinstance(said, Mapping):
        raise ValueRangeError(f'content {said!r}: an object is needed')
    if content_class is Unknown:
        if 'body' not in said:
            raise ValueRangeError('this type is unknown: a body or content_base64 is needed')
        return Unknown(type_name, _bulk(said['body']))
    if issubclass(content_class, ElementList):
        return content_class(content_class.array_of(_rows(content_class, said['elements'])))
    types = _field_types(content_class)
    fields = {name: _read(types.get(name, Any), value) for name, value in said.items()}
    if not issubclass(content_class, (String, Command)):
        return _made(content_class, fields)
    encoded = {name: fields.pop(name) for name in [*fields] if name in _ENCODED}
    content = _made(content_class, fields)
    content.raw, content.encoding = _encoded(encoded)
    return content


def _content_of_bytes(content_class: Any, type_name: str, message: Mapping[str, Any]) -> Any:
    """
    Return the content of bytes that are said; what else is said of it has to agree.

    :raises ValueRangeError: it does not, or the bytes are not of this type.
    """
    data = _base64(message['content_base64'])
    if content_class is Unknown:
        return Unknown(type_name, data)
    try:
        content = content_class.unpack(memoryview(data))
    except MessageError as error:
        raise ValueRangeError(f'content_base64: {error}') from None
    if message.get('content', {}) not in ({}, describe_content(content, data=True)):
        raise ValueRangeError('content and content_base64 contradict each other: leave out one')
    return content


def _rows(content_class: type[ElementList], said: Any) -> list[dict[str, Any]]:
    fields: Any = content_class.dtype.fields
    texts = {name for name, (dtype, *_) in fields.items() if dtype.kind == 'S'}
    return [
        {name: value if name in texts else _numbers(value) for name, value in row.items()}
        for row in said
    ]


def _made(content_class: Any, fields: Mapping[str, Any]) -> Any:
    """
    Return the content of its fields.

    :raises ValueRangeError: it has no such field, or a field without a default is missing.
    """
    known = signature(content_class)
    try:
        known.bind(**fields)
    except TypeError as error:
        names = ', '.join(known.parameters) or 'none'
        raise ValueRangeError(f'{error}; its fields: {names}') from None
    return content_class(**fields)


def _field_types(content_class: Any) -> dict[str, Any]:
    """Return the types of the fields and of the constructor's arguments, as they are annotated."""
    try:
        return {**get_type_hints(content_class.__init__), **get_type_hints(content_class)}
    except NameError:  # in a module of another package, which imports it for type checkers only
        return {}


def _read(field_type: Any, said: Any) -> Any:
    """Return what is said of a field, as the type that the field has."""
    types = get_args(field_type) if get_origin(field_type) in _UNIONS else (field_type,)
    if isinstance(said, Mapping):
        return _thing(said)
    if isinstance(said, list):
        for kind in types:
            if get_origin(kind) in _LISTS:
                return tuple(_read(get_args(kind)[0], item) for item in said)
        return _numbers(said)
    if isinstance(said, str):
        for kind in types:
            if isinstance(kind, type) and issubclass(kind, Enum):
                return _named(kind, said)
        return float(said) if float in types and str not in types else said
    return said


def _named(kind: Any, name: Any) -> Any:
    if name not in kind.__members__:
        raise ValueRangeError(f'{name!r}: {", ".join(kind.__members__)} are allowed')
    return kind[name]


def _thing(said: Mapping[str, Any]) -> Any:
    """Return what several values together say."""
    if 'type_name' in said:
        return _message(said['type_name'], said)
    if 'attribute_type' in said:
        kind = _named(AttributeType, said['attribute_type'])
        return Attribute(kind, said['name'], _array(said['values']))
    if 'cells' in said:
        return Cells(_array(said))
    if 'dtype' in said or 'shape' in said:
        return _array(said)
    return _bulk(said) if 'bytes' in said or 'base64' in said else said


def _encoded(said: Mapping[str, Any]) -> tuple[bytes, int]:
    """Return the bytes of a text and their encoding."""
    if 'base64' in said:
        return _base64(said['base64']), said['encoding']
    return encode_text(said.get('text', ''), said.get('encoding'))


def _base64(said: Any) -> bytes:
    return base64.b64decode(said, validate=True)


def _bulk(said: Mapping[str, Any]) -> bytes:
    if 'base64' not in said:
        raise ValueRangeError('bulk data are missing: they are said only where they are asked for')
    return _base64(said['base64'])


def _numbers(said: Any) -> Any:
    """Return numbers, however nested, with those that JSON lacks."""
    if isinstance(said, list):
        return [_numbers(item) for item in said]
    return _NO_JSON.get(said, said) if isinstance(said, str) else said


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

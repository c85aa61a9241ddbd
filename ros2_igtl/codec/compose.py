# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages from their descriptions: the inverse of ``describe`` with data, for JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
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

_ENCODED = ('text', 'encoding', 'base64')  # keys of a described text
_NOT_IN_JSON = {name: float(name) for name in ('nan', 'inf', '-inf')}
_UNIONS = (Union, UnionType)
_LISTS = (tuple, list, Sequence, Iterable)  # annotations of fields that become tuples


def compose(description: Mapping[str, Any]) -> Message:
    """
    Return the message for a description as ``describe(message, data=True)`` returns it.

    Fields of the header and the content that the description lacks get their defaults, if they
    have one. The default header version is 2 for a COMMAND and for a message with metadata or a
    message_id, and 1 for any other. The message packs to the same bytes as the described message,
    with the right CRC. The bytes it was received as may differ from these: names are padded with
    NULs, the extended header has 12 bytes, and metadata are sorted by key.

    :raises EncodeError: the description is not valid, or a value does not fit its field.
    """
    type_name = description.get('type_name')
    if not isinstance(type_name, str):
        raise ValueRangeError(f'type_name {type_name!r}: a string is allowed')
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


def _message(type_name: str, described: Mapping[str, Any]) -> Message:
    content = _content(type_name, described)
    return Message(content, described.get('device_name', ''), type_name=type_name)


def _content(type_name: str, message: Mapping[str, Any]) -> Any:
    content_class: Any = MESSAGE_TYPES.get(type_name, Unknown)
    if 'content_base64' in message:
        return _content_of_bytes(content_class, type_name, message)
    described = message.get('content', {})
    if not isinstance(described, Mapping):
        raise ValueRangeError(f'content {described!r}: an object is allowed')
    if content_class is Unknown:
        if 'body' not in described:
            raise ValueRangeError('this type is unknown; give a body or content_base64')
        return Unknown(type_name, _bulk(described['body']))
    if issubclass(content_class, ElementList):
        return content_class(content_class.array_of(_rows(content_class, described['elements'])))
    types = _field_types(content_class)
    fields = {name: _read(types.get(name, Any), value) for name, value in described.items()}
    if not issubclass(content_class, (String, Command)):
        return _construct(content_class, fields)
    encoded = {name: fields.pop(name) for name in [*fields] if name in _ENCODED}
    content = _construct(content_class, fields)
    content.raw, content.encoding = _encoded(encoded)
    return content


def _content_of_bytes(content_class: Any, type_name: str, message: Mapping[str, Any]) -> Any:
    """
    Return the content for described bytes; the described fields must agree with the bytes.

    :raises ValueRangeError: they do not agree, or the bytes are not of this type.
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


def _rows(content_class: type[ElementList], described: Any) -> list[dict[str, Any]]:
    fields: Any = content_class.dtype.fields
    texts = {name for name, (dtype, *_) in fields.items() if dtype.kind == 'S'}
    return [
        {name: value if name in texts else _numbers(value) for name, value in row.items()}
        for row in described
    ]


def _construct(content_class: Any, fields: Mapping[str, Any]) -> Any:
    """
    Return the content with these fields.

    :raises ValueRangeError: the class has no such field, or a field without a default is missing.
    """
    known = signature(content_class)
    try:
        known.bind(**fields)
    except TypeError as error:
        names = ', '.join(known.parameters) or 'none'
        raise ValueRangeError(f'{error}; the fields are: {names}') from None
    return content_class(**fields)


@cache
def _field_types(content_class: Any) -> dict[str, Any]:
    """Return the annotated types of the fields and of the constructor's arguments."""
    try:
        return {**get_type_hints(content_class.__init__), **get_type_hints(content_class)}
    except NameError:  # another package imports a type only for type checkers
        return {}


def _read(field_type: Any, described: Any) -> Any:
    """Return a described value as the type of its field."""
    types = get_args(field_type) if get_origin(field_type) in _UNIONS else (field_type,)
    if isinstance(described, Mapping):
        return _structured(described)
    if isinstance(described, list):
        for kind in types:
            if get_origin(kind) in _LISTS:
                return tuple(_read(get_args(kind)[0], item) for item in described)
        return _numbers(described)
    if isinstance(described, str):
        for kind in types:
            if isinstance(kind, type) and issubclass(kind, Enum):
                return _named(kind, described)
        return float(described) if float in types and str not in types else described
    return described


def _named(kind: Any, name: Any) -> Any:
    if name not in kind.__members__:
        raise ValueRangeError(f'{name!r}: {", ".join(kind.__members__)} are allowed')
    return kind[name]


def _structured(described: Mapping[str, Any]) -> Any:
    """Return the message, attribute, cells, array or bytes that an object describes."""
    if 'type_name' in described:
        return _message(described['type_name'], described)
    if 'attribute_type' in described:
        kind = _named(AttributeType, described['attribute_type'])
        return Attribute(kind, described['name'], _array(described['values']))
    if 'cells' in described:
        return Cells(_array(described))
    if 'dtype' in described or 'shape' in described:
        return _array(described)
    return _bulk(described) if 'bytes' in described or 'base64' in described else described


def _encoded(described: Mapping[str, Any]) -> tuple[bytes, int]:
    """Return the bytes of a text and their encoding."""
    if 'base64' in described:
        return _base64(described['base64']), described['encoding']
    return encode_text(described.get('text', ''), described.get('encoding'))


def _base64(described: Any) -> bytes:
    return base64.b64decode(described, validate=True)


def _bulk(described: Mapping[str, Any]) -> bytes:
    if 'base64' not in described:
        raise ValueRangeError(
            'bulk data have no base64: describe the message with data=True (igtl dump --data)'
        )
    return _base64(described['base64'])


def _numbers(described: Any) -> Any:
    """Return nested numbers, with the names of NaN and the infinities replaced by values."""
    if isinstance(described, list):
        return [_numbers(item) for item in described]
    return _NOT_IN_JSON.get(described, described) if isinstance(described, str) else described


def _array(described: Any) -> Any:
    """Return an array described with shape and type, or plain numbers as they are."""
    if not isinstance(described, Mapping):
        return _numbers(described)
    dtype, shape = np.dtype(described['dtype']), tuple(described['shape'])
    if 'values' not in described:
        return np.frombuffer(_bulk(described), dtype).reshape(shape)
    if 0 in shape:
        return np.zeros(shape, dtype)
    if dtype.kind != 'c':
        return _fitted(described['values'], dtype, shape)
    parts = _fitted(described['values'], np.dtype('>f8'), (*shape, 2))
    return parts.reshape(-1).view('>c16').reshape(shape)


def _fitted(values: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    array: NDArray[Any] = fit([_numbers(values)], np.dtype((dtype, shape)), 'values')[0]
    return np.asarray(array)

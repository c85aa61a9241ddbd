# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages to bytes: header, content and metadata."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Any

from ros2_igtl.codec.crc import crc64
from ros2_igtl.codec.errors import EncodeError, ValueRangeError
from ros2_igtl.codec.header import (
    DEVICE_NAME_SIZE,
    EXTENDED_HEADER,
    EXTENDED_HEADER_SIZE,
    HEADER,
    HEADER_BY_START,
    START_SIZE,
)
from ros2_igtl.codec.message import Message
from ros2_igtl.codec.metadata import pack_metadata
from ros2_igtl.codec.names import pack_name
from ros2_igtl.codec.registry import TYPE_NAME_RULE, is_type_name

__all__ = ['pack', 'pack_parts']

_CACHE_SIZE = 1024  # starts of headers; a program may send ever new device names


@functools.lru_cache(maxsize=_CACHE_SIZE)
def pack_names(type_name: str, device_name: str) -> tuple[bytes, bytes]:
    """
    Return the bytes of a type name and of a device name, not padded.

    :raises EncodeError: a name does not fit its field.
    """
    if not is_type_name(type_name):
        raise ValueRangeError(f'type name {type_name!r}: {TYPE_NAME_RULE}')
    return type_name.encode(), pack_name(device_name, DEVICE_NAME_SIZE, 'device name')


class _Starts(dict[tuple[int, str, str], bytes]):
    """The first 34 bytes of headers, by version, type name and device name."""

    def __missing__(self, key: tuple[int, str, str]) -> bytes:
        version, type_name, device_name = key
        type_bytes, device_bytes = pack_names(type_name, device_name)
        header = HEADER.pack(version, type_bytes, device_bytes, 0, 0, 0)
        if len(self) >= _CACHE_SIZE:
            self.clear()
        start = self[key] = header[:START_SIZE]
        return start


_STARTS = _Starts()
# Bound here, since the attribute look-ups take a tenth of the time of a small message.
_pack_header = HEADER_BY_START.pack
_PACKING_ERRORS = (EncodeError, struct.error, OverflowError, TypeError, ValueError)


def _with_metadata(message: Message, parts: Sequence[Any]) -> Sequence[Any]:
    """Return the parts of the body, given those of the content."""
    version = message.header_version
    if version == 1:
        raise ValueRangeError('metadata and message_id need header_version 2')
    if version != 2:
        raise ValueRangeError(f'header_version {version}: 1 or 2 are allowed')
    metadata_header, metadata = pack_metadata(message.metadata)
    if not 0 <= message.message_id < 2**32:
        raise ValueRangeError(f'message_id {message.message_id}: 0 to 2**32 - 1 are allowed')
    extended = EXTENDED_HEADER.pack(
        EXTENDED_HEADER_SIZE, len(metadata_header), len(metadata), message.message_id
    )
    return [extended, *parts, metadata_header, metadata]


def _encode_error(message: Message, error: Exception) -> EncodeError:
    """Return the error for a message that cannot be packed; it names the message."""
    kind: type[EncodeError] = ValueRangeError
    text = str(error)
    if isinstance(error, EncodeError):
        kind = type(error)
    elif isinstance(message.timestamp, int) and not 0 <= message.timestamp < 2**64:
        text = f'timestamp {message.timestamp}: 0 to 2**64 - 1 are allowed'
    return kind(f'{message.type_name} {message.device_name!r}: {text}')


def pack_parts(message: Message) -> list[Any]:
    """
    Return buffers whose concatenation is the message; this does not copy bulk data.

    :raises EncodeError: a value does not fit its field.
    """
    try:
        parts = message.content.pack_parts()
        if message.header_version != 1 or message.metadata or message.message_id:
            parts = _with_metadata(message, parts)
        start = _STARTS[message.header_version, message.type_name, message.device_name]
        if len(parts) == 1:  # most messages; so without a loop
            (body,) = parts
            return [_pack_header(start, message.timestamp, len(body), crc64(body)), body]
        crc = size = 0
        for part in parts:
            crc = crc64(part, crc)
            size += len(part)
        return [_pack_header(start, message.timestamp, size, crc), *parts]
    except _PACKING_ERRORS as error:
        raise _encode_error(message, error) from error


def pack(message: Message) -> bytes:
    """
    Return the bytes of a message.

    :raises EncodeError: a value does not fit its field.
    """
    return b''.join(pack_parts(message))

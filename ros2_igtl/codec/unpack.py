# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whole messages from bytes: header, content and metadata.

stream.py reads messages that arrive in pieces.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from math import inf
from typing import Any

from ros2_igtl.codec.crc import crc64
from ros2_igtl.codec.errors import (
    BodyTooLargeError,
    ContentSizeError,
    CrcError,
    DecodeError,
    ExtendedHeaderError,
    HeaderVersionError,
    NoDataError,
    TruncatedError,
    TypeNameError,
    UnsupportedVersionError,
)
from ros2_igtl.codec.header import (
    EXTENDED_HEADER,
    EXTENDED_HEADER_SIZE,
    HEADER,
    HEADER_BY_START,
    HEADER_SIZE,
    Header,
)
from ros2_igtl.codec.message import Message, Unknown
from ros2_igtl.codec.metadata import unpack_metadata
from ros2_igtl.codec.registry import MESSAGE_TYPES, TYPE_NAME_RULE, is_type_name
from ros2_igtl.codec.wire import Buffer

__all__ = ['unpack']


class Origin:
    """
    The decoded first 34 bytes of a header: version, type and device.

    :ivar content_class: :class:`Unknown` for an unregistered type.
    :ivar views: whether contents are views of their bytes.
    :ivar unpack: the function from bytes to content.
    """

    __slots__ = ('content_class', 'device_name', 'type_name', 'unpack', 'version', 'views')

    def __init__(self, header: Header) -> None:
        self.version = header.version
        self.type_name = header.type_name
        self.device_name = header.device_name
        self.content_class = MESSAGE_TYPES.get(self.type_name, Unknown)
        self.views = self.content_class.views
        self.unpack: Callable[[Any], Any] = self.content_class.unpack
        if self.content_class is Unknown:
            self.unpack = functools.partial(Unknown, self.type_name)


_CACHE_SIZE = 1024  # starts of headers; a peer may send ever new device names
# Bound here, since the attribute look-ups take a tenth of the time of a small message.
_unpack_header = HEADER_BY_START.unpack_from
_new = object.__new__
ORIGINS: dict[bytes, Origin] = {}
"""A cache by the first 34 bytes of a header, for registered types and header versions 1 and 2."""


def find_origin(start: bytes, numbers: tuple[int, int, int], max_body_size: float = inf) -> Origin:
    """
    Check a header before its body arrives, and return its decoded first 34 bytes.

    :param numbers: the rest of the header: time stamp, body size and CRC.
    :raises FramingError: the bytes are not a header, or the body is larger than the limit.
    :raises MessageError: the message is rejected; the caller has to skip its body.
    """
    header = header_of(start, numbers)
    printable = is_type_name(header.type_name)
    if header.version == 0 or (header.version > 2 and not printable):
        raise HeaderVersionError(
            f'header version is {header.version}, 1 or 2 are allowed; type {header.type_bytes!r}'
        )
    if header.body_size > max_body_size:
        raise BodyTooLargeError(
            f'body of {header.body_size} bytes announced, {max_body_size} are allowed'
        )
    if header.version > 2:
        raise UnsupportedVersionError(f'header version is {header.version}, 1 or 2 are allowed')
    if not printable:
        raise TypeNameError(f'type name {header.type_bytes!r}: {TYPE_NAME_RULE}')
    origin = Origin(header)
    if origin.content_class is not Unknown:  # an unknown type may be registered later
        if len(ORIGINS) >= _CACHE_SIZE:
            ORIGINS.clear()
        ORIGINS[start] = origin
    return origin


def header_of(start: bytes, numbers: tuple[int, int, int]) -> Header:
    """Return the header, given its first 34 bytes and the numbers after them."""
    return Header._make(HEADER.unpack(HEADER_BY_START.pack(start, *numbers)))


def unpack(data: Any, *, check_crc: bool = True) -> Message:
    """
    Return the message that the bytes encode; its bulk data are a view of them.

    :param data: one whole message, any contiguous bytes-like object.
    :param check_crc: False accepts a message with a wrong CRC and sets its ``crc_ok`` to False.
    :raises DecodeError: the bytes are not exactly one valid message.
    """
    if type(data) is not bytes:
        data = memoryview(data)
        if data.format != 'B' or data.ndim != 1:
            data = data.cast('B')
    try:
        start, timestamp, body_size, crc = _unpack_header(data)
    except struct.error:
        raise TruncatedError(f'a header takes {HEADER_SIZE} bytes, got {len(data)}') from None
    try:
        try:
            origin = ORIGINS[start]
        except KeyError:
            origin = find_origin(start, (timestamp, body_size, crc))
        if origin.views:
            data = memoryview(data)
        body = data[HEADER_SIZE:]
        if len(body) != body_size:
            kind = TruncatedError if len(body) < body_size else ContentSizeError
            raise kind(f'body has {body_size} bytes, got {len(body)}')
        return unpack_body(origin, timestamp, crc, body, check_crc)
    except DecodeError as error:
        error.header = header_of(start, (timestamp, body_size, crc))
        raise


class BodyLayout:
    """
    The offsets of the parts of a body in header version 2.

    :param body_size: the number of bytes that the header announces.
    :param start: the first bytes of the body, at least the 12 of the extended header.
    :raises MessageError: the sizes contradict each other.
    """

    __slots__ = ('content_end', 'content_start', 'message_id', 'metadata_start')

    def __init__(self, body_size: int, start: Buffer) -> None:
        if body_size < EXTENDED_HEADER_SIZE:
            if body_size == 0:
                raise NoDataError('header version 2 takes a body of 14 bytes or more, got 0')
            raise ExtendedHeaderError(
                f'extended header takes {EXTENDED_HEADER_SIZE} bytes, got {body_size}'
            )
        size, header_size, metadata_size, self.message_id = EXTENDED_HEADER.unpack_from(start)
        self.metadata_start = body_size - metadata_size
        self.content_start = size  # of the extended header, which a later version may extend
        self.content_end = self.metadata_start - header_size
        if size < EXTENDED_HEADER_SIZE or self.content_end < size:
            raise ExtendedHeaderError(
                f'body of {body_size} bytes has an extended header of {size}, '
                f'a metadata header of {header_size} and metadata of {metadata_size}'
            )

    def read_metadata(self, message: Message, tail: Buffer) -> None:
        """
        Set the identifier and the metadata of a message.

        :param tail: the body from :attr:`content_end` on.
        :raises MetadataError: the sizes in the metadata contradict each other.
        """
        split = self.metadata_start - self.content_end
        message.message_id = self.message_id
        message.metadata = unpack_metadata(tail[:split], tail[split:])


def unpack_body(
    origin: Origin, timestamp: int, announced_crc: int, body: Buffer, check_crc: bool = True
) -> Message:
    """
    Return the message, given its checked header and its whole body.

    :raises MessageError: the specification does not allow this body.
    """
    crc_ok = crc64(body) == announced_crc
    if check_crc and not crc_ok:
        raise _crc_error(origin, announced_crc, crc64(body))
    layout = None
    content = body
    if origin.version != 1:
        layout = BodyLayout(len(body), body)
        content = body[layout.content_start : layout.content_end]
    message: Message = _new(Message)  # Message(...) takes twice as long
    message.body_size = len(body)
    message.content = origin.unpack(content)
    message.crc_ok = crc_ok
    message.device_name = origin.device_name
    message.header_version = origin.version
    message.message_id = 0
    message.metadata = {}
    message.timestamp = timestamp
    message.type_name = origin.type_name
    if layout is not None:
        layout.read_metadata(message, body[layout.content_end :])
    return message


def unpack_large(
    origin: Origin,
    header: Header,
    head: bytes,
    bulk: Any,
    tail: Any,
    layout: BodyLayout | None,
    check_crc: bool,
) -> Message:
    """
    Return the message, given its checked header and its body in three buffers.

    :param head: the body up to the bulk data; empty if ``bulk`` is the whole body.
    :param bulk: the bulk data, in a buffer that the content keeps.
    :param tail: the metadata.
    :param layout: None in header version 1.
    :raises MessageError: the specification does not allow this body.
    """
    if not head:
        return unpack_body(origin, header.timestamp, header.crc, memoryview(bulk), check_crc)
    crc = crc64(tail, crc64(bulk, crc64(head)))
    crc_ok = crc == header.crc
    if check_crc and not crc_ok:
        raise _crc_error(origin, header.crc, crc)
    fixed = memoryview(head)[0 if layout is None else layout.content_start :]
    content = origin.content_class.unpack_parts(fixed, bulk)
    message = Message(
        content, origin.device_name, header.timestamp, origin.version, type_name=origin.type_name
    )
    message.body_size = header.body_size
    message.crc_ok = crc_ok
    if layout is not None:
        layout.read_metadata(message, memoryview(tail))
    return message


def _crc_error(origin: Origin, announced: int, crc: int) -> CrcError:
    """Return the error for a body whose CRC differs from the one in its header."""
    return CrcError(
        f'{origin.type_name} {origin.device_name!r}: header has CRC {announced:016x}, '
        f'body has {crc:016x}'
    )

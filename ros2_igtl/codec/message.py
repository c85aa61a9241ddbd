# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A whole message: header, content and metadata; packing and unpacking of complete bytes.

What arrives in pieces is the business of ``connection``.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from ros2_igtl.codec import wire
from ros2_igtl.codec.crc import crc64
from ros2_igtl.codec.errors import (
    BodyTooLargeError,
    ContentSizeError,
    CrcError,
    DecodeError,
    EncodeError,
    ExtendedHeaderError,
    HeaderVersionError,
    NoDataError,
    TruncatedError,
    TypeNameError,
    UnsupportedVersionError,
    ValueRangeError,
)
from ros2_igtl.codec.header import (
    DEVICE_NAME_SIZE,
    EXTENDED_HEADER,
    EXTENDED_HEADER_SIZE,
    HEADER,
    HEADER_SIZE,
    Header,
    HeaderFields,
)
from ros2_igtl.codec.metadata import pack_metadata, unpack_metadata
from ros2_igtl.codec.registry import MESSAGE_TYPES, TYPE_BY_WIRE_NAME, Content, is_type_name


class Unknown(Content):
    """
    The content of a type that nobody registered, kept as bytes.

    :ivar type_name: the type name it arrived under.
    :ivar body: the content, without extended header and metadata.
    """

    __slots__ = ('body', 'type_name')
    type_name: str  # type: ignore[misc]

    def __init__(self, type_name: str, body: Any) -> None:
        self.type_name = type_name
        self.body = body

    @classmethod
    def unpack(cls, content: memoryview) -> Unknown:
        """Refuse: bytes alone do not say their type."""
        raise TypeError('Unknown is made by Unknown(type_name, body)')

    def pack_parts(self) -> tuple[Any]:
        """Return the bytes unchanged."""
        return (memoryview(self.body).cast('B'),)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Unknown):
            return NotImplemented
        return self.type_name == other.type_name and bytes(self.body) == bytes(other.body)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'Unknown({self.type_name!r}, {len(self.body)} bytes)'


class Message:
    """
    A message of OpenIGTLink.

    :param content: the content, of a class of ``MESSAGE_TYPES`` or :class:`Unknown`.
    :param device_name: at most 20 bytes of UTF-8.
    :param timestamp: the raw 32.32 word, 0 = unset; see ``codec.timestamp``.
    :param header_version: 1, or 2 for a message identifier and metadata.
    :param message_id: 0 to 2**32 - 1, header version 2 only.
    :param metadata: header version 2 only; received values are ``EncodedText``.
    :param type_name: an alias of the content's type name to send it under.
    :ivar crc_ok: False only for a received message whose CRC is wrong and was not enforced.
    """

    __slots__ = (
        'content',
        'crc_ok',
        'device_name',
        'header_version',
        'message_id',
        'metadata',
        'timestamp',
        'type_name',
    )

    def __init__(
        self,
        content: Any,
        device_name: str = '',
        timestamp: int = 0,
        header_version: int = 1,
        message_id: int = 0,
        metadata: Mapping[str, str] | None = None,
        *,
        type_name: str | None = None,
    ) -> None:
        self.content = content
        self.device_name = device_name
        self.timestamp = timestamp
        self.header_version = header_version
        self.message_id = message_id
        self.metadata = {} if metadata is None else metadata
        self.type_name: str = content.type_name if type_name is None else type_name
        self.crc_ok = True

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__ if name != 'crc_ok')

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self._values() == other._values()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f'Message({self.type_name} {self.device_name!r}, {self.content!r}, '
            f'timestamp={self.timestamp:#x}, header_version={self.header_version}, '
            f'message_id={self.message_id}, metadata={dict(self.metadata)!r})'
        )


@functools.lru_cache(maxsize=1024)
def _device_text(raw: bytes) -> str:
    return wire.text(raw)


@functools.lru_cache(maxsize=1024)
def pack_names(type_name: str, device_name: str) -> tuple[bytes, bytes]:
    """
    Return the bytes of a type name and of a device name, not padded.

    :raises EncodeError: a name does not fit its field.
    """
    if not is_type_name(type_name):
        raise ValueRangeError(
            f'type name {type_name!r}: 1 to 12 printable ASCII characters are allowed'
        )
    return type_name.encode(), wire.name(device_name, DEVICE_NAME_SIZE, 'device name')


def pack_parts(message: Message) -> list[Any]:
    """
    Return buffers whose concatenation is the message; bulk data are not copied.

    :raises EncodeError: a value does not fit its field.
    """
    try:
        type_bytes, device_bytes = pack_names(message.type_name, message.device_name)
        parts: Sequence[Any] = message.content.pack_parts()
        if message.header_version == 2:
            metadata_header, metadata = pack_metadata(message.metadata)
            if not 0 <= message.message_id < 2**32:
                raise ValueRangeError(
                    f'message_id {message.message_id}: 0 to 2**32 - 1 are allowed'
                )
            extended = EXTENDED_HEADER.pack(
                EXTENDED_HEADER_SIZE, len(metadata_header), len(metadata), message.message_id
            )
            parts = [extended, *parts, metadata_header, metadata]
        elif message.header_version != 1:
            raise ValueRangeError(f'header_version {message.header_version}: 1 or 2 are allowed')
        elif message.metadata or message.message_id:
            raise ValueRangeError('metadata and message_id need header_version 2')
        crc = size = 0
        for part in parts:
            crc = crc64(part, crc)
            size += len(part)
        if not 0 <= message.timestamp < 2**64:
            raise ValueRangeError(f'timestamp {message.timestamp}: 0 to 2**64 - 1 are allowed')
        header = HEADER.pack(
            message.header_version, type_bytes, device_bytes, message.timestamp, size, crc
        )
    except EncodeError as error:
        raise type(error)(f'{message.type_name} {message.device_name!r}: {error}') from None
    except (struct.error, OverflowError, TypeError, ValueError) as error:
        raise ValueRangeError(f'{message.type_name} {message.device_name!r}: {error}') from error
    return [header, *parts]


def pack(message: Message) -> bytes:
    """
    Return the bytes of a message.

    :raises EncodeError: a value does not fit its field.
    """
    return b''.join(pack_parts(message))


def unpack(data: Any, *, check_crc: bool = True) -> Message:
    """
    Return the message that bytes stand for, its bulk data viewing them.

    :param data: one whole message, any contiguous bytes-like object.
    :param check_crc: False to take a message with a wrong CRC, with ``crc_ok`` False.
    :raises DecodeError: the bytes are not one whole message of the specification.
    """
    view = memoryview(data)
    if view.format != 'B' or view.ndim != 1:
        view = view.cast('B')
    if len(view) < HEADER_SIZE:
        raise TruncatedError(f'a header takes {HEADER_SIZE} bytes, got {len(view)}')
    header = HEADER.unpack_from(view)
    try:
        if header[0] != 1 or header[1] not in TYPE_BY_WIRE_NAME:
            check_header(header)
        body = view[HEADER_SIZE:]
        body_size = header[4]
        if len(body) != body_size:
            kind = TruncatedError if len(body) < body_size else ContentSizeError
            raise kind(f'body has {body_size} bytes, got {len(body)}')
        return unpack_body(header, body, check_crc)
    except DecodeError as error:
        error.header = Header._make(header)
        raise


def check_header(fields: HeaderFields, max_body_size: float = inf) -> None:
    """
    Judge a header before its body is there.

    :raises FramingError: the header is none, or announces more than the limit; the stream is lost.
    :raises MessageError: the body has to be skipped.
    """
    if fields[1] in TYPE_BY_WIRE_NAME and 1 <= fields[0] <= 2 and fields[4] <= max_body_size:
        return
    header = Header._make(fields)
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
        raise TypeNameError(
            f'type name {header.type_bytes!r}: 1 to 12 printable ASCII characters are allowed'
        )


def find_type(type_bytes: bytes) -> tuple[str, type[Content] | None]:
    """Return the type name of a header and its content class, None if nobody registered one."""
    type_name = wire.text(type_bytes)  # what stands behind the NUL means nothing
    return type_name, MESSAGE_TYPES.get(type_name)


class BodyLayout:
    """
    Where the parts of a body of header version 2 lie.

    :param header: the message's header.
    :param start: the first bytes of the body, 12 or more where it has as many.
    :raises MessageError: the sizes contradict each other.
    """

    __slots__ = ('content_end', 'content_start', 'message_id', 'metadata_start')

    def __init__(self, header: HeaderFields, start: memoryview) -> None:
        body_size = header[4]
        if body_size < EXTENDED_HEADER_SIZE:
            if body_size == 0:
                raise NoDataError('header version 2 takes a body of 14 bytes or more, got 0')
            raise ExtendedHeaderError(
                f'extended header takes {EXTENDED_HEADER_SIZE} bytes, got {body_size}'
            )
        size, header_size, metadata_size, self.message_id = EXTENDED_HEADER.unpack_from(start)
        self.metadata_start = body_size - metadata_size
        self.content_start = size  # a later version may have a longer one
        self.content_end = self.metadata_start - header_size
        if size < EXTENDED_HEADER_SIZE or self.content_end < size:
            raise ExtendedHeaderError(
                f'body of {body_size} bytes has an extended header of {size}, '
                f'a metadata header of {header_size} and metadata of {metadata_size}'
            )

    def read_metadata(self, message: Message, tail: memoryview) -> None:
        """
        Give a message its identifier and its metadata.

        :param tail: the body from :attr:`content_end` on.
        :raises MetadataError: the metadata contradict themselves.
        """
        split = self.metadata_start - self.content_end
        message.message_id = self.message_id
        message.metadata = unpack_metadata(tail[:split], tail[split:])


def unpack_body(header: HeaderFields, body: memoryview, check_crc: bool = True) -> Message:
    """
    Return the message of a checked header and its whole body.

    :raises MessageError: the body is not what the specification allows.
    """
    version, type_bytes, device_bytes, timestamp, _, announced_crc = header
    crc = crc64(body)
    crc_ok = crc == announced_crc
    if check_crc and not crc_ok:
        raise crc_error(header, crc)
    type_name, content_class = TYPE_BY_WIRE_NAME.get(type_bytes) or find_type(type_bytes)
    content, layout = body, None
    if version != 1:
        layout = BodyLayout(header, body)
        content = body[layout.content_start : layout.content_end]
    value: Any
    value = Unknown(type_name, content) if content_class is None else content_class.unpack(content)
    message = Message(value, _device_text(device_bytes), timestamp, version, type_name=type_name)
    message.crc_ok = crc_ok
    if layout is not None:
        layout.read_metadata(message, body[layout.content_end :])
    return message


def unpack_large(
    header: Header, head: bytes, bulk: Any, tail: Any, layout: BodyLayout | None, check_crc: bool
) -> Message:
    """
    Return the message of a checked header and a body in three buffers.

    :param head: the body up to the bulk data of its type; empty where ``bulk`` is the whole body.
    :param bulk: the bulk data, in a buffer that the content keeps.
    :param tail: the metadata.
    :param layout: None in header version 1.
    :raises MessageError: the body is not what the specification allows.
    """
    type_name, content_class = find_type(header.type_bytes)
    if content_class is None or not head:
        return unpack_body(header, memoryview(bulk), check_crc)
    crc = crc64(tail, crc64(bulk, crc64(head)))
    crc_ok = crc == header.crc
    if check_crc and not crc_ok:
        raise crc_error(header, crc)
    fixed = memoryview(head)[0 if layout is None else layout.content_start :]
    value = content_class.unpack_parts(fixed, bulk)
    device_name = header.device_name
    message = Message(value, device_name, header.timestamp, header.version, type_name=type_name)
    message.crc_ok = crc_ok
    if layout is not None:
        layout.read_metadata(message, memoryview(tail))
    return message


def crc_error(header: HeaderFields, crc: int) -> CrcError:
    """Return the refusal of a body that has another CRC than its header announces."""
    _, type_bytes, device_bytes, _, _, announced = header
    return CrcError(
        f'{wire.text(type_bytes)} {wire.text(device_bytes)!r}: header has CRC {announced:016x}, '
        f'body has {crc:016x}'
    )

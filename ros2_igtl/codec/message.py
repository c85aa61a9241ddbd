# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A whole message: header, content and metadata; packing and unpacking of complete bytes.

What arrives in pieces is the business of ``connection``.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping, Sequence
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
    HEADER_BY_START,
    HEADER_SIZE,
    START_SIZE,
    Header,
)
from ros2_igtl.codec.metadata import pack_metadata, unpack_metadata
from ros2_igtl.codec.registry import MESSAGE_TYPES, Content, is_type_name
from ros2_igtl.codec.wire import Buffer


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
    :ivar body_size: bytes of the body that was received; 0 for a message that was not received.
    :ivar crc_ok: False only for a received message whose CRC is wrong and was not enforced.
    """

    __slots__ = (
        'body_size',
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
        self.body_size = 0
        self.crc_ok = True

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__ if name not in _OF_RECEIPT)

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


_OF_RECEIPT = frozenset({'body_size', 'crc_ok'})  # tell how a message came, not what it says


class Origin:
    """
    What the first 34 bytes of a header say: version, type and device.

    :ivar content_class: :class:`Unknown` where nobody registered the type.
    :ivar unpack: makes the content.
    """

    __slots__ = ('content_class', 'device_name', 'type_name', 'unpack', 'version', 'views')

    def __init__(self, header: Header) -> None:
        self.version = header.version
        self.type_name = header.type_name  # what stands behind the NUL means nothing
        self.device_name = header.device_name
        self.content_class = MESSAGE_TYPES.get(self.type_name, Unknown)
        self.views = self.content_class.views
        self.unpack: Callable[[Any], Any] = self.content_class.unpack
        if self.content_class is Unknown:
            self.unpack = functools.partial(Unknown, self.type_name)


_MOST_REMEMBERED = 1024  # of starts of headers; a peer may send a new device name each time
ORIGINS: dict[bytes, Origin] = {}
"""By the first 34 bytes of a header: of a version that can be read and a registered type."""


def find_origin(start: bytes, numbers: tuple[int, int, int], max_body_size: float = inf) -> Origin:
    """
    Judge a header before its body is there, and return what its first 34 bytes say.

    :param numbers: the rest of the header: time stamp, body size and CRC.
    :raises FramingError: the header is none, or announces more than the limit; the stream is lost.
    :raises MessageError: the body has to be skipped.
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
        raise TypeNameError(
            f'type name {header.type_bytes!r}: 1 to 12 printable ASCII characters are allowed'
        )
    origin = Origin(header)
    if origin.content_class is not Unknown:  # which may be registered later
        if len(ORIGINS) >= _MOST_REMEMBERED:
            ORIGINS.clear()
        ORIGINS[start] = origin
    return origin


def header_of(start: bytes, numbers: tuple[int, int, int]) -> Header:
    """Return the header of its first 34 bytes and the numbers after them."""
    return Header._make(HEADER.unpack(HEADER_BY_START.pack(start, *numbers)))


@functools.lru_cache(maxsize=_MOST_REMEMBERED)
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


class _Starts(dict[tuple[int, str, str], bytes]):
    """The first 34 bytes of headers, by version, type name and device name."""

    def __missing__(self, key: tuple[int, str, str]) -> bytes:
        version, type_name, device_name = key
        type_bytes, device_bytes = pack_names(type_name, device_name)
        header = HEADER.pack(version, type_bytes, device_bytes, 0, 0, 0)
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        start = self[key] = header[:START_SIZE]
        return start


_STARTS = _Starts()
# Bound once: of a small message the look-ups take a tenth of the time.
_pack_header = HEADER_BY_START.pack
_unpack_header = HEADER_BY_START.unpack_from
_new = object.__new__
_NOT_WRITABLE = (EncodeError, struct.error, OverflowError, TypeError, ValueError)


def _assemble(message: Message, parts: Sequence[Any]) -> list[Any]:
    """Return the header and the parts of the body, given those of the content."""
    version = message.header_version
    if version == 2:
        metadata_header, metadata = pack_metadata(message.metadata)
        if not 0 <= message.message_id < 2**32:
            raise ValueRangeError(f'message_id {message.message_id}: 0 to 2**32 - 1 are allowed')
        extended = EXTENDED_HEADER.pack(
            EXTENDED_HEADER_SIZE, len(metadata_header), len(metadata), message.message_id
        )
        parts = [extended, *parts, metadata_header, metadata]
    elif version != 1:
        raise ValueRangeError(f'header_version {version}: 1 or 2 are allowed')
    elif message.metadata or message.message_id:
        raise ValueRangeError('metadata and message_id need header_version 2')
    crc = size = 0
    for part in parts:
        crc = crc64(part, crc)
        size += len(part)
    start = _STARTS[version, message.type_name, message.device_name]
    return [_pack_header(start, message.timestamp, size, crc), *parts]


def _encode_error(message: Message, error: Exception) -> EncodeError:
    """Return what is said of a message that cannot be packed."""
    kind: type[EncodeError] = ValueRangeError
    text = str(error)
    if isinstance(error, EncodeError):
        kind = type(error)
    elif isinstance(message.timestamp, int) and not 0 <= message.timestamp < 2**64:
        text = f'timestamp {message.timestamp}: 0 to 2**64 - 1 are allowed'
    return kind(f'{message.type_name} {message.device_name!r}: {text}')


def pack_parts(message: Message) -> list[Any]:
    """
    Return buffers whose concatenation is the message; bulk data are not copied.

    :raises EncodeError: a value does not fit its field.
    """
    try:
        return _assemble(message, message.content.pack_parts())
    except _NOT_WRITABLE as error:
        raise _encode_error(message, error) from error


def pack(message: Message) -> bytes:
    """
    Return the bytes of a message.

    :raises EncodeError: a value does not fit its field.
    """
    try:
        parts = message.content.pack_parts()
        if message.header_version == 1 and not message.metadata and not message.message_id:
            body = parts[0] if len(parts) == 1 else None
            if type(body) is bytes:  # the same without lists and loops
                start = _STARTS[1, message.type_name, message.device_name]
                return _pack_header(start, message.timestamp, len(body), crc64(body)) + body
        return b''.join(_assemble(message, parts))
    except _NOT_WRITABLE as error:
        raise _encode_error(message, error) from error


def unpack(data: Any, *, check_crc: bool = True) -> Message:
    """
    Return the message that bytes stand for, its bulk data viewing them.

    :param data: one whole message, any contiguous bytes-like object.
    :param check_crc: False to take a message with a wrong CRC, with ``crc_ok`` False.
    :raises DecodeError: the bytes are not one whole message of the specification.
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


def find_type(type_bytes: bytes) -> tuple[str, type[Content] | None]:
    """Return the type name of twelve bytes and its class, None if nobody registered one."""
    type_name = wire.text(type_bytes)  # what stands behind the NUL means nothing
    return type_name, MESSAGE_TYPES.get(type_name)


class BodyLayout:
    """
    Where the parts of a body of header version 2 lie.

    :param body_size: as the header announces it.
    :param start: the first bytes of the body, 12 or more where it has as many.
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
        self.content_start = size  # a later version may have a longer one
        self.content_end = self.metadata_start - header_size
        if size < EXTENDED_HEADER_SIZE or self.content_end < size:
            raise ExtendedHeaderError(
                f'body of {body_size} bytes has an extended header of {size}, '
                f'a metadata header of {header_size} and metadata of {metadata_size}'
            )

    def read_metadata(self, message: Message, tail: Buffer) -> None:
        """
        Give a message its identifier and its metadata.

        :param tail: the body from :attr:`content_end` on.
        :raises MetadataError: the metadata contradict themselves.
        """
        split = self.metadata_start - self.content_end
        message.message_id = self.message_id
        message.metadata = unpack_metadata(tail[:split], tail[split:])


def unpack_body(
    origin: Origin, timestamp: int, announced_crc: int, body: Buffer, check_crc: bool = True
) -> Message:
    """
    Return the message of a judged header and its whole body.

    :raises MessageError: the body is not what the specification allows.
    """
    crc_ok = crc64(body) == announced_crc
    if check_crc and not crc_ok:
        raise crc_error(origin, announced_crc, crc64(body))
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
    Return the message of a judged header and a body in three buffers.

    :param head: the body up to the bulk data of its type; empty where ``bulk`` is the whole body.
    :param bulk: the bulk data, in a buffer that the content keeps.
    :param tail: the metadata.
    :param layout: None in header version 1.
    :raises MessageError: the body is not what the specification allows.
    """
    if not head:
        return unpack_body(origin, header.timestamp, header.crc, memoryview(bulk), check_crc)
    crc = crc64(tail, crc64(bulk, crc64(head)))
    crc_ok = crc == header.crc
    if check_crc and not crc_ok:
        raise crc_error(origin, header.crc, crc)
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


def crc_error(origin: Origin, announced: int, crc: int) -> CrcError:
    """Return the refusal of a body that has another CRC than its header announces."""
    return CrcError(
        f'{origin.type_name} {origin.device_name!r}: header has CRC {announced:016x}, '
        f'body has {crc:016x}'
    )

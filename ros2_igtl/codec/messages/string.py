# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""STRING: a text with its encoding. Source: ``string.md``, ``igtl_string.h``."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentSizeError, ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, companions
from ros2_igtl.codec.metadata import decode_text, encode_text
from ros2_igtl.codec.registry import Content, register, size_error
from ros2_igtl.codec.wire import U16, Buffer

__all__ = ['GetString', 'String', 'StringReply']


class _StringHeader(NamedTuple):
    encoding: U16  # MIBenum
    length: U16  # bytes that follow, without a NUL


_LAYOUT = wire.struct_of(_StringHeader)
_pack, _unpack_from = _LAYOUT.pack, _LAYOUT.unpack_from
_new = object.__new__


@register
class String(Content):
    """
    A text, kept as the bytes and the encoding (MIBenum) of the wire.

    :param text: the text.
    :param encoding: a MIBenum; None selects US-ASCII if it suffices, otherwise UTF-8.
    :raises ValueRangeError: the encoding is unknown or cannot express the text.
    """

    __slots__ = ('encoding', 'raw')
    type_name = 'STRING'
    sizes = f'{_LAYOUT.size} + text'
    protocol_version = 2
    views = False

    def __init__(self, text: str = '', encoding: int | None = None) -> None:
        self.raw, self.encoding = encode_text(text, encoding)

    @classmethod
    def from_raw(cls, raw: bytes, encoding: int) -> String:
        """Return the string with these bytes, in any encoding, known to Python or not."""
        self: String = _new(cls)
        self.raw = raw
        self.encoding = encoding
        return self

    @property
    def text(self) -> str:
        """The text; an unknown encoding is read as Latin-1, an undecodable byte as U+FFFD."""
        return decode_text(self.raw, self.encoding)

    @classmethod
    def unpack(cls, content: Buffer) -> String:
        """Return the string from 4 bytes and the text."""
        self: String = _new(cls)
        try:
            self.encoding, length = _unpack_from(content)
        except struct.error:
            raise size_error('STRING', content, f'{_LAYOUT.size} bytes or more') from None
        self.raw = raw = bytes(content[4:])
        if len(raw) != length:
            raise ContentSizeError(f'STRING announces {length} bytes of text, got {len(raw)}')
        return self

    def pack_parts(self) -> tuple[bytes]:
        """Return 4 bytes and the text."""
        if len(self.raw) > 0xFFFF:
            raise ValueRangeError(f'STRING has {len(self.raw)} bytes, 65535 are allowed')
        return (_pack(self.encoding, len(self.raw)) + self.raw,)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, String):
            return NotImplemented
        return self.raw == other.raw and self.encoding == other.encoding

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'String({self.text!r}, encoding={self.encoding})'


GetString, StringReply = companions(String, Get, Reply)

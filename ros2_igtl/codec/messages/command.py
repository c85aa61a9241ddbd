# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""COMMAND and RTS_COMMAND. Source: ``command.md``, ``igtl_command.h``."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, TypeVar

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentSizeError, ValueRangeError
from ros2_igtl.codec.metadata import decode_text, encode_text
from ros2_igtl.codec.names import pack_inner_name
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import U16, U32, Char128

__all__ = ['Command', 'CommandReply']


class _CommandHeader(NamedTuple):
    command_id: U32  # a reply echoes it
    name: Char128  # of the command; in a reply, the error
    encoding: U16  # MIBenum
    length: U32  # bytes that follow


_LAYOUT = wire.struct_of(_CommandHeader)
_C = TypeVar('_C', bound='Command')


@register
class Command(Content):
    """
    A command: its number, its name and a text, by convention XML, which the codec does not parse.

    :param command_id: 0 to 2**32 - 1; a reply echoes it.
    :param name: at most 127 bytes.
    :param text: the parameters.
    :param encoding: a MIBenum; None selects US-ASCII if it suffices, otherwise UTF-8.
    :raises ValueRangeError: the encoding is unknown or cannot express the text.
    """

    __slots__ = ('command_id', 'encoding', 'name', 'raw')
    type_name = 'COMMAND'
    sizes = f'{_LAYOUT.size} + text'
    protocol_version = 3
    default_header_version = 2  # igtlCommandMessage.cxx; the only type whose default is not 1
    name_size: ClassVar[int] = wire.size_of(_CommandHeader, 'name')
    """Bytes of the field of the name, of which the last stays NUL."""

    def __init__(
        self, command_id: int, name: str, text: str = '', encoding: int | None = None
    ) -> None:
        self.command_id = command_id
        self.name = name
        self.raw, self.encoding = encode_text(text, encoding)

    @property
    def text(self) -> str:
        """The text; an unknown encoding is read as Latin-1, an undecodable byte as U+FFFD."""
        return decode_text(self.raw, self.encoding)

    @classmethod
    def unpack(cls: type[_C], content: memoryview) -> _C:
        """Return the command from 138 bytes and the text."""
        check_minimum_size(cls.type_name, content, _LAYOUT.size)
        self = cls.__new__(cls)
        self.command_id, name, self.encoding, length = _LAYOUT.unpack_from(content)
        self.name = wire.text(name)
        self.raw = bytes(content[_LAYOUT.size :])
        if len(self.raw) != length:
            raise ContentSizeError(
                f'{cls.type_name} announces {length} bytes of text, got {len(self.raw)}'
            )
        return self

    def pack_parts(self) -> tuple[bytes, bytes]:
        """Return 138 bytes and the text."""
        if not 0 <= self.command_id < 2**32:
            raise ValueRangeError(f'command_id {self.command_id}: 0 to 2**32 - 1 are allowed')
        name = pack_inner_name(self.name, self.name_size, 'command name')
        return _LAYOUT.pack(self.command_id, name, self.encoding, len(self.raw)), self.raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Command):
            return NotImplemented
        return (
            type(self) is type(other)
            and self.command_id == other.command_id
            and self.name == other.name
            and self.raw == other.raw
            and self.encoding == other.encoding
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.command_id}, {self.name!r}, {self.text!r})'


@register
class CommandReply(Command):
    """The reply to a command: the same number, the error in place of the name, and a text."""

    __slots__ = ()
    type_name = 'RTS_COMMAND'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""BIND: several messages in one, with one time stamp. Source: ``bind.md``, ``igtl_bind.h``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import (
    ContentSizeError,
    ContentValueError,
    MessageError,
    ValueRangeError,
)
from ros2_igtl.codec.header import DEVICE_NAME_SIZE
from ros2_igtl.codec.message import Message, Unknown
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop
from ros2_igtl.codec.pack import pack_names
from ros2_igtl.codec.registry import (
    MAX_ITEMS,
    MESSAGE_TYPES,
    TYPE_NAME_RULE,
    Content,
    check_minimum_size,
    is_type_name,
    register,
)
from ros2_igtl.codec.wire import U16, U64, Buffer, Char12

__all__ = ['Bind', 'BindReply', 'GetBind', 'StartBind', 'StopBind']


class _Count(NamedTuple):
    number: U16  # of children; or of bytes in the name table, padding included


class _Child(NamedTuple):
    type_name: Char12
    size: U64  # of the content, without its padding


class _Wanted(NamedTuple):
    type_name: Char12


_COUNT = wire.struct_of(_Count)
_CHILD = wire.struct_of(_Child)
_WANTED = wire.struct_of(_Wanted)
_TABLES = '{} + {} n + names'
_MAX_DEPTH = 8  # of nested BINDs: a peer can add a level of recursion with 24 bytes


@register
@dataclass(slots=True)
class Bind(Content):
    """
    Several messages in one, each with its content, its type and its device name.

    :ivar children: messages of header version 1 without a time stamp: the BIND's applies to them.
        Unregistered types are :class:`Unknown`. BINDs can be nested, up to 8 levels. The children
        of all levels and the names and attributes in them are at most 65535 together.
    """

    type_name = 'BIND'
    sizes = f'{_TABLES.format(2 * _COUNT.size, _CHILD.size)} + contents'
    protocol_version = 2

    children: Sequence[Message] = ()

    @classmethod
    def unpack(cls, content: memoryview) -> Bind:
        """
        Return the BIND; bulk data of its children are views of the content.

        :raises ContentSizeError: the children do not fill the content.
        :raises MessageError: a child cannot be read.
        """
        return cls._unpack(content, 1, MAX_ITEMS)

    @property
    def item_count(self) -> int:
        """The number of children and of the items in them."""
        inner: int = sum(child.content.item_count for child in self.children)
        return len(self.children) + inner

    @classmethod
    def _unpack(cls, content: memoryview, depth: int, room: int) -> Bind:
        if depth > _MAX_DEPTH:
            raise ContentValueError(f'BIND in BIND: {_MAX_DEPTH} levels are allowed')
        headers, names, start = _unpack_tables('BIND', content, _CHILD)
        end = start + sum(size + size % 2 for _, size in headers)
        if end != len(content):
            raise ContentSizeError(f'BIND and its children take {end} bytes, got {len(content)}')
        children = []
        room = _reduce(room, len(headers))
        for (type_bytes, size), name in zip(headers, names, strict=True):
            try:
                part = content[start : start + size]
                child = _unpack_child(type_bytes, part, depth, room)
                room = _reduce(room, child.content.item_count)
            except MessageError as error:
                raise type(error)(f'BIND, child {name!r}: {error}') from None
            child.device_name = name
            children.append(child)
            start += size + size % 2
        return cls(tuple(children))

    def pack_parts(self) -> list[Any]:
        """Return the tables and the buffers of the children."""
        parts = self._pack(1)
        if self.item_count > MAX_ITEMS:
            raise ValueRangeError(_too_many_items(self.item_count))
        return parts

    def _pack(self, depth: int) -> list[Any]:
        if depth > _MAX_DEPTH:
            raise ValueRangeError(f'BIND in BIND: {_MAX_DEPTH} levels are allowed')
        headers: list[bytes] = []
        names: list[bytes] = []
        contents: list[Any] = []
        for child in self.children:
            if child.timestamp or child.message_id or child.metadata or child.header_version != 1:
                raise ValueRangeError(
                    f'child {child.device_name!r}: only header version 1 without time stamp, '
                    'message_id and metadata is allowed'
                )
            type_bytes, name = pack_names(child.type_name, child.device_name)
            inner = child.content
            parts = inner._pack(depth + 1) if isinstance(inner, Bind) else inner.pack_parts()
            size = sum(len(part) for part in parts)
            headers.append(_CHILD.pack(type_bytes, size))
            names.append(name)
            contents += (*parts, bytes(size % 2))
        return [_pack_tables(headers, names), *contents]


def _too_many_items(count: int) -> str:
    return f'BIND has {count} children, names and attributes, {MAX_ITEMS} in all are allowed'


def _reduce(room: int, count: int) -> int:
    """
    Return how many more items are allowed after ``count`` of them.

    :raises ContentValueError: there are too many.
    """
    if count > room:
        raise ContentValueError(_too_many_items(MAX_ITEMS - room + count))
    return room - count


def _unpack_child(type_bytes: bytes, content: memoryview, depth: int, room: int) -> Message:
    type_name = wire.text(type_bytes)
    content_class = MESSAGE_TYPES.get(type_name)
    if not is_type_name(type_name):
        raise ContentValueError(f'type name {type_bytes!r}: {TYPE_NAME_RULE}')
    value: Any
    if content_class is None:
        value = Unknown(type_name, content)
    elif content_class is Bind:
        value = Bind._unpack(content, depth + 1, room)
    else:
        value = content_class.unpack(content)
    return Message(value, type_name=type_name)


def _unpack_tables(
    type_name: str, content: Buffer, layout: Any
) -> tuple[list[Any], list[str], int]:
    """
    Return the rows of the table of types, the names, and the end of both tables.

    :raises MessageError: the tables are longer than the content, or a name is missing.
    """
    check_minimum_size(type_name, content, _COUNT.size)
    (count,) = _COUNT.unpack_from(content)
    end = _COUNT.size + count * layout.size
    check_minimum_size(type_name, content, end + _COUNT.size)
    rows = list(layout.iter_unpack(content[_COUNT.size : end]))
    (table_size,) = _COUNT.unpack_from(content, end)
    start = end + _COUNT.size
    end = start + table_size
    check_minimum_size(type_name, content, end)
    # In GET_BIND the reference sends a table of odd size, but expects no table at all.
    *names, rest = bytes(content[start:end] or count * b'\0').split(b'\0', count)
    if len(names) != count or rest not in (b'', b'\0'):
        raise ContentValueError(
            f'{type_name} announces {count} children; as many names are needed, each with a NUL'
        )
    longest = max(names, key=len, default=b'')
    if len(longest) > DEVICE_NAME_SIZE:
        raise ContentValueError(
            f'{type_name}: name {longest[:DEVICE_NAME_SIZE]!r}... has {len(longest)} bytes, '
            f'{DEVICE_NAME_SIZE} are allowed'
        )
    return rows, [wire.text(name) for name in names], end


def _pack_tables(rows: Sequence[bytes], names: Iterable[bytes]) -> bytes:
    """
    Return the table of types and the names.

    :raises ValueRangeError: there are more than 65535 children or bytes of names.
    """
    table = b''.join(name + b'\0' for name in names)
    table += bytes(len(table) % 2)
    if max(len(rows), len(table)) > 0xFFFF:
        raise ValueRangeError(
            f'{len(rows)} children with {len(table)} bytes of names: 65535 of each are allowed'
        )
    return b''.join((_COUNT.pack(len(rows)), *rows, _COUNT.pack(len(table)), table))


Wanted = Sequence[tuple[str, str]]
"""The children that a query asks for: type name and device name."""


def _unpack_wanted(type_name: str, content: Buffer) -> Wanted:
    if not len(content):
        return ()
    rows, names, end = _unpack_tables(type_name, content, _WANTED)
    if end != len(content):
        raise ContentSizeError(f'{type_name} takes {end} bytes, got {len(content)}')
    types = [wire.text(type_bytes) for (type_bytes,) in rows]
    return tuple(zip(types, names, strict=True))


def _pack_wanted(children: Wanted) -> bytes:
    if not children:
        return b''
    packed = [pack_names(type_name, name) for type_name, name in children]
    return _pack_tables(
        [_WANTED.pack(type_bytes) for type_bytes, _ in packed], [name for _, name in packed]
    )


@register
@dataclass(slots=True)
class GetBind(Get):
    """
    GET_BIND: asks for a BIND. Empty, or a list of the wanted children.

    :ivar children: type name and device name of each; empty for all.
    """

    type_name = 'GET_BIND'
    sizes = f'0 or {_TABLES.format(2 * _COUNT.size, _WANTED.size)}'
    subject = 'BIND'

    children: Wanted = ()

    @property
    def item_count(self) -> int:
        """The number of wanted children."""
        return len(self.children)

    @classmethod
    def unpack(cls, content: Buffer) -> GetBind:
        """Return the query."""
        return cls(_unpack_wanted('GET_BIND', content))

    def pack_parts(self) -> tuple[bytes]:
        """Return no bytes, or the tables."""
        return (_pack_wanted(self.children),)


class _StartBind(NamedTuple):
    resolution_ns: U64  # bind.md: nanoseconds; igtlBindMessage.h: a time stamp


_START = wire.struct_of(_StartBind)


@register
@dataclass(slots=True)
class StartBind(Start):
    """
    STT_BIND: asks for a stream of BINDs. 8 bytes, and a list of the wanted children.

    The reference sends uninitialised memory as resolution, so do not rely on a received value.

    :ivar resolution_ns: smallest time between two messages in nanoseconds.
    :ivar children: type name and device name of each; empty for all.
    """

    type_name = 'STT_BIND'
    sizes = f'{_START.size} or {_TABLES.format(_START.size + 2 * _COUNT.size, _WANTED.size)}'
    subject = 'BIND'

    resolution_ns: int = 0
    children: Wanted = ()

    @property
    def item_count(self) -> int:
        """The number of wanted children."""
        return len(self.children)

    @classmethod
    def unpack(cls, content: Buffer) -> StartBind:
        """Return the query of 8 bytes or more."""
        check_minimum_size('STT_BIND', content, _START.size)
        (resolution_ns,) = _START.unpack_from(content)
        return cls(resolution_ns, _unpack_wanted('STT_BIND', content[_START.size :]))

    def pack_parts(self) -> tuple[bytes, bytes]:
        """Return 8 bytes, and the tables."""
        if not 0 <= self.resolution_ns < 2**64:
            raise ValueRangeError(
                f'resolution {self.resolution_ns} ns: 0 to 2**64 - 1 are allowed'
            )
        return _START.pack(self.resolution_ns), _pack_wanted(self.children)


@register
class StopBind(Stop):
    """STP_BIND: stops the stream of BIND messages. Empty."""

    __slots__ = ()
    type_name = 'STP_BIND'
    subject = 'BIND'


@register
class BindReply(Reply):
    """RTS_BIND: answers GET_BIND, STT_BIND and STP_BIND. 1 byte."""

    __slots__ = ()
    type_name = 'RTS_BIND'
    subject = 'BIND'

    @classmethod
    def unpack(cls, content: Buffer) -> BindReply:
        """Return the reply of 1 byte, or of 0 bytes as in ``bind.md``, which means success."""
        return super().unpack(content) if len(content) else cls()

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The four kinds of messages that ask for others: GET_, STT_, STP_ and RTS_.

Source: ``query.md``, ``summary.md``. They are empty, and RTS_ is one byte; what a type has of its
own stands in that type's module. Names are cut to 12 characters, and not always as documented:
where documents and code differ, the name that the code knows is sent and both are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.registry import MESSAGE_TYPES, Content, check_size
from ros2_igtl.codec.wire import Buffer

_QUERIES_SINCE = 2  # protocol version; index.md

_C = TypeVar('_C', bound='Companion')
_R = TypeVar('_R', bound='Reply')


@dataclass(slots=True)
class Companion(Content):
    """A message about messages of another type, without content."""

    type_name: ClassVar[str]
    subject: ClassVar[str]
    """The type name of the messages that it is about."""
    sizes = '0'
    views = False

    def __init_subclass__(cls) -> None:
        subject = MESSAGE_TYPES.get(getattr(cls, 'subject', ''))
        if subject is not None and subject.protocol_version is not None:
            cls.protocol_version = max(subject.protocol_version, _QUERIES_SINCE)

    @classmethod
    def unpack(cls: type[_C], content: Buffer) -> _C:
        """Return the message of an empty content."""
        if len(content):
            check_size(cls.type_name, content, 0)
        return cls()

    def pack_parts(self) -> tuple[bytes, ...]:
        """Return nothing."""
        return ()


class Get(Companion):
    """GET_: asks for one message of the same device name, or of any where it has none."""

    __slots__ = ()


class Start(Companion):
    """STT_: asks for messages until STP_."""

    __slots__ = ()


class Stop(Companion):
    """STP_: asks for no more messages."""

    __slots__ = ()


@dataclass(slots=True)
class Reply(Companion):
    """
    RTS_: the answer to STT_ and STP_, and to a GET_ that there is nothing to give for.

    :ivar status: 0 for success, 1 for error.
    """

    sizes = '1'

    status: int = 0

    @classmethod
    def unpack(cls: type[_R], content: Buffer) -> _R:
        """Return the reply of 1 byte."""
        check_size(cls.type_name, content, 1)
        return cls(content[0])

    def pack_parts(self) -> tuple[bytes]:
        """Return 1 byte."""
        if not 0 <= self.status <= 255:
            raise ValueRangeError(f'{self.type_name} status {self.status}: 0 to 255 are allowed')
        return (bytes((self.status,)),)

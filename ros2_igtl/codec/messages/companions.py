# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The four kinds of messages that query others: GET_, STT_, STP_ and RTS_.

Source: ``query.md``, ``summary.md``. GET_, STT_ and STP_ are empty, and RTS_ is one byte. A
companion with more content has its class in the module of its type. Names are cut to 12
characters. If the documents and the reference library cut a name differently, the codec sends the
library's name and reads both.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, overload

from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.registry import MESSAGE_TYPES, Content, check_size, register
from ros2_igtl.codec.wire import Buffer

__all__ = ['Companion', 'Get', 'Reply', 'Start', 'Stop', 'companions']

_QUERIES_SINCE = 2  # protocol version of GET_, STT_ and STP_; index.md

_C = TypeVar('_C', bound='Companion')
_C2 = TypeVar('_C2', bound='Companion')
_C3 = TypeVar('_C3', bound='Companion')
_C4 = TypeVar('_C4', bound='Companion')
_R = TypeVar('_R', bound='Reply')


@dataclass(slots=True)
class Companion(Content):
    """A message that refers to messages of another type; without content."""

    type_name: ClassVar[str]
    subject: ClassVar[str]
    """The type name of the messages that it refers to."""
    prefix: ClassVar[str]
    """The first four characters of the type name."""
    meaning: ClassVar[str]
    """The docstring of the companions that :func:`companions` makes."""
    sizes = '0'
    views = False

    def __init_subclass__(cls) -> None:
        subject = MESSAGE_TYPES.get(getattr(cls, 'subject', ''))
        if subject is not None and subject.protocol_version is not None:
            cls.protocol_version = max(subject.protocol_version, _QUERIES_SINCE)

    @classmethod
    def unpack(cls: type[_C], content: Buffer) -> _C:
        """Return the message; the content has to be empty."""
        if len(content):
            check_size(cls.type_name, content, 0)
        return cls()

    def pack_parts(self) -> tuple[bytes, ...]:
        """Return no bytes."""
        return ()


class Get(Companion):
    """GET_: asks for one message of its device name, or of any device if it has none."""

    __slots__ = ()
    prefix = 'GET_'
    meaning = 'asks for one {subject} message. Empty.'


class Start(Companion):
    """STT_: asks for messages until STP_."""

    __slots__ = ()
    prefix = 'STT_'
    meaning = 'asks for {subject} messages until STP_{stem}. Empty.'


class Stop(Companion):
    """STP_: stops a stream of messages."""

    __slots__ = ()
    prefix = 'STP_'
    meaning = 'stops the stream of {subject} messages. Empty.'


@dataclass(slots=True)
class Reply(Companion):
    """
    RTS_: the answer to STT_ and STP_, and to a GET_ for which no data are available.

    :ivar status: 0 for success, 1 for error.
    """

    sizes = '1'
    prefix = 'RTS_'
    meaning = 'answers the queries for {subject} messages. 1 byte.'

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


@overload
def companions(
    content: type[Content],
    kind: type[_C],
    kind_2: type[_C2],
    /,
    *,
    name: str = '',
    aliases: Collection[str] = (),
) -> tuple[type[_C], type[_C2]]: ...
@overload
def companions(
    content: type[Content],
    kind: type[_C],
    kind_2: type[_C2],
    kind_3: type[_C3],
    /,
    *,
    name: str = '',
    aliases: Collection[str] = (),
) -> tuple[type[_C], type[_C2], type[_C3]]: ...
@overload
def companions(
    content: type[Content],
    kind: type[_C],
    kind_2: type[_C2],
    kind_3: type[_C3],
    kind_4: type[_C4],
    /,
    *,
    name: str = '',
    aliases: Collection[str] = (),
) -> tuple[type[_C], type[_C2], type[_C3], type[_C4]]: ...
def companions(
    content: type[Content],
    /,
    *kinds: type[Companion],
    name: str = '',
    aliases: Collection[str] = (),
) -> tuple[type[Companion], ...]:
    """
    Register the companions of a message type, and return a class for each of ``kinds``.

    ::

        GetStatus, StatusReply = companions(Status, Get, Reply)

    By convention the names are ``Get``, ``Start`` or ``Stop`` before the content's name, or
    ``Reply`` after it. In annotations use :class:`Get` and the like, since mypy knows the returned
    classes only as ``type[Get]``.

    :param content: the class of the messages that the companions refer to.
    :param kinds: :class:`Get`, :class:`Start`, :class:`Stop`, :class:`Reply`.
    :param name: the part after the prefix; the content's type name if empty.
    :param aliases: further full type names; each belongs to the kind with its prefix.
    :raises ValueError: a type name is taken, or not 1 to 12 printable ASCII characters.
    """
    subject = content.type_name
    stem = name or subject
    classes: list[type[Companion]] = []
    for kind in kinds:
        class_name = f'{content.__name__}Reply'
        if kind is not Reply:
            class_name = kind.__name__ + content.__name__
        type_name = kind.prefix + stem
        members: dict[str, Any] = {
            '__doc__': f'{type_name}: {kind.meaning.format(subject=subject, stem=stem)}',
            '__module__': content.__module__,
            '__slots__': (),
            'aliases': tuple(alias for alias in aliases if alias.startswith(kind.prefix)),
            'subject': subject,
            'type_name': type_name,
        }
        classes.append(register(type(class_name, (kind,), members)))
    return tuple(classes)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A message as a value: its content, device name, time stamp and metadata.

pack.py writes messages, unpack.py reads whole ones, and stream.py reads them as they arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ros2_igtl.codec.registry import Content

__all__ = ['Message', 'Unknown']


class Unknown(Content):
    """
    The content of an unregistered type, kept as bytes.

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
        """Raise TypeError: the bytes do not contain their type."""
        raise TypeError('make an Unknown with Unknown(type_name, body)')

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

    :param content: a value of a class in ``MESSAGE_TYPES``, or an :class:`Unknown`.
    :param device_name: at most 20 bytes of UTF-8.
    :param timestamp: the raw 32.32 word, 0 = unset; see ``codec.timestamp``.
    :param header_version: 1, or 2 for a message identifier and metadata.
    :param message_id: 0 to 2**32 - 1, header version 2 only.
    :param metadata: header version 2 only; received values are ``EncodedText``.
    :param type_name: the alias to send the content under; None for its own type name.
    :ivar body_size: bytes of the received body; 0 for a message that was not received.
    :ivar crc_ok: False only for a message received with a wrong CRC that was accepted.
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
        return tuple(getattr(self, name) for name in self.__slots__ if name not in _NOT_COMPARED)

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


_NOT_COMPARED = frozenset({'body_size', 'crc_ok'})  # set on receipt; not part of the value

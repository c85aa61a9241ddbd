# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""STATUS: a code, a device's own code and a text. Source: ``status.md``, ``igtl_status.h``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, companions
from ros2_igtl.codec.names import pack_name
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import I64, U16, Buffer, Char20

__all__ = ['GetStatus', 'Status', 'StatusCode', 'StatusReply']


class StatusCode(IntEnum):
    """The codes of ``status.md``."""

    INVALID = 0
    OK = 1
    UNKNOWN_ERROR = 2
    PANIC_MODE = 3
    NOT_FOUND = 4
    ACCESS_DENIED = 5
    BUSY = 6
    TIME_OUT = 7  # or connection lost
    OVERFLOW = 8  # or cannot be reached
    CHECKSUM_ERROR = 9
    CONFIGURATION_ERROR = 10
    RESOURCE_ERROR = 11
    UNKNOWN_INSTRUCTION = 12  # or illegal
    NOT_READY = 13
    MANUAL_MODE = 14
    DISABLED = 15
    NOT_PRESENT = 16
    UNKNOWN_VERSION = 17
    HARDWARE_FAILURE = 18
    SHUT_DOWN = 19


class _StatusHeader(NamedTuple):
    code: U16
    subcode: I64  # the device's own
    error_name: Char20


_LAYOUT = wire.struct_of(_StatusHeader)


@register
@dataclass(slots=True)
class Status(Content):
    """
    The state of a device; ``code`` is a :class:`StatusCode` or an undefined number.

    30 bytes and the message. ``status.md`` shows no NUL after the message, but the reference
    receiver loses a message without one (``igtlStatusMessage.cxx``). So this class always writes a
    NUL, and reads messages with or without it.
    """

    type_name = 'STATUS'
    sizes = f'{_LAYOUT.size} + message'
    protocol_version = 1
    views = False
    error_name_size: ClassVar[int] = wire.size_of(_StatusHeader, 'error_name')
    """Bytes of the error name, which may use all of them."""

    code: StatusCode | int = StatusCode.OK
    subcode: int = 0
    error_name: str = ''
    message: str = ''

    @classmethod
    def unpack(cls, content: Buffer) -> Status:
        """Return the status from 30 bytes or more."""
        check_minimum_size('STATUS', content, _LAYOUT.size)
        code, subcode, error_name = _LAYOUT.unpack_from(content)
        message = wire.text(bytes(content[_LAYOUT.size :]))
        return cls(code, subcode, wire.text(error_name), message)

    def pack_parts(self) -> tuple[bytes, bytes]:
        """Return 30 bytes and the message with its NUL."""
        if not 0 <= self.code <= 0xFFFF:
            raise ValueRangeError(f'STATUS code {self.code}: 0 to 65535 are allowed')
        if not -(2**63) <= self.subcode < 2**63:
            raise ValueRangeError(
                f'STATUS subcode {self.subcode}: -2**63 to 2**63 - 1 are allowed'
            )
        # The reference receiver reads all 20 bytes, so the name may fill its field.
        error_name = pack_name(self.error_name, self.error_name_size, 'error name')
        if '\0' in self.message:
            raise ValueRangeError('STATUS message has a NUL character, which would end it early')
        message = self.message.encode('utf-8', 'surrogateescape') + b'\0'
        return _LAYOUT.pack(self.code, self.subcode, error_name), message


GetStatus, StatusReply = companions(Status, Get, Reply)

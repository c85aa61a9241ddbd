# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The 58-byte header of both header versions, and the 12-byte extended header.

Source: ``header.md``, ``igtl_header.h``.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ros2_igtl.codec import wire
from ros2_igtl.codec.wire import U16, U32, U64, Char12, Char20

__all__ = ['DEVICE_NAME_SIZE', 'HEADER_SIZE', 'TYPE_NAME_SIZE', 'Header']


class Header(NamedTuple):
    """The header as it stands on the wire; names are not decoded."""

    version: U16  # 1 or 2
    type_bytes: Char12  # NUL-padded; 12 characters have no NUL
    device_bytes: Char20  # NUL-padded; 20 characters have no NUL
    timestamp: U64  # 32.32 fixed point, 0 = unset
    body_size: U64  # every byte after the header
    crc: U64  # CRC-64 of the body

    @property
    def type_name(self) -> str:
        """The type name, cut at the first NUL."""
        return wire.text(self.type_bytes)

    @property
    def device_name(self) -> str:
        """The device name, cut at the first NUL."""
        return wire.text(self.device_bytes)


class ExtendedHeader(NamedTuple):
    """The extended header that starts the body of header version 2."""

    size: U16  # of the extended header: 12, or more in a later version
    metadata_header_size: U16  # 2 + 8 * count
    metadata_size: U32  # keys and values
    message_id: U32


HEADER = wire.struct_of(Header)
HEADER_SIZE = HEADER.size
EXTENDED_HEADER = wire.struct_of(ExtendedHeader)
EXTENDED_HEADER_SIZE = EXTENDED_HEADER.size
TYPE_NAME_SIZE = 12
DEVICE_NAME_SIZE = 20
START_SIZE = 2 + TYPE_NAME_SIZE + DEVICE_NAME_SIZE
HEADER_BY_START = struct.Struct(f'>{START_SIZE}sQQQ')
"""
:class:`Header` with version and names as one field. A peer sends few different values of it, so
each is decoded once and then looked up by its bytes.
"""

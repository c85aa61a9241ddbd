# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
QUERY: a numbered query. Source: ``igtl_query.h``, ``igtlQueryMessage.cxx``.

No document describes it and no known program sends it. Use the prefixes GET_, STT_, STP_ and RTS_
of ``query.md`` instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentSizeError, ValueRangeError
from ros2_igtl.codec.names import pack_inner_name
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import U16, U32, Char32

__all__ = ['Query']


class _QueryHeader(NamedTuple):
    query_id: U32
    data_type: Char32  # the reference leaves uninitialised memory after the NUL
    length: U16  # bytes that follow


_LAYOUT = wire.struct_of(_QueryHeader)
_DATA_TYPE_SIZE = wire.size_of(_QueryHeader, 'data_type')


@register
@dataclass(slots=True)
class Query(Content):
    """
    A query for data of a type from a device. 38 bytes and the identifier of the device.

    :ivar query_id: 0 to 2**32 - 1; the reference has no way to set it.
    :ivar data_type: the wanted type, at most 31 bytes.
    :ivar device_uid: the identifier of the device, at most 65535 bytes.
    """

    type_name = 'QUERY'
    sizes = f'{_LAYOUT.size} + device_uid'
    protocol_version = 3

    query_id: int = 0
    data_type: str = ''
    device_uid: str = ''

    @classmethod
    def unpack(cls, content: memoryview) -> Query:
        """Return the query from 38 bytes and the identifier."""
        check_minimum_size('QUERY', content, _LAYOUT.size)
        query_id, data_type, length = _LAYOUT.unpack_from(content)
        raw = bytes(content[_LAYOUT.size :])
        if len(raw) != length:
            raise ContentSizeError(f'QUERY announces {length} bytes, got {len(raw)}')
        return cls(query_id, wire.text(data_type), raw.decode('utf-8', 'surrogateescape'))

    def pack_parts(self) -> tuple[bytes, bytes]:
        """Return 38 bytes and the identifier."""
        if not 0 <= self.query_id < 2**32:
            raise ValueRangeError(f'query_id {self.query_id}: 0 to 2**32 - 1 are allowed')
        data_type = pack_inner_name(self.data_type, _DATA_TYPE_SIZE, 'data type')
        raw = self.device_uid.encode('utf-8', 'surrogateescape')
        if len(raw) > 0xFFFF:
            raise ValueRangeError(f'QUERY device_uid has {len(raw)} bytes, 65535 are allowed')
        return _LAYOUT.pack(self.query_id, data_type, len(raw)), raw

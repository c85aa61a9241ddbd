# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""COLORT: a colour for each voxel value. Source: ``colortable.md``, ``igtl_colortable.h``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentSizeError, ContentValueError, ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, companions
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import U8

__all__ = ['ColorTable', 'ColorTableReply', 'GetColorTable']


class _ColorTableHeader(NamedTuple):
    index_type: U8  # of a voxel: 3 u8, 5 u16
    map_type: U8  # of an entry: 3 u8, 5 u16, 19 RGB


_LAYOUT = wire.struct_of(_ColorTableHeader)
_COUNTS = {3: 256, 5: 65536}
_ENTRIES: dict[int, tuple[np.dtype[Any], tuple[int, ...]]] = {
    3: (np.dtype('u1'), ()),
    5: (np.dtype('>u2'), ()),
    19: (np.dtype('u1'), (3,)),
}


@register
class ColorTable(Content):
    """
    A colour or another number for each voxel value, in an array that views the received bytes.

    :param table: shape (n,) of u1 or u2 in either byte order, or (n, 3) of u1, red, green and
        blue; n is 256 or 65536, for voxels of u1 or u2.
    :raises ValueRangeError: the array has another shape or dtype.
    """

    __slots__ = ('table',)
    type_name = 'COLORT'
    sizes = f'{_LAYOUT.size} + table'
    protocol_version = 2
    aliases = ('COLORTABLE',)  # igtl_test_data_colortable.h; colortable2.h and the library: COLORT

    def __init__(self, table: NDArray[Any]) -> None:
        if self._types(table) is None:
            raise ValueRangeError(
                f'COLORT takes 256 or 65536 entries of u1 or u2, or of 3 u1, '
                f'got shape {table.shape} and {table.dtype}'
            )
        self.table = table

    @staticmethod
    def _types(table: NDArray[Any]) -> tuple[int, int] | None:
        """Return index type and map type of a table, or None if the specification has none."""
        for index_type, count in _COUNTS.items():
            for map_type, (dtype, shape) in _ENTRIES.items():
                if (table.shape, table.dtype.newbyteorder('>')) == ((count, *shape), dtype):
                    return index_type, map_type
        return None

    @classmethod
    def unpack(cls, content: memoryview) -> ColorTable:
        """Return the table from 2 bytes and the entries, which are not copied."""
        check_minimum_size('COLORT', content, _LAYOUT.size)
        index_type, map_type = _LAYOUT.unpack_from(content)
        if index_type not in _COUNTS or map_type not in _ENTRIES:
            raise ContentValueError(
                f'COLORT has index type {index_type} and map type {map_type}; '
                f'3 or 5, and 3, 5 or 19 are allowed'
            )
        dtype, shape = _ENTRIES[map_type]
        shape = (_COUNTS[index_type], *shape)
        size = _LAYOUT.size + math.prod(shape) * dtype.itemsize
        if len(content) != size:
            raise ContentSizeError(
                f'COLORT of {shape} {dtype} takes {size} bytes, got {len(content)}'
            )
        return cls(np.frombuffer(content, dtype, offset=_LAYOUT.size).reshape(shape))

    def pack_parts(self) -> tuple[bytes, Any]:
        """Return 2 bytes and the entries, copied only if they are not big-endian."""
        types = self._types(self.table)
        if types is None:
            raise ValueRangeError(
                f'COLORT has a table of shape {self.table.shape} and {self.table.dtype}; '
                f'256 or 65536 entries of u1 or u2, or of 3 u1 are allowed'
            )
        return _LAYOUT.pack(*types), wire.big_endian(self.table)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ColorTable):
            return NotImplemented
        return wire.same_array(self.table, other.table)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'ColorTable({self.table!r})'


GetColorTable, ColorTableReply = companions(ColorTable, Get, Reply)

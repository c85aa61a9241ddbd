# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Wire types, and the compilation of a specification table into a struct or a numpy dtype.

A layout is written once, as a ``NamedTuple`` whose annotations are the wire types below, in the
order of the specification. :func:`struct_of` and :func:`dtype_of` compile it once, at import, so
that no message needs a loop over fields. All numbers are big-endian, without padding
(``igtl_types.h``).
"""

from __future__ import annotations

import struct
from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np
from numpy.typing import NDArray


class WireType(NamedTuple):
    """The format of one field on the wire: for ``struct`` and for numpy."""

    struct_format: str
    dtype: str
    shape: tuple[int, ...] = ()


U8 = Annotated[int, WireType('B', 'u1')]
I16 = Annotated[int, WireType('h', '>i2')]
U16 = Annotated[int, WireType('H', '>u2')]
I32 = Annotated[int, WireType('i', '>i4')]
U32 = Annotated[int, WireType('I', '>u4')]
I64 = Annotated[int, WireType('q', '>i8')]
U64 = Annotated[int, WireType('Q', '>u8')]
F32 = Annotated[float, WireType('f', '>f4')]
F64 = Annotated[float, WireType('d', '>f8')]
Char4 = Annotated[bytes, WireType('4s', 'S4')]
Char12 = Annotated[bytes, WireType('12s', 'S12')]
Char20 = Annotated[bytes, WireType('20s', 'S20')]
Char32 = Annotated[bytes, WireType('32s', 'S32')]
Char64 = Annotated[bytes, WireType('64s', 'S64')]
Char128 = Annotated[bytes, WireType('128s', 'S128')]
U8x4 = Annotated[tuple[int, ...], WireType('4B', 'u1', (4,))]
U16x3 = Annotated[tuple[int, ...], WireType('3H', '>u2', (3,))]
F32x3 = Annotated[tuple[float, ...], WireType('3f', '>f4', (3,))]
F32x4 = Annotated[tuple[float, ...], WireType('4f', '>f4', (4,))]
F32x3x3 = Annotated[tuple[float, ...], WireType('9f', '>f4', (3, 3))]
F32x4x3 = Annotated[tuple[float, ...], WireType('12f', '>f4', (4, 3))]

Buffer = bytes | bytearray | memoryview
"""A contiguous buffer of bytes."""


def _fields(table: type) -> list[tuple[str, WireType]]:
    hints = get_type_hints(table, include_extras=True)
    return [(name, hints[name].__metadata__[0]) for name in table._fields]  # type: ignore[attr-defined]


def struct_of(table: type) -> struct.Struct:
    """Compile a table into a big-endian, unpadded ``struct.Struct``."""
    return struct.Struct('>' + ''.join(wire.struct_format for _, wire in _fields(table)))


def dtype_of(table: type) -> np.dtype[Any]:
    """Compile a table into an unpadded structured dtype with a field for each line."""
    return np.dtype([(name, wire.dtype, wire.shape) for name, wire in _fields(table)])


def size_of(table: type, field: str) -> int:
    """Return the bytes that one field of a table takes."""
    return struct.calcsize(f'>{dict(_fields(table))[field].struct_format}')


def big_endian(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the big-endian bytes of an array, last index fastest, copied only if needed."""
    swapped = np.ascontiguousarray(array, array.dtype.newbyteorder('>'))
    return swapped.reshape(-1).view(np.uint8)


def same_array(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Return whether two arrays have the same shape and, in big-endian order, the same bytes."""
    same = first.shape == second.shape
    same = same and first.dtype.newbyteorder('>') == second.dtype.newbyteorder('>')
    return same and np.array_equal(big_endian(first), big_endian(second))


def text(value: bytes) -> str:
    """
    Return the name in a character field: the bytes before the first NUL, as text.

    The protocol specifies ASCII only (``header.md``). This function reads UTF-8 and keeps any
    other byte as a surrogate, which :func:`~ros2_igtl.codec.names.pack_name` turns back into the
    byte.
    """
    return value.partition(b'\0')[0].decode('utf-8', 'surrogateescape')

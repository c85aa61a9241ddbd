# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from ros2_igtl.codec import wire


class Everything(NamedTuple):
    u8: wire.U8
    u16: wire.U16
    i32: wire.I32
    u32: wire.U32
    i64: wire.I64
    u64: wire.U64
    f32: wire.F32
    char12: wire.Char12
    char20: wire.Char20
    char32: wire.Char32
    char64: wire.Char64
    char128: wire.Char128


class Arrays(NamedTuple):
    rgba: wire.U8x4
    position: wire.F32x3
    matrix: wire.F32x4x3


def test_a_table_compiles_to_a_big_endian_struct_without_padding() -> None:
    layout = wire.struct_of(Everything)
    assert layout.format == '>BHiIqQf12s20s32s64s128s'
    assert layout.size == 1 + 2 + 4 + 4 + 8 + 8 + 4 + 12 + 20 + 32 + 64 + 128


@pytest.mark.parametrize(
    ('table', 'field', 'size'),
    [(Everything, 'u16', 2), (Everything, 'char20', 20), (Arrays, 'matrix', 48)],
)
def test_a_field_of_a_table_has_its_size(table: type, field: str, size: int) -> None:
    assert wire.size_of(table, field) == size


def test_a_table_compiles_to_a_dtype_of_the_same_layout() -> None:
    dtype = wire.dtype_of(Everything)
    layout = wire.struct_of(Everything)
    assert dtype.names == Everything._fields
    assert dtype.itemsize == layout.size
    values = (1, 2, -3, 4, -5, 6, 0.5, b'a', b'b', b'c', b'd', b'e')
    assert np.array([values], dtype).tobytes() == layout.pack(*values)


def test_a_field_of_several_numbers_is_an_array_in_a_dtype() -> None:
    assert wire.dtype_of(Arrays) == np.dtype(
        [('rgba', 'u1', (4,)), ('position', '>f4', (3,)), ('matrix', '>f4', (4, 3))]
    )
    assert wire.struct_of(Arrays).format == '>4B3f12f'


def test_a_name_ends_at_the_first_nul() -> None:
    assert wire.text(b'Probe\0\0x') == 'Probe'


@pytest.mark.parametrize('dtype', ['<u2', '>u2', '<f8', '>f8', '<c16', 'u1', 'i1'])
@pytest.mark.parametrize('shape', [(0,), (), (3,), (2, 3)])
def test_the_bytes_of_an_array_are_big_endian_with_the_last_index_fastest(
    dtype: str, shape: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape), dtype='i8').astype(dtype).reshape(shape)
    expected = array.astype(np.dtype(dtype).newbyteorder('>')).tobytes()
    assert wire.big_endian(array).tobytes() == expected
    assert wire.big_endian(np.asfortranarray(array)).tobytes() == expected
    assert wire.big_endian(array).shape == (len(expected),)


def test_the_bytes_of_an_array_are_not_copied_where_they_need_not_be() -> None:
    array = np.arange(6, dtype='>u2').reshape(2, 3)
    assert np.shares_memory(wire.big_endian(array), array)
    assert not np.shares_memory(wire.big_endian(array[:, ::2]), array)


def test_arrays_are_the_same_by_shape_dtype_and_bytes_in_whatever_byte_order() -> None:
    array = np.array([[1.0, -0.0, np.nan]], '>f4')
    assert wire.same_array(array, array.astype('<f4'))
    for other in (
        array.reshape(3),
        array.astype('>f8'),
        array + 1,
        np.array([[1.0, 0.0, np.nan]], '>f4'),
    ):
        assert not wire.same_array(array, other)
        assert not wire.same_array(other, array)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec
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


@given(st.binary(max_size=30))
def test_every_byte_before_the_nul_survives_as_text(data: bytes) -> None:
    before = data.partition(b'\0')[0]
    assert wire.name(wire.text(data), 30, 'name') == before


def test_a_name_may_fill_its_field_in_the_header_but_not_inside_a_content() -> None:
    assert wire.name('abcd', 4, 'name') == b'abcd'
    assert wire.inner_name('abc', 4, 'name') == b'abc'
    with pytest.raises(codec.NameTooLongError, match="name 'abcde' has 5 bytes, 4 are allowed"):
        wire.name('abcde', 4, 'name')
    with pytest.raises(codec.NameTooLongError, match="name 'abcd' has 4 bytes, 3 are allowed"):
        wire.inner_name('abcd', 4, 'name')


def test_a_names_length_is_that_of_its_bytes() -> None:
    with pytest.raises(codec.NameTooLongError, match='has 4 bytes, 3 are allowed'):
        wire.name('\u00e9\u00e9', 3, 'name')


def test_a_name_with_a_nul_is_refused() -> None:
    with pytest.raises(codec.NameTooLongError, match='NUL'):
        wire.name('a\0b', 20, 'name')


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

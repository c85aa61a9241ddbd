# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import numpy as np
import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from ros2_igtl import codec
from ros2_igtl.codec.messages.transform import column_major

ONE, TWO, HALF = '3f800000', '40000000', '3f000000'
ZERO = '00000000'

CASES = [
    (
        codec.Transform(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0),
        bytes.fromhex(ONE + ZERO * 3 + ONE + ZERO * 3 + ONE + ZERO * 3),
    ),
    (  # a quarter turn about z, and a translation
        codec.Transform(0, 1, 0, -1, 0, 0, 0, 0, 1, 0.5, 2, -1),
        bytes.fromhex(ZERO + ONE + ZERO + 'bf800000' + ZERO * 4 + ONE + HALF + TWO + 'bf800000'),
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_transform_packs_to_its_bytes(value: codec.Transform, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_transform_is_read_from_its_bytes(value: codec.Transform, data: bytes) -> None:
    assert receive_content('TRANSFORM', data) == value


def test_the_bytes_go_column_by_column() -> None:
    matrix = np.arange(16.0).reshape(4, 4)
    matrix[3] = 0, 0, 0, 1
    value = codec.Transform.from_matrix(matrix)
    assert value == (0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11)
    assert (value.r21, value.r12) == (matrix[1, 0], matrix[0, 1])
    assert (value.tx, value.ty, value.tz) == tuple(matrix[:3, 3])
    assert np.array_equal(value.matrix, matrix)
    assert value.matrix.dtype == np.float64
    assert codec.Transform.from_matrix(matrix[:3]) == value
    assert codec.Transform.from_matrix(matrix.tolist()) == value


@pytest.mark.parametrize('shape', [(3, 3), (4, 3), (12,), (2, 4, 4)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(codec.ValueRangeError, match=r'matrix has shape'):
        column_major(np.zeros(shape))


def test_a_last_row_that_is_not_0_0_0_1_is_refused() -> None:
    with pytest.raises(codec.ValueRangeError, match=r'last row \[0.0, 0.0, 0.0, 2.0\]'):
        codec.Transform.from_matrix(np.diag([1, 1, 1, 2]))


@pytest.mark.parametrize('size', [1, 47])
def test_b4_a_transform_of_less_than_48_bytes_is_refused(size: int) -> None:
    assert_content_refused(
        'TRANSFORM', bytes(size), codec.ContentSizeError, f'48 bytes, got {size}'
    )


@pytest.mark.parametrize('size', [49, 96])
def test_b5_a_transform_of_more_than_48_bytes_is_refused(size: int) -> None:
    assert_content_refused(
        'TRANSFORM', bytes(size), codec.ContentSizeError, f'48 bytes, got {size}'
    )


def test_b2_a_transform_without_content_has_no_data() -> None:
    assert_content_refused('TRANSFORM', b'', codec.NoDataError, 'empty content')


def test_b13_numbers_that_are_none_are_passed_on_for_the_conversions_to_judge() -> None:
    data = struct.pack('>12f', *([float('nan'), float('inf'), -float('inf'), 1e38] * 3))
    value = receive_content('TRANSFORM', data)
    assert np.isnan(value.r11)
    assert value[1:3] == (float('inf'), -float('inf'))
    assert content_bytes(value) == data


def test_a_number_beyond_float32_is_not_packed() -> None:
    value = codec.Transform(1e39, *([0.0] * 11))
    assert_not_packed(value, codec.ValueRangeError, 'too large')


def test_what_is_no_number_is_not_packed() -> None:
    value = codec.Transform('1', *([0.0] * 11))  # type: ignore[arg-type]
    assert_not_packed(value, codec.ValueRangeError, 'required argument is not a float')


OTHERS = [
    (codec.Position(1e39, 0, 0), r'POSITION \(1e\+39, 0, 0, .*too large'),
    (codec.Position(0, 0, '1'), r"POSITION \(0, 0, '1', .*is not a float"),  # type: ignore[arg-type]
    (codec.Image(b'x', (1, 1, 1), position=(0, 0, 1e39)), r'IMAGE \(1, .*too large'),
    (codec.Image(b'x', (1, 1, 1), axes=(1.0,)), 'IMAGE .*expected 26 items'),
    (codec.Video(b'x', (1, 1, 1), position=(0, 0, 1e39)), r'VIDEO \(1, .*too large'),
]


@pytest.mark.parametrize(('value', 'match'), OTHERS, ids=map(repr, OTHERS))
def test_numbers_of_other_contents_are_named_with_all_beside_them(
    value: codec.Content, match: str
) -> None:
    assert_not_packed(value, codec.ValueRangeError, match)

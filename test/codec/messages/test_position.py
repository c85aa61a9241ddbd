# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import struct

import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from helpers.feeding import receive_every_way
from helpers.wire_bytes import message_bytes
from ros2_igtl import codec

CASES = [
    (
        codec.Position(1, 2, -1, 0.5, -0.5, 0.5, 0.5),
        bytes.fromhex('3f800000 40000000 bf800000 3f000000 bf000000 3f000000 3f000000'),
    ),
    (
        codec.Position(1, 2, -1),
        bytes.fromhex('3f800000 40000000 bf800000 00000000 00000000 00000000 3f800000'),
    ),
    (
        codec.Position(1, 2, -1, 0, 0, 1, 0, content_size=24),
        bytes.fromhex('3f800000 40000000 bf800000 00000000 00000000 3f800000'),
    ),
    (codec.Position(1, 2, -1, content_size=12), bytes.fromhex('3f800000 40000000 bf800000')),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_position_packs_to_its_bytes(value: codec.Position, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize('type_name', ['POSITION', 'QTRANS'])
@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_position_is_read_from_its_bytes(
    value: codec.Position, data: bytes, type_name: str
) -> None:
    assert receive_content(type_name, data) == value


def test_the_name_qtrans_is_kept() -> None:
    data = message_bytes(b'QTRANS', CASES[0][1])
    message = receive_every_way(data)
    assert isinstance(message, codec.Message)
    assert isinstance(message.content, codec.Position)
    assert codec.pack(message) == data


def test_the_short_form_has_the_positive_root_as_scalar() -> None:
    value = receive_content('POSITION', struct.pack('>6f', 1, 2, 3, 0.5, 0.5, 0.5))
    assert value.w == 0.5
    value = receive_content('POSITION', struct.pack('>6f', 1, 2, 3, 0.6, 0, 0))
    assert math.isclose(value.w, 0.8, rel_tol=1e-6)


@pytest.mark.parametrize('vector', [(1.0, 1.0, 0.0), (math.inf, 0.0, 0.0), (math.nan, 0.0, 0.0)])
def test_a_short_form_without_a_root_keeps_its_vector_and_is_no_rotation(
    vector: tuple[float, float, float],
) -> None:
    value = receive_content('POSITION', struct.pack('>6f', 1, 2, 3, *vector))
    assert repr((value.ox, value.oy, value.oz)) == repr(vector)
    assert value.w == 0.0


@pytest.mark.parametrize('size', [1, 11, 13, 23, 25, 27, 29, 56])
def test_b4_b5_a_position_of_any_other_size_is_refused(size: int) -> None:
    assert_content_refused(
        'POSITION', bytes(size), codec.ContentSizeError, f'28, 24 or 12 bytes, got {size}'
    )


def test_b2_a_position_without_content_has_no_data() -> None:
    assert_content_refused('POSITION', b'', codec.NoDataError, 'empty content')


def test_b17_a_quaternion_is_passed_on_as_sent() -> None:
    value = receive_content('POSITION', struct.pack('>7f', 0, 0, 0, 0, 0, 0, 0))
    assert (value.ox, value.oy, value.oz, value.w) == (0, 0, 0, 0)
    value = receive_content('POSITION', struct.pack('>7f', 0, 0, 0, 2, 0, 0, 2))
    assert (value.ox, value.w) == (2, 2)


@pytest.mark.parametrize('size', [0, 16, 32])
def test_a_position_is_not_packed_in_any_other_size(size: int) -> None:
    value = codec.Position(1, 2, 3, content_size=size)
    assert_not_packed(value, codec.ValueRangeError, '28, 24 or 12 are allowed')


def test_a_number_beyond_float32_is_not_packed() -> None:
    assert_not_packed(codec.Position(1e39, 0, 0), codec.ValueRangeError, 'too large')

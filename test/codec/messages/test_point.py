# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from helpers.contents import assert_content_refused, content_bytes, receive_content
from ros2_igtl import codec

CASES = [
    (codec.Point.from_points([]), b''),
    (
        codec.Point.from_points(
            [
                {
                    'name': 'Entry',
                    'group': 'Plan',
                    'rgba': (255, 0, 128, 1),
                    'position': (1, 2, -1),
                    'size': 0.5,
                    'owner': 'CT',
                }
            ]
        ),
        b'Entry'.ljust(64, b'\0')
        + b'Plan'.ljust(32, b'\0')
        + b'\xff\0\x80\1'
        + bytes.fromhex('3f800000 40000000 bf800000 3f000000')
        + b'CT'.ljust(20, b'\0'),
    ),
    (
        codec.Point.from_points([{}, {'name': '\u00e9' * 31, 'owner': b'nineteen_bytes_long'}]),
        bytes(136) + b'\xc3\xa9' * 31 + bytes(2) + bytes(52) + b'nineteen_bytes_long\0',
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_points_pack_to_their_bytes(value: codec.Point, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_points_are_read_from_their_bytes(value: codec.Point, data: bytes) -> None:
    received = receive_content('POINT', data)
    assert received == value
    assert len(received.points) == len(data) // 136


@pytest.mark.parametrize('size', [1, 135, 137, 271])
def test_b26_a_broken_point_is_refused(size: int) -> None:
    assert_content_refused('POINT', bytes(size), codec.ContentSizeError, 'a multiple of 136 bytes')


def test_b26_any_colour_and_any_number_are_passed_on_for_the_conversions_to_judge() -> None:
    data = bytes(96) + b'\xff' * 4 + b'\x7f\xc0\0\0' * 3 + b'\xff\x80\0\0' + bytes(20)
    value = receive_content('POINT', data)
    assert value.points['rgba'].tolist() == [[255] * 4]
    assert np.isnan(value.points['position']).all()
    assert value.points['size'][0] == -math.inf
    assert content_bytes(value) == data


def test_names_are_read_up_to_the_nul() -> None:
    value = receive_content('POINT', b'a\0b'.ljust(64, b'\0') + bytes(72))
    assert codec.text(value.points['name'][0]) == 'a'
    assert codec.text(value.points['owner'][0]) == ''


@pytest.mark.parametrize(('field', 'size'), [('name', 64), ('group', 32), ('owner', 20)])
def test_a_name_that_fills_its_field_is_not_written(field: str, size: int) -> None:
    with pytest.raises(
        codec.NameTooLongError, match=f'{size} bytes, {size - 1} are allowed'
    ) as caught:
        codec.Point.from_points([{field: 'x' * size}])
    assert str(caught.value).startswith(f'POINT {field} ')
    codec.Point.from_points([{field: 'x' * (size - 1)}])


@pytest.mark.parametrize(
    'row',
    [
        {'rgba': (256, 0, 0, 0)},
        {'rgba': (-1, 0, 0, 0)},
        {'rgba': (0.5, 0, 0, 0)},
        {'rgba': np.array((300, 0, 0, 0))},
        {'rgba': (1, 2, 3)},
        {'rgba': 255},
        {'position': (1, 2)},
        {'position': (1, 2, 'x')},
        {'position': (1, 2, None)},
        {'size': 1e39},
        {'size': 10**400},
        {'size': (1, 2)},
    ],
)
def test_a_value_that_does_not_fit_its_field_is_not_written(row: dict[str, Any]) -> None:
    with pytest.raises(codec.ValueRangeError, match=f'POINT {next(iter(row))}'):
        codec.Point.from_points([{}, row])


def test_infinity_fits_a_float() -> None:
    value = codec.Point.from_points([{'size': math.inf, 'position': (math.nan, 0, 0)}])
    assert value.points['size'][0] == math.inf

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.math.clouds: colours of clouds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from sensor_msgs.msg import PointCloud2

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.clouds import color_bytes, color_field, pack_colors, unpack_colors
from ros2_igtl.convert.pairs.point_cloud import read_cloud


def cause(message: PointCloud2) -> str:
    with pytest.raises(ConvertError) as refusal:
        read_cloud(message)
    return refusal.value.cause


names = st.text(min_size=1, max_size=5).filter(lambda name: name not in 'xyz')
COLORS = np.array([[1, 2, 3, 4], [255, 0, 128, 255], [0, 0, 0, 0]], np.uint8)


def test_colours_are_packed_as_pcl_and_rviz_read_them() -> None:
    packed = pack_colors(COLORS)
    assert packed.tolist() == [0x04010203, 0xFFFF0080, 0]
    assert np.array_equal(unpack_colors('rgba', packed), COLORS)


@pytest.mark.parametrize('code', ['<u4', '>u4', '<i4', '>i4', '<f4', '>f4'])
@pytest.mark.parametrize('name', ['rgb', 'rgba'])
def test_colours_may_call_themselves_a_number_of_any_type(name: str, code: str) -> None:
    packed = pack_colors(COLORS).astype(f'{code[0]}u4').view(code)
    rgba = unpack_colors(name, packed)
    assert np.array_equal(rgba[:, :3], COLORS[:, :3])
    assert rgba[:, 3].tolist() == ([255] * 3 if name == 'rgb' else [4, 255, 0])


def test_colours_that_are_between_other_fields_are_read() -> None:
    points = np.zeros(3, [('a', 'u1'), ('rgba', '>u4'), ('b', 'u1')])
    points['rgba'] = pack_colors(COLORS)
    assert np.array_equal(unpack_colors('rgba', points['rgba']), COLORS)


@pytest.mark.parametrize(
    'column', [np.zeros(2, '<u2'), np.zeros(2, '<f8'), np.zeros((2, 4), 'f4')]
)
def test_colours_that_are_no_number_of_four_bytes_are_refused(column: Any) -> None:
    with pytest.raises(ConvertError, match='one number of 4 bytes a point is needed') as refusal:
        unpack_colors('rgb', column)
    assert refusal.value.cause == 'point_fields'


@pytest.mark.parametrize(
    ('names', 'expected'),
    [(['a', 'rgb'], 'rgb'), (['rgb', 'rgba'], 'rgba'), (['a', 'RGB'], None), ([], None)],
)
def test_the_field_of_the_colours_is_found_by_its_name(
    names: list[str], expected: str | None
) -> None:
    assert color_field(dict.fromkeys(names, np.zeros(1))) == expected


def test_every_byte_of_a_colour_survives_float32() -> None:
    levels = np.arange(256, dtype=np.uint8)
    components = (levels / 255).astype('>f4')
    assert np.array_equal(color_bytes(components), levels)
    assert color_bytes(np.array([0.999, 0.25, -1e-9])).tolist() == [255, 64, 0]


@pytest.mark.parametrize('value', [-0.01, 1.01, 3e38, float('nan'), float('inf')])
def test_a_colour_outside_0_to_1_is_refused(value: float) -> None:
    with pytest.raises(ConvertError) as refusal:
        color_bytes(np.array([[0.5, value]], np.float32))
    assert refusal.value.cause == 'color_range'

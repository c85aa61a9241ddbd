# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.volume: IMAGE of several slices, clouds."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from std_msgs.msg import Header

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs import point_cloud
from ros2_igtl.convert.pairs.volume import image_to_point_cloud

CONTEXT = Context('Scan', Time(sec=5, nanosec=6), 'igtl_ras', 'Scan')
HEADER = Header(stamp=CONTEXT.stamp, frame_id='igtl_ras')


def volume(pixels: Any, **fields: Any) -> codec.Image:
    return codec.Image.from_pixels(np.asarray(pixels), **fields)


@given(
    st.data(),
    st.sampled_from(['u1', 'i1', '>u2', '<i2', '>i4', '<u4', '<f4', '>f8']),
    st.sampled_from([0.0, 2.0, -1.5, 99.0]),
    st.sampled_from(codec.CoordinateSystem),
)
def test_the_cloud_of_a_volume_is_that_of_a_walk_over_its_voxels(
    data: Any, code: str, threshold: float, coordinate: codec.CoordinateSystem
) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 3)] * 3))
    pixels = data.draw(arrays(np.int8, shape, elements=st.integers(0, 5))).astype(code)
    axes = (0.5, 0.25, 0.0, -0.25, 0.5, 0.125, 0.0, 0.375, -3.0)
    centre = np.array([10.0, -20.0, 30.0])
    content = volume(pixels, axes=axes, position=tuple(centre), coordinate=coordinate)
    flip = [-1, -1, 1] if coordinate == codec.CoordinateSystem.LPS else [1, 1, 1]
    expected = []
    for k, j, i in np.ndindex(*shape):
        if float(pixels[k, j, i]) > threshold:
            steps = np.array([i, j, k]) - (np.array(shape[::-1]) - 1) / 2
            position = (centre + steps @ np.reshape(axes, (3, 3))) * flip / 1000
            expected.append([*position, float(pixels[k, j, i])])
    message = image_to_point_cloud(content, CONTEXT, threshold=threshold)
    assert message.header == HEADER
    read = point_cloud.read_cloud(message)
    actual = np.column_stack([read.positions, read.columns['intensity']])
    assert actual.shape == (len(expected), 4)
    assert actual.ravel() == pytest.approx(np.ravel(expected), rel=1e-6, abs=1e-9)


def test_without_a_threshold_all_that_is_more_than_nothing_is_in_the_cloud() -> None:
    content = volume(np.array([[[0, 1, -1, 0.001, math.nan]]], '<f4'))
    message = image_to_point_cloud(content, CONTEXT)
    read = point_cloud.read_cloud(message)
    assert read.columns['intensity'].tolist() == [1.0, np.float32(0.001)]


def test_voxels_that_float32_does_not_have_are_infinite_and_nan_is_not_above() -> None:
    content = volume(np.array([[[1e300, math.nan, -1e300]]], '<f8'))
    read = point_cloud.read_cloud(image_to_point_cloud(content, CONTEXT))
    assert read.columns['intensity'].tolist() == [math.inf]
    signalling = codec.Image(bytes.fromhex('7fa00000'), (1, 1, 1), codec.ScalarType.FLOAT32)
    signalling.endian = codec.Endian.BIG
    assert image_to_point_cloud(signalling, CONTEXT).width == 0


def test_a_threshold_that_no_voxel_is_above_gives_an_empty_cloud() -> None:
    message = image_to_point_cloud(volume(np.ones((2, 2, 2), np.uint8)), CONTEXT, threshold=1.0)
    assert message.width == 0
    assert point_cloud.read_cloud(message).positions.shape == (0, 3)


def test_a_cloud_of_more_points_than_are_drawn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ros2_igtl.convert.pairs.volume.MAX_POINTS', 7)
    content = volume(np.arange(9, dtype=np.uint8).reshape(1, 3, 3))
    convert = image_to_point_cloud
    assert convert(content, CONTEXT, threshold=1).width == 7
    assert cause(convert, content, CONTEXT) == 'too_many_elements'


def test_an_image_that_has_no_intensity_or_no_place_is_refused() -> None:
    convert = image_to_point_cloud
    assert cause(convert, volume(np.ones((2, 2, 2, 3), np.uint8)), CONTEXT) == 'scalar_type'
    assert cause(convert, volume(np.ones((2, 2, 2)), axes=(0.0,) * 9), CONTEXT) == 'zero_axis'
    part = codec.Image(array('B', bytes(4)), (2, 2, 2), sub_size=(2, 2, 1))
    assert cause(convert, part, CONTEXT) == 'sub_volume'

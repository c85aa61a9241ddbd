# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated imagers show the phantom where they say that they are."""

from __future__ import annotations

import numpy as np
import pytest

from ros2_igtl import codec
from ros2_igtl.sim.imager import (
    PERIOD_NS,
    SWEEP_MM,
    Imager,
    VolumeImager,
    phantom_at,
    slice_position,
)


def value_at(image: codec.Image, index: tuple[int, int, int]) -> tuple[float, float]:
    """Return a voxel's value and the phantom's, where the image's geometry puts the voxel."""
    axes = np.array(image.axes).reshape(3, 3)
    centre = (np.array(image.size) - 1) / 2.0
    x, y, z = np.array(image.position) + (np.array(index) - centre) @ axes
    i, j, k = index
    return float(image.pixels[k, j, i]), float(phantom_at(x, y, z))


def test_the_slice_sweeps_in_whole_millimetres_and_repeats() -> None:
    heights = [slice_position(PERIOD_NS * step // 100) for step in range(100)]
    assert heights == [slice_position(PERIOD_NS * (step + 700) // 100) for step in range(100)]
    assert (min(heights), max(heights)) == (-SWEEP_MM, SWEEP_MM)
    assert all(height == int(height) for height in heights)


@pytest.mark.parametrize('step', range(8))
def test_every_pixel_of_a_slice_is_the_phantom_where_the_image_says_it_is(step: int) -> None:
    time_ns = 1_700_000_000 * 10**9 + step * PERIOD_NS // 8
    (message,) = Imager(size=(32, 24), spacing=8.0).messages_at(time_ns)
    image = message.content
    assert codec.timestamp.to_nanoseconds(message.timestamp) == time_ns
    assert image.size == (32, 24, 1)
    assert image.position == (0.0, 0.0, slice_position(time_ns))
    for i in range(32):
        for j in range(24):
            shown, expected = value_at(image, (i, j, 0))
            assert shown == expected


def test_the_axes_of_a_slice_are_right_handed_and_its_columns_go_to_the_right() -> None:
    (message,) = Imager().messages_at(0)
    axes = np.array(message.content.axes).reshape(3, 3)
    assert np.linalg.det(axes) > 0.0
    assert axes[0].tolist() == [1.0, 0.0, 0.0]
    assert axes[1].tolist() == [0.0, -1.0, 0.0]


def test_the_picture_tells_right_from_left_and_front_from_back() -> None:
    (message,) = Imager().messages_at(0)
    pixels = message.content.pixels[0]
    assert pixels.dtype == np.uint8
    assert pixels.max() > 100
    assert not np.array_equal(pixels, pixels[:, ::-1])
    assert not np.array_equal(pixels, pixels[::-1])


def test_every_voxel_of_the_volume_is_the_phantom_where_the_image_says_it_is() -> None:
    (message,) = VolumeImager(size=(9, 11, 10), spacing=20.0).messages_at(0)
    image = message.content
    assert image.size == (9, 11, 10)
    assert image.scalar_type is codec.ScalarType.UINT16
    for i in range(9):
        for j in range(11):
            for k in range(10):
                shown, expected = value_at(image, (i, j, k))
                assert shown == expected


def test_an_imager_without_a_clock_sends_no_stamps() -> None:
    for imager in (Imager(stamped=False), VolumeImager(size=(2, 2, 2), stamped=False)):
        (message,) = imager.messages_at(123)
        assert message.timestamp == 0

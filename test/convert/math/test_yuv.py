# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.math.yuv against the real numbers of ITU-R BT.601."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import yuv

# BT.601, 2.5.1 and 2.5.3: luma, and the colour differences scaled to -0.5 to 0.5
LUMA = np.array([0.299, 0.587, 0.114])
MATRIX = np.stack(
    [LUMA, (np.array([0, 0, 1]) - LUMA) / 1.772, (np.array([1, 0, 0]) - LUMA) / 1.402]
)
SCALES = np.array([219, 224, 224])
OFFSETS = np.array([16, 128, 128])


def split(frame: NDArray[np.uint8], width: int, height: int) -> list[NDArray[np.uint8]]:
    count = width * height
    y, u, v = np.split(frame, [count, count * 5 // 4])
    half = (height // 2, width // 2)
    return [y.reshape(height, width), u.reshape(half), v.reshape(half)]


sizes = st.tuples(st.integers(1, 3).map(lambda n: 2 * n), st.integers(1, 3).map(lambda n: 2 * n))


@given(st.data(), sizes)
def test_pixels_become_what_bt_601_says(data: Any, size: tuple[int, int]) -> None:
    width, height = size
    pixels = data.draw(arrays(np.uint8, (height, width, 3)))
    frame = yuv.i420_from_rgb(pixels)
    assert len(frame) == yuv.frame_size(width, height) == width * height * 3 // 2
    expected = (pixels / 255) @ MATRIX.T * SCALES + OFFSETS
    y, u, v = split(frame, width, height)
    assert np.abs(y - expected[..., 0]).max() <= 0.502
    blocks = expected.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(u - blocks[..., 1]).max() <= 0.502
    assert np.abs(v - blocks[..., 2]).max() <= 0.502


@given(st.data(), sizes)
def test_frames_become_what_bt_601_says(data: Any, size: tuple[int, int]) -> None:
    width, height = size
    frame = data.draw(arrays(np.uint8, width * height * 3 // 2))
    y, u, v = split(frame, width, height)
    full = [y, *(plane.repeat(2, axis=0).repeat(2, axis=1) for plane in (u, v))]
    scaled = (np.stack(full, axis=-1) - OFFSETS.astype(float)) / SCALES
    expected = np.clip(scaled @ np.linalg.inv(MATRIX).T * 255, 0, 255)
    pixels = yuv.rgb_from_i420(frame, width, height)
    assert pixels.shape == (height, width, 3)
    assert np.abs(pixels - expected).max() <= 0.502


@pytest.mark.parametrize(
    ('rgb', 'expected'),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (81, 90, 240)),
        ((0, 255, 0), (145, 54, 34)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_pure_colours_have_the_well_known_numbers(
    rgb: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    frame = yuv.i420_from_rgb(np.full((2, 2, 3), rgb, np.uint8))
    assert frame.tolist() == [expected[0]] * 4 + [expected[1], expected[2]]
    assert np.abs(yuv.rgb_from_i420(frame, 2, 2).astype(int) - rgb).max() <= 1


def test_a_plane_of_one_colour_comes_back_within_2() -> None:
    levels = np.arange(0, 256, 5)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 1, 3)
    # columns of two pixels each, so that no two colours share a U and V
    pixels = colors.repeat(2, axis=1).reshape(1, -1, 3).repeat(2, axis=0).astype(np.uint8)
    width = pixels.shape[1]
    back = yuv.rgb_from_i420(yuv.i420_from_rgb(pixels), width, 2)
    assert np.abs(back.astype(int) - pixels).max() <= 2


def test_a_grey_frame_has_the_very_bytes_of_its_pixels() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    frame = yuv.i420_from_grey(pixels)
    assert frame.tolist() == [*pixels.reshape(-1).tolist(), *[128] * 12]


def test_pixels_are_not_changed_and_may_be_any_view() -> None:
    pixels = np.arange(36, dtype=np.uint8).reshape(4, 3, 3)
    view = pixels.transpose(1, 0, 2)[:2, ::-1]
    assert np.array_equal(yuv.i420_from_rgb(view), yuv.i420_from_rgb(view.copy()))


@pytest.mark.parametrize(('width', 'height'), [(3, 2), (2, 3), (1, 1)])
def test_an_odd_size_is_refused(width: int, height: int) -> None:
    pixels = np.zeros((height, width, 3), np.uint8)
    for convert in (
        lambda: yuv.i420_from_rgb(pixels),
        lambda: yuv.i420_from_grey(pixels[..., 0]),
        lambda: yuv.frame_size(width, height),
    ):
        with pytest.raises(ConvertError, match=f'I420 of {width} x {height}') as refusal:
            convert()
        assert refusal.value.cause == 'image_size'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Frames of I420 <-> pixels of red, green and blue; functions on bytes and numbers.

I420 is a plane of brightness (Y, one byte a pixel), then two of colour (U and V, one byte for
2 x 2 pixels). The values follow ITU-R BT.601 with Y from 16 to 235, as in the reference library
(``igtlCodecCommonClasses.h``). In a grey frame Y is the grey value from 0 to 255, which the
reference library passes on unchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.convert.errors import ConvertError

_NO_COLOR = 128  # of U and V
_BITS = 20  # of the fixed-point fraction: enough to round every result to the nearest byte
_HALF = 1 << _BITS - 1

# ITU-R BT.601-7, 2.5: the shares of red, green and blue in the brightness
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def _fixed(*values: float) -> list[int]:
    return [round(value * (1 << _BITS)) for value in values]


# Y has 219 steps, U and V have 224, a colour has 255. U is blue minus brightness, V is red minus
# brightness, both scaled to -0.5 to 0.5.
_U_RANGE, _V_RANGE = 2 * (1 - _BLUE), 2 * (1 - _RED)
_Y_STEP, _U_STEP, _V_STEP = 219 / 255, 224 / 255 / _U_RANGE, 224 / 255 / _V_RANGE
_TO_Y = _fixed(_RED * _Y_STEP, _GREEN * _Y_STEP, _BLUE * _Y_STEP)
_TO_U = _fixed(-_RED * _U_STEP, -_GREEN * _U_STEP, (1 - _BLUE) * _U_STEP)
_TO_V = _fixed((1 - _RED) * _V_STEP, -_GREEN * _V_STEP, -_BLUE * _V_STEP)
_FROM_Y, _BLUE_FROM_U, _RED_FROM_V = _fixed(1 / _Y_STEP, 1 / _U_STEP, 1 / _V_STEP)
_GREEN_FROM_U, _GREEN_FROM_V = _fixed(-_BLUE / _GREEN / _U_STEP, -_RED / _GREEN / _V_STEP)


def check_size(width: int, height: int) -> None:
    """
    Check that both sides of a frame are even, since U and V have half the size.

    :raises ConvertError: ``image_size``.
    """
    if width % 2 or height % 2:
        raise ConvertError('image_size', f'I420 of {width} x {height}; even sizes are allowed')


def frame_size(width: int, height: int) -> int:
    """
    Return the size of a frame in bytes.

    :raises ConvertError: ``image_size``: a side is odd.
    """
    check_size(width, height)
    return width * height * 3 // 2


def rgb_from_i420(frame: Any, width: int, height: int) -> NDArray[np.uint8]:
    """
    Return the pixels of a frame, shape (height, width, 3).

    :param frame: :func:`frame_size` bytes.
    """
    planes = np.frombuffer(frame, np.uint8)
    count = width * height
    y = planes[:count].reshape(height // 2, 2, width // 2, 2).astype(np.int32)
    u, v = planes[count:].reshape(2, height // 2, 1, width // 2, 1).astype(np.int32) - _NO_COLOR
    y = _FROM_Y * (y - 16) + _HALF
    colors = (_RED_FROM_V * v, _GREEN_FROM_U * u + _GREEN_FROM_V * v, _BLUE_FROM_U * u)
    pixels = np.empty((height // 2, 2, width // 2, 2, 3), np.uint8)
    for index, color in enumerate(colors):
        pixels[..., index] = np.clip((y + color) >> _BITS, 0, 255)
    return pixels.reshape(height, width, 3)


def i420_from_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    Return a frame for pixels of shape (height, width, 3); U and V are of the mean of 2 x 2.

    :raises ConvertError: ``image_size``: a side is odd.
    """
    height, width, _ = pixels.shape
    frame = np.empty(frame_size(width, height), np.uint8)
    count = width * height
    colors = [pixels[..., index].astype(np.int32) for index in range(3)]
    frame[:count] = (_weighted(_TO_Y, colors, _BITS) + 16).reshape(-1)
    # the sum of four pixels is two bits longer than their mean
    blocks = [
        color.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3), dtype=np.int32)
        for color in colors
    ]
    u, v = frame[count:].reshape(2, height // 2, width // 2)
    u[...] = _weighted(_TO_U, blocks, _BITS + 2) + _NO_COLOR
    v[...] = _weighted(_TO_V, blocks, _BITS + 2) + _NO_COLOR
    return frame


def i420_from_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    Return a frame for grey pixels of shape (height, width).

    :raises ConvertError: ``image_size``: a side is odd.
    """
    height, width = pixels.shape
    frame = np.full(frame_size(width, height), _NO_COLOR, np.uint8)
    frame[: width * height] = pixels.reshape(-1)
    return frame


def _weighted(weights: list[int], colors: list[NDArray[np.int32]], bits: int) -> NDArray[np.int32]:
    """Return the weighted sum of colours, rounded and shifted right by a number of bits."""
    total = weights[0] * colors[0] + weights[1] * colors[1] + weights[2] * colors[2]
    return (total + (1 << bits - 1)) >> bits

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The messages to measure.

They have header version 1, no metadata, a time stamp of whole seconds, ASCII texts and values that
float32 represents exactly, so that all implementations write the same bytes and do the same work.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from ros2_igtl import codec

TIMESTAMP = 1_700_000_000 << 32
STREAM_LENGTH = 10_000
MATRIX = np.array(
    [
        [0.0, -1.0, 0.0, 100.0],
        [1.0, 0.0, 0.0, -20.5],
        [0.0, 0.0, 1.0, 3.25],
        [0.0, 0.0, 0.0, 1.0],
    ]
)  # translation in millimetres


def _pack(content: codec.Content) -> bytes:
    return codec.pack(codec.Message(content, 'Device', TIMESTAMP))


def _tracking_data() -> bytes:
    tools = [(f'Tool{number}', codec.ToolType.INSTRUMENT_6D, MATRIX) for number in range(10)]
    return _pack(codec.TrackingData.from_tools(tools))


def _points() -> bytes:
    return _pack(
        codec.Point.from_points(
            {
                'name': f'Target{number}',
                'group': 'Plan',
                'rgba': (255, 128, 0, 255),
                'position': (number, -number / 2, 0.25),
                'size': 2.5,
                'owner': 'CT',
            }
            for number in range(100)
        )
    )


def _image(shape: tuple[int, int, int], dtype: str) -> bytes:
    random = np.random.default_rng(seed=1)
    pixels = random.integers(np.iinfo(dtype).max, size=shape, dtype=dtype, endpoint=True)
    axes = (0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 2.0)
    return _pack(codec.Image.from_pixels(pixels, axes=axes))


def _mesh() -> bytes:
    """
    Return a surface of 100,000 triangles over a grid of points, in millimetres.

    This function packs the content itself, since every implementation starts from the bytes.
    ``polydata.md`` has ten counts and sizes, then points, then polygons as (3, i, j, k).
    """
    i, j = np.meshgrid(np.arange(501), np.arange(101), indexing='ij')
    points = np.stack([i, j, i * j / 64], axis=-1).astype('>f4')
    corners = (i * 101 + j)[:-1, :-1].ravel()
    three = np.full_like(corners, 3)
    lower = np.stack([three, corners, corners + 101, corners + 1], axis=-1)
    upper = np.stack([three, corners + 1, corners + 101, corners + 102], axis=-1)
    polygons = np.concatenate([lower, upper]).astype('>u4')
    counts = struct.pack(
        '>10I', points.size // 3, 0, 0, 0, 0, len(polygons), polygons.nbytes, 0, 0, 0
    )
    body = counts + points.tobytes() + polygons.tobytes()
    return _pack(codec.Unknown('POLYDATA', body))


MESSAGES: dict[str, Callable[[], bytes]] = {
    'TRANSFORM': lambda: _pack(codec.Transform.from_matrix(MATRIX)),
    'STRING': lambda: _pack(codec.String('Move the needle to the target point now')),
    'TDATA, 10 tools': _tracking_data,
    'POINT, 100 points': _points,
    'IMAGE 512x512 u8': lambda: _image((1, 512, 512), 'u1'),
    'IMAGE 512x512x100 u16': lambda: _image((100, 512, 512), '<u2'),
}
"""A function for each message that returns its bytes."""

if 'POLYDATA' in codec.MESSAGE_TYPES:
    MESSAGES['POLYDATA, 100k triangles'] = _mesh


def transform_stream() -> bytes:
    """Return consecutive TRANSFORMs, as from a tracker."""
    return MESSAGES['TRANSFORM']() * STREAM_LENGTH

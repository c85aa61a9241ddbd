# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated imagers: a slice that sweeps through a phantom head, and the head as a volume."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec

PERIOD_NS = 8_000_000_000
SWEEP_MM = 60.0

# A head of ellipsoids in the manner of Shepp and Logan 1974 (IEEE Trans. Nucl. Sci. 21): half axes
# and centre in millimetres (right, anterior, superior), rotation about z in degrees, and grey
# value to add. The two sides differ, so that a mirrored image is recognisable.
PHANTOM = (
    ((92.0, 112.0, 96.0), (0.0, 0.0, 0.0), 0.0, 200.0),  # skull
    ((86.0, 105.0, 90.0), (0.0, -1.0, 0.0), 0.0, -130.0),  # brain
    ((14.0, 40.0, 28.0), (24.0, 4.0, 4.0), -18.0, -50.0),  # right ventricle
    ((20.0, 52.0, 32.0), (-26.0, 4.0, 4.0), 18.0, -50.0),  # left ventricle
    ((22.0, 20.0, 26.0), (0.0, 56.0, 10.0), 0.0, 40.0),
    ((8.0, 8.0, 8.0), (0.0, -14.0, 0.0), 0.0, 60.0),
    ((12.0, 9.0, 40.0), (52.0, -46.0, 12.0), 30.0, 110.0),  # a lesion, on the right
)


def phantom_at(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Return the phantom's grey values, 0 to 255.

    :param x: millimetres to the right; y to the front and z to the top. They are broadcast.
    """
    grey = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.float64)
    for (a, b, c), (cx, cy, cz), degrees, value in PHANTOM:
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        u = cosine * (x - cx) + sine * (y - cy)
        v = -sine * (x - cx) + cosine * (y - cy)
        grey[(u / a) ** 2 + (v / b) ** 2 + ((z - cz) / c) ** 2 <= 1.0] += value
    return grey


def slice_position(time_ns: int) -> float:
    """
    Return the height of the slice: whole millimetres to the top, from -60 to 60.

    :param time_ns: nanoseconds since 1970; the period is 8 s.
    """
    return float(round(SWEEP_MM * math.sin(2.0 * math.pi * (time_ns % PERIOD_NS) / PERIOD_NS)))


def _centred(count: int, spacing: float) -> NDArray[np.float64]:
    """Return the coordinates of `count` voxel centres about 0, millimetres."""
    return np.asarray((np.arange(count) - (count - 1) / 2.0) * spacing, dtype=np.float64)


@functools.lru_cache(maxsize=256)  # every period has the same slices
def _slice_image(columns: int, rows: int, spacing: float, height: float) -> codec.Image:
    grey = phantom_at(
        _centred(columns, spacing)[np.newaxis, :],
        -_centred(rows, spacing)[:, np.newaxis],
        np.array(height),
    )
    return codec.Image.from_pixels(
        grey.astype(np.uint8)[np.newaxis],
        axes=(spacing, 0.0, 0.0, 0.0, -spacing, 0.0, 0.0, 0.0, -1.0),
        position=(0.0, 0.0, height),
    )


@functools.lru_cache(maxsize=2)
def _volume_image(columns: int, rows: int, slices: int, spacing: float) -> codec.Image:
    grey = phantom_at(
        _centred(columns, spacing)[np.newaxis, np.newaxis, :],
        _centred(rows, spacing)[np.newaxis, :, np.newaxis],
        _centred(slices, spacing)[:, np.newaxis, np.newaxis],
    )
    return codec.Image.from_pixels(
        grey.astype('<u2'),
        axes=(spacing, 0.0, 0.0, 0.0, spacing, 0.0, 0.0, 0.0, spacing),
        position=(0.0, 0.0, 0.0),
    )


@dataclass(frozen=True)
class Imager:
    """
    A scanner whose slice sweeps up and down through the phantom: IMAGE, 8 bits, one slice.

    Rows run from front to back and columns from left to right, so the nose is at the top of the
    image. RAS.

    :param size: columns and rows.
    :param spacing: millimetres between pixels.
    """

    device_name: str = 'Scanner'
    size: tuple[int, int] = (256, 256)
    spacing: float = 1.0
    stamped: bool = True

    def messages_at(self, time_ns: int) -> tuple[codec.Message, ...]:
        """
        Return the messages of a time; slice_position gives the height of the slice.

        :param time_ns: nanoseconds since 1970.
        """
        image = _slice_image(*self.size, self.spacing, slice_position(time_ns))
        timestamp = codec.timestamp.from_nanoseconds(time_ns) if self.stamped else 0
        return (codec.Message(image, self.device_name, timestamp),)


@dataclass(frozen=True)
class VolumeImager:
    """
    A scanner that sends the whole phantom: IMAGE, 16 bits, RAS, centred at the origin.

    :param size: voxels to the right, to the front, to the top.
    :param spacing: millimetres between voxels.
    """

    device_name: str = 'Volume'
    size: tuple[int, int, int] = (96, 112, 96)
    spacing: float = 2.0
    stamped: bool = True

    def messages_at(self, time_ns: int) -> tuple[codec.Message, ...]:
        """
        Return the messages of a time; the volume is always the same.

        :param time_ns: nanoseconds since 1970.
        """
        timestamp = codec.timestamp.from_nanoseconds(time_ns) if self.stamped else 0
        image = _volume_image(*self.size, self.spacing)
        return (codec.Message(image, self.device_name, timestamp),)

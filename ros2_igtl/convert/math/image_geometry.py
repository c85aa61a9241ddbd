# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The geometry of an image: OpenIGTLink's axes and centre, and ROS's 3x4 matrix in metres.

Independent of OpenIGTLink and ROS messages. ``axes`` are nine numbers in millimetres: the i, j
and k axis (x, y, z each) times their spacing. ``position`` is the centre of the full volume in
millimetres. ``ijk_to_frame`` is 3x4, row-major, in metres; index (0, 0, 0) is the centre of the
first voxel. ROS is always RAS: x and y of LPS numbers are negated.

Source: ``image.md`` ("Center position of the image"), read as 3D Slicer and PLUS read it: the
first voxel lies at position - sum(axis * (size - 1) / 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TypeAlias

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.geometry import (
    MM_PER_M,
    Quaternion,
    Vector,
    check_distance,
    quaternion_from_rotation,
)

MAX_SIZE = 65535  # uint16, image.md

Axes: TypeAlias = tuple[float, float, float, float, float, float, float, float, float]
Size: TypeAlias = tuple[int, int, int]


def check_size(size: Sequence[int]) -> None:
    """
    Check that OpenIGTLink can express the numbers of voxels along i, j and k.

    :raises ConvertError: ``image_size``.
    """
    for count in size:
        if not 1 <= count <= MAX_SIZE:
            raise ConvertError(
                'image_size',
                f'an image of {" x ".join(map(str, size))}; 1 to {MAX_SIZE} each are allowed',
            )


def check_whole(sub_size: Sequence[int], size: Sequence[int]) -> None:
    """
    Check that an image is whole, not a part of another.

    :raises ConvertError: ``sub_volume``.
    """
    if sub_size != size:
        raise ConvertError(
            'sub_volume', f'a part of {sub_size} of an image of {size}; a whole image is needed'
        )


def check_axes(axes: Sequence[float], position: Sequence[float]) -> None:
    """
    Check that axes and position describe a possible image.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_axis``.
    """
    check_distance(*axes, *position)
    for name, axis in zip('ijk', (axes[0:3], axes[3:6], axes[6:9]), strict=True):
        # Check the squared length, not the components: its root is a divisor later.
        if axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2] == 0.0:
            raise ConvertError('zero_axis', f'the {name} axis of the image has length 0')


def ijk_to_frame(
    size: Sequence[int], axes: Sequence[float], position: Sequence[float], *, lps: bool = False
) -> list[float]:
    """
    Return the 3x4 matrix, row-major, in metres and RAS, for the geometry of an IMAGE.

    :param size: voxels along i, j, k of the full volume.
    :param axes: nine numbers, mm. They may be oblique or left-handed.
    :param position: centre of the full volume, mm.
    :param lps: the numbers are LPS, not RAS.
    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_axis``.
    """
    check_axes(axes, position)
    first = _first_voxel(size, axes, position)
    rows = []
    for row in range(3):
        scale = -MM_PER_M if lps and row < 2 else MM_PER_M
        rows += [axes[row] / scale, axes[3 + row] / scale, axes[6 + row] / scale]
        rows.append(first[row] / scale)
    return rows


def axes_and_position(size: Sequence[int], matrix: Sequence[float]) -> tuple[Axes, Vector]:
    """
    Return axes and position, in mm and RAS, for a 3x4 matrix in metres.

    This is the inverse of :func:`ijk_to_frame`: it restores the axes bit by bit in float32, and
    the position within 1e-9 mm at the size of a room.

    :param matrix: twelve numbers, row-major.
    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_axis``.
    """
    m11, m12, m13, x, m21, m22, m23, y, m31, m32, m33, z = (float(m) * MM_PER_M for m in matrix)
    axes = (m11, m21, m31, m12, m22, m32, m13, m23, m33)
    check_axes(axes, (x, y, z))
    i, j, k = ((count - 1) / 2 for count in size)
    position = (
        x + (m11 * i + m12 * j + m13 * k),
        y + (m21 * i + m22 * j + m23 * k),
        z + (m31 * i + m32 * j + m33 * k),
    )
    check_distance(*position)
    return axes, position


def plane_pose(
    size: Sequence[int], axes: Sequence[float], position: Sequence[float], *, lps: bool = False
) -> tuple[Vector, Quaternion]:
    """
    Return the pose of the plane of a slice: translation in metres, RAS, and unit quaternion.

    The origin is the centre of the first voxel; x points along i, y along j and z along x cross y,
    whichever way the k axis points: in a left-handed image z points against k. The spacing is
    not part of the pose. In-plane axes that are not quite orthogonal are each turned by half the
    deviation.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_axis``; ``non_rigid``: the
        cosine between the in-plane axes differs from 0 by more than
        :data:`~.geometry.RIGID_TOLERANCE`.
    """
    check_axes(axes, position)
    xx, xy, xz, yx, yy, yz = axes[:6]
    if lps:
        xx, xy, yx, yy = -xx, -xy, -yx, -yy
    x_scale = 1.0 / sqrt(xx * xx + xy * xy + xz * xz)
    y_scale = 1.0 / sqrt(yx * yx + yy * yy + yz * yz)
    xx, xy, xz = xx * x_scale, xy * x_scale, xz * x_scale
    yx, yy, yz = yx * y_scale, yy * y_scale, yz * y_scale
    zx, zy, zz = xy * yz - xz * yy, xz * yx - xx * yz, xx * yy - xy * yx
    rotation = quaternion_from_rotation(xx, xy, xz, yx, yy, yz, zx, zy, zz)
    x, y, z = (value / MM_PER_M for value in _first_voxel(size, axes, position))
    return ((-x, -y, z) if lps else (x, y, z)), rotation


def _first_voxel(
    size: Sequence[int], axes: Sequence[float], position: Sequence[float]
) -> tuple[float, ...]:
    i, j, k = ((count - 1) / 2 for count in size)
    return tuple(
        position[row] - (axes[row] * i + axes[3 + row] * j + axes[6 + row] * k) for row in range(3)
    )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Rotations, quaternions and millimetres on plain floats, independent of messages of either side.

Plain floats, because numpy is slower on three numbers: converting a transform takes about 10 µs.
Quaternions are (x, y, z, w), rotations are nine numbers by columns; OpenIGTLink has both so.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import TypeAlias

from ros2_igtl.convert.errors import ConvertError

MM_PER_M = 1000.0

MAX_DISTANCE_MM = 1e9
"""
1000 km: a greater value is garbage, such as a peer's uninitialised memory.

A float32 of this size has steps of 64 mm, so no real measurement exceeds this limit.
"""

RIGID_TOLERANCE = 1e-3
"""The largest deviation of any entry of RtR from the identity that a rotation may have."""

QUATERNION_TOLERANCE = 0.01
"""The largest deviation of the length of a quaternion from 1."""

Vector: TypeAlias = tuple[float, float, float]
Quaternion: TypeAlias = tuple[float, float, float, float]
Rotation: TypeAlias = tuple[float, float, float, float, float, float, float, float, float]


def metres(x: float, y: float, z: float) -> Vector:
    """
    Return in metres a position given in millimetres.

    The division is in float64: :func:`millimetres` and rounding to float32 restore every float32
    bit by bit.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    # False for NaN too; inline, since every transform comes through here
    if not (abs(x) <= MAX_DISTANCE_MM and abs(y) <= MAX_DISTANCE_MM and abs(z) <= MAX_DISTANCE_MM):
        check_distance(x, y, z)
    return x / MM_PER_M, y / MM_PER_M, z / MM_PER_M


def millimetres(x: float, y: float, z: float) -> Vector:
    """
    Return in millimetres a position given in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    x, y, z = x * MM_PER_M, y * MM_PER_M, z * MM_PER_M
    if not (abs(x) <= MAX_DISTANCE_MM and abs(y) <= MAX_DISTANCE_MM and abs(z) <= MAX_DISTANCE_MM):
        check_distance(x, y, z)
    return x, y, z


def check_distance(*values: float) -> None:
    """
    Check that lengths, in millimetres, are within :data:`MAX_DISTANCE_MM`.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    for value in values:
        if not abs(value) <= MAX_DISTANCE_MM:  # true for NaN too
            check_finite(*values)
            raise ConvertError(
                'out_of_range', f'{value:g} mm is farther than {MAX_DISTANCE_MM:g} mm'
            )


def check_finite(*values: float) -> None:
    """
    Check that numbers are neither NaN nor infinite.

    :raises ConvertError: ``not_finite``.
    """
    for value in values:
        if not isfinite(value):
            raise ConvertError('not_finite', f'{value} in {values}: finite numbers are needed')


def quaternion_from_rotation(
    r11: float,
    r21: float,
    r31: float,
    r12: float,
    r22: float,
    r32: float,
    r13: float,
    r23: float,
    r33: float,
) -> Quaternion:
    """
    Return the unit quaternion of the rotation nearest to a matrix, which is given by columns.

    :returns: norm 1 within 1e-12, w >= 0.
    :raises ConvertError: ``not_finite``; ``non_rigid``: the matrix scales, shears or mirrors: an
        entry of RtR differs from the identity's by more than :data:`RIGID_TOLERANCE`.

    Source: Higham 1986, SIAM J. Sci. Stat. Comput. 7(4) (nearest: the polar factor, by Newton's
    iteration); Shepperd 1978, J. Guidance and Control 1(3).
    """
    xx = abs(r11 * r11 + r21 * r21 + r31 * r31 - 1.0)
    yy = abs(r12 * r12 + r22 * r22 + r32 * r32 - 1.0)
    zz = abs(r13 * r13 + r23 * r23 + r33 * r33 - 1.0)
    xy = abs(r11 * r12 + r21 * r22 + r31 * r32)
    xz = abs(r11 * r13 + r21 * r23 + r31 * r33)
    yz = abs(r12 * r13 + r22 * r23 + r32 * r33)
    limit = RIGID_TOLERANCE
    # One by one: max() would miss a NaN.
    if not (
        xx <= limit and yy <= limit and zz <= limit and xy <= limit and xz <= limit and yz <= limit
    ):
        check_finite(r11, r21, r31, r12, r22, r32, r13, r23, r33)
        deviation = max(xx, yy, zz, xy, xz, yz)
        raise ConvertError(
            'non_rigid',
            f'RtR differs from the identity by {deviation:.3g}; {limit:g} is allowed',
        )
    # A matrix within the tolerance has singular values within 1.5e-3 of 1. A step reduces that
    # deviation to half its square, so two steps leave a shear of 1e-12 and keep the rotation.
    for _ in range(2):
        c11 = r22 * r33 - r32 * r23
        c21 = r32 * r13 - r12 * r33
        c31 = r12 * r23 - r22 * r13
        determinant = r11 * c11 + r21 * c21 + r31 * c31
        if determinant < 0.0:
            raise ConvertError(
                'non_rigid', f'the matrix mirrors: its determinant is {determinant:.6g}'
            )
        half = 0.5 / determinant
        (r11, r21, r31, r12, r22, r32, r13, r23, r33) = (
            0.5 * r11 + half * c11,
            0.5 * r21 + half * c21,
            0.5 * r31 + half * c31,
            0.5 * r12 + half * (r23 * r31 - r33 * r21),
            0.5 * r22 + half * (r33 * r11 - r13 * r31),
            0.5 * r32 + half * (r13 * r21 - r23 * r11),
            0.5 * r13 + half * (r21 * r32 - r31 * r22),
            0.5 * r23 + half * (r31 * r12 - r11 * r32),
            0.5 * r33 + half * (r11 * r22 - r21 * r12),
        )
    trace = r11 + r22 + r33
    # The largest of trace, r11, r22, r33 shows the largest component, the best one to divide by.
    if trace >= r11 and trace >= r22 and trace >= r33:
        x, y, z, w = r32 - r23, r13 - r31, r21 - r12, 1.0 + trace
    elif r11 >= r22 and r11 >= r33:
        x, y, z, w = 1.0 + r11 - r22 - r33, r12 + r21, r13 + r31, r32 - r23
    elif r22 >= r33:
        x, y, z, w = r12 + r21, 1.0 + r22 - r11 - r33, r23 + r32, r13 - r31
    else:
        x, y, z, w = r13 + r31, r23 + r32, 1.0 + r33 - r11 - r22, r21 - r12
    scale = 1.0 / sqrt(x * x + y * y + z * z + w * w)
    if w < 0.0:
        scale = -scale
    return x * scale, y * scale, z * scale, w * scale


def unit_quaternion(x: float, y: float, z: float, w: float) -> Quaternion:
    """
    Return a quaternion scaled to length 1, with its sign kept.

    :raises ConvertError: ``not_finite``; ``zero_quaternion``; ``quaternion_norm``: the length
        differs from 1 by more than :data:`QUATERNION_TOLERANCE`, so it is not a rotation.
    """
    norm = sqrt(x * x + y * y + z * z + w * w)
    if not abs(norm - 1.0) <= QUATERNION_TOLERANCE:
        check_finite(x, y, z, w)
        if norm == 0.0:
            raise ConvertError('zero_quaternion', 'the quaternion is zero, so not a rotation')
        raise ConvertError(
            'quaternion_norm',
            f'the quaternion has length {norm:.6g}; 1 within {QUATERNION_TOLERANCE:g} is allowed',
        )
    return x / norm, y / norm, z / norm, w / norm


def rotation_from_quaternion(x: float, y: float, z: float, w: float) -> Rotation:
    """
    Return the rotation matrix, by columns, of a quaternion of approximately length 1.

    From matrix to quaternion and back, an entry of a rotation rounded to float32 changes by less
    than 5e-7: :func:`quaternion_from_rotation` projects it onto the nearest rotation.

    :raises ConvertError: as :func:`unit_quaternion`.
    """
    # as unit_quaternion(); without a call, since all poses pass here
    norm = sqrt(x * x + y * y + z * z + w * w)
    if not abs(norm - 1.0) <= QUATERNION_TOLERANCE:
        unit_quaternion(x, y, z, w)  # refuses it
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    xx, yy, zz = x * x, y * y, z * z
    xy, xz, yz = x * y, x * z, y * z
    wx, wy, wz = w * x, w * y, w * z
    return (
        1.0 - 2.0 * (yy + zz),
        2.0 * (xy + wz),
        2.0 * (xz - wy),
        2.0 * (xy - wz),
        1.0 - 2.0 * (xx + zz),
        2.0 * (yz + wx),
        2.0 * (xz + wy),
        2.0 * (yz - wx),
        1.0 - 2.0 * (xx + yy),
    )

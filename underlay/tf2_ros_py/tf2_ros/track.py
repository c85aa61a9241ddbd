# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The poses of one child frame over time, and the arithmetic of rigid transforms.

Independent of the frame tree and of ROS. Quaternions are (x, y, z, w), lengths are in metres,
times in nanoseconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


class Rigid(NamedTuple):
    """A pose of a child frame in its parent frame."""

    translation: Vector
    rotation: Quaternion

    def __matmul__(self, other: Rigid) -> Rigid:
        """Return in the parent frame a pose given in the child frame."""
        x, y, z = rotated(self.rotation, other.translation)
        tx, ty, tz = self.translation
        return Rigid((tx + x, ty + y, tz + z), product(self.rotation, other.rotation))

    def inverse(self) -> Rigid:
        """Return the pose of the parent frame in the child frame."""
        x, y, z, w = self.rotation
        rotation = (-x, -y, -z, w)
        tx, ty, tz = rotated(rotation, self.translation)
        return Rigid((-tx, -ty, -tz), rotation)


IDENTITY = Rigid((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def product(a: Quaternion, b: Quaternion) -> Quaternion:
    """Return the Hamilton product: the rotation b followed by the rotation a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def rotated(rotation: Quaternion, vector: Vector) -> Vector:
    """Return the rotated vector."""
    x, y, z, w = rotation
    conjugate = (-x, -y, -z, w)
    turned = product(product(rotation, (*vector, 0.0)), conjugate)
    return turned[:3]


def interpolated(a: Rigid, b: Rigid, fraction: float) -> Rigid:
    """Return the pose that lies fraction (0 to 1) of the way from a to b, on the shorter arc."""
    (ax, ay, az), (bx, by, bz) = a.translation, b.translation
    translation = (
        ax + (bx - ax) * fraction,
        ay + (by - ay) * fraction,
        az + (bz - az) * fraction,
    )
    cosine = sum(p * q for p, q in zip(a.rotation, b.rotation, strict=True))
    sign = -1.0 if cosine < 0.0 else 1.0
    angle = math.acos(min(1.0, abs(cosine)))
    if angle < 1e-6:  # avoid dividing by a tiny sin(angle); linear weights are as exact
        weight_a, weight_b = 1.0 - fraction, fraction
    else:
        weight_a = math.sin((1.0 - fraction) * angle) / math.sin(angle)
        weight_b = math.sin(fraction * angle) / math.sin(angle)
    x, y, z, w = (
        weight_a * p + sign * weight_b * q for p, q in zip(a.rotation, b.rotation, strict=True)
    )
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    return Rigid(translation, (x / norm, y / norm, z / norm, w / norm))


class OutOfRangeError(Exception):
    """No pose is known for the requested time."""


class Track:
    """The poses of one child frame, each with its time and its parent frame."""

    def __init__(self, *, is_static: bool) -> None:
        self.is_static = is_static
        self.times: list[int] = []
        self.samples: list[tuple[str, Rigid]] = []

    def insert(self, time: int, parent: str, pose: Rigid, cache_time: int) -> None:
        """Store a pose, unless it is older than the newest one by more than cache_time."""
        if self.is_static:
            self.times, self.samples = [time], [(parent, pose)]
            return
        if self.times and time < self.times[-1] - cache_time:
            return
        at = bisect_left(self.times, time)
        if at < len(self.times) and self.times[at] == time:
            self.samples[at] = (parent, pose)
        else:
            self.times.insert(at, time)
            self.samples.insert(at, (parent, pose))
        outdated = bisect_left(self.times, self.times[-1] - cache_time)
        del self.times[:outdated]
        del self.samples[:outdated]

    def sample(self, time: int) -> tuple[str, Rigid]:
        """
        Return the parent frame and the pose in it at a time; 0 is the newest.

        :raises OutOfRangeError: the time is outside the stored range.
        """
        if self.is_static or time == 0:
            return self.samples[-1]
        at = bisect_left(self.times, time)
        if at < len(self.times) and self.times[at] == time:
            return self.samples[at]
        if at in (0, len(self.times)):
            raise OutOfRangeError(
                f'at {time} ns; poses are known from {self.times[0]} to {self.times[-1]} ns'
            )
        (parent, before), (next_parent, after) = self.samples[at - 1], self.samples[at]
        if parent != next_parent:
            return parent, before
        start, end = self.times[at - 1], self.times[at]
        return parent, interpolated(before, after, (time - start) / (end - start))

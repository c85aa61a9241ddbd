# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which poses messages carry, by a slow reading of their own: what judges the poses on tf.

Nothing of ``ros2_igtl.convert`` is used, which is what is judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec

Matrix = NDArray[np.float64]

# A rotation may be off by 1e-3 in RtR, and a norm by 1 %, and a little for the rounding here.
RIGID_TOLERANCE = 1.01e-3
NORM_TOLERANCE = 1.01e-2
SAME = 2e-3  # between a rotation and what its projection is


def poses_of(message: codec.Message) -> Iterator[tuple[Matrix, Matrix]]:
    """Yield the poses that a message carries: rotation (3, 3), and translation (3,) in metres."""
    with np.errstate(all='ignore'):
        for rotation, translation_mm in _read(message.content):
            rotation = np.asarray(rotation, np.float64)
            translation = np.asarray(translation_mm, np.float64) / 1000.0
            if is_rigid(rotation) and np.isfinite(translation).all():
                yield rotation, translation


def is_rigid(rotation: Matrix) -> bool:
    """Return whether a matrix turns, and neither scales nor mirrors."""
    error = np.abs(rotation.T @ rotation - np.eye(3)).max()
    return bool(error <= RIGID_TOLERANCE and np.linalg.det(rotation) > 0.0)  # False for NaN


def rotation_of(quaternion: Any) -> Matrix:
    """Return the rotation of x, y, z, w; NaN if the norm is too far from 1."""
    q = np.asarray(quaternion, np.float64)
    norm = np.linalg.norm(q)
    if not abs(norm - 1.0) <= NORM_TOLERANCE:
        return np.full((3, 3), np.nan)
    x, y, z, w = q / norm
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _read(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield rotation and translation in millimetres, whatever they are."""
    if isinstance(content, codec.Transform):
        yield content.matrix[:3, :3], content.matrix[:3, 3]
    elif isinstance(content, codec.Position):  # QTRANS too
        yield (
            rotation_of((content.ox, content.oy, content.oz, content.w)),
            (content.x, content.y, content.z),
        )
    elif isinstance(content, codec.TrackingData):
        for tool in content.tools:
            columns = np.asarray(tool['matrix'], np.float64)
            yield columns[:3].T, columns[3]
    elif isinstance(content, codec.QuaternionTrackingData):
        for tool in content.tools:
            yield rotation_of(tool['quaternion']), tool['position']
    elif isinstance(content, codec.Image | codec.Video):
        yield _plane_of(content)
    elif isinstance(content, codec.Bind):
        for child in content.children:
            yield from _read(child.content)


def _plane_of(content: Any) -> tuple[Matrix, Matrix]:
    """Return where the plane of an image is: RAS, the origin at the centre of the first pixel."""
    axes = np.array(content.axes, np.float64).reshape(3, 3)
    origin = np.array(content.position, np.float64)
    for axis, size in zip(axes, content.size, strict=True):
        origin = origin - axis * (size - 1) / 2
    if content.coordinate == codec.CoordinateSystem.LPS:
        axes, origin = axes * (-1, -1, 1), origin * (-1, -1, 1)
    x, y = (axis / np.linalg.norm(axis) for axis in axes[:2])
    return np.column_stack((x, y, np.cross(x, y))), origin


class PoseLedger:
    """The poses that were sent."""

    def __init__(self) -> None:
        self._rotations: dict[tuple[float, ...], list[Matrix]] = {}

    def note(self, message: codec.Message) -> None:
        """Take down the poses of a message that is valid."""
        for rotation, translation in poses_of(message):
            known = self._rotations.setdefault(tuple(translation.tolist()), [])
            if not any(np.array_equal(rotation, other) for other in known):
                known.append(rotation)

    def has(self, transform: Any) -> bool:
        """Return whether a geometry_msgs/Transform is one of them."""
        t, q = transform.translation, transform.rotation
        place, rotation = (t.x, t.y, t.z), rotation_of((q.x, q.y, q.z, q.w))
        rotations = self._rotations.get(place)
        if rotations is None:  # an origin that was added up in another order
            rotations = [
                other
                for near, others in self._rotations.items()
                if np.allclose(near, place, rtol=1e-9, atol=1e-9)
                for other in others
            ]
        return any(np.abs(rotation - other).max() < SAME for other in rotations)

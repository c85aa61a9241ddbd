# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which poses messages carry, by a slow reading of their own: what judges the poses on tf.

Nothing of ``ros2_igtl.convert`` is used, which is what is judged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec

Matrix = NDArray[np.float64]

# A rotation may be off by 1e-3 in RtR, and a norm by 1 %, and a little for the rounding here.
RIGID_TOLERANCE = 1.01e-3
NORM_TOLERANCE = 1.01e-2
SAME = 2e-3  # between a rotation and what its projection is
MAX_AGE_NS = 2_000_000_000  # of a pose on tf; a body that comes in pieces takes its time


def poses_of(message: codec.Message) -> Iterator[tuple[str, Matrix, Matrix]]:
    """Yield the poses in a message: child frame, rotation (3, 3), translation (3,) in metres."""
    name = message.metadata.get('IGTL_DEVICE_NAME', message.device_name)
    with np.errstate(all='ignore'):
        for tool, rotation, translation_mm in _read(message.content, name):
            rotation = np.asarray(rotation, np.float64)
            translation = np.asarray(translation_mm, np.float64) / 1000.0
            if is_rigid(rotation) and np.isfinite(translation).all():
                yield child_frame_of(tool), rotation, translation


def child_frame_of(name: str) -> str:
    """Return the child frame of a device or tool name: ``Probe`` of ``ProbeToTracker``."""
    places = [
        place
        for place in range(len(name) - 2)
        if name.startswith('To', place) and not 'a' <= name[place + 2] <= 'z'
    ]
    if len(places) == 1 and places[0] > 0:
        name = name[: places[0]]
    text = ''.join(c if c.isprintable() and not c.isspace() else '_' for c in name)
    while text.startswith('/'):
        text = text[1:]
    return text or 'unnamed'


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


def _read(content: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, rotation and translation in millimetres, whatever they are."""
    if isinstance(content, codec.Transform):
        yield name, content.matrix[:3, :3], content.matrix[:3, 3]
    elif isinstance(content, codec.Position):  # QTRANS too
        yield (
            name,
            rotation_of((content.ox, content.oy, content.oz, content.w)),
            (content.x, content.y, content.z),
        )
    elif isinstance(content, codec.TrackingData):
        for tool in content.tools:
            columns = np.asarray(tool['matrix'], np.float64)
            yield _text(tool['name']), columns[:3].T, columns[3]
    elif isinstance(content, codec.QuaternionTrackingData):
        for tool in content.tools:
            yield _text(tool['name']), rotation_of(tool['quaternion']), tool['position']
    elif isinstance(content, codec.Image | codec.Video):
        yield (name, *_plane_of(content))
    elif isinstance(content, codec.Bind):
        for child in content.children:
            yield from _read(child.content, child.device_name)


def _text(name: Any) -> str:
    """Return the name of a tool, which ends at the first NUL."""
    return bytes(name).partition(b'\0')[0].decode('utf-8', 'surrogateescape')


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


@dataclass(eq=False)
class _Noted:
    """A pose of one frame, how often it was sent and seen, and when it was sent the last time."""

    child: str
    rotation: Matrix
    sent: int = 0
    seen: int = 0
    sent_ns: int = 0


def _rounded(place: tuple[float, ...]) -> tuple[str, ...]:
    """Return a place to six digits, and to 10 nm."""
    return tuple(f'{0.0 if abs(value) < 1e-8 else value:.6g}' for value in place)


class PoseLedger:
    """The poses that were sent."""

    def __init__(self) -> None:
        self._noted: dict[tuple[float, ...], list[_Noted]] = {}
        self._near: dict[tuple[str, ...], list[_Noted]] = {}  # the same, by rounded places

    def note(self, message: codec.Message, sent_ns: int | None = None) -> None:
        """Take down the poses of a message that is valid; sent now by default."""
        for child, rotation, translation in poses_of(message):
            place = tuple(translation.tolist())
            all_there = self._noted.setdefault(place, [])
            for known in all_there:
                if known.child == child and np.array_equal(rotation, known.rotation):
                    break
            else:
                known = _Noted(child, rotation)
                all_there.append(known)
                self._near.setdefault(_rounded(place), []).append(known)
            known.sent += 1
            known.sent_ns = time.time_ns() if sent_ns is None else sent_ns

    def fault_of(self, transform: Any, published_ns: int) -> str:
        """
        Return what is wrong with a geometry_msgs/TransformStamped on tf, or ''.

        :param published_ns: when it was published.
        """
        found = self._find(transform.transform)
        if not found:
            return 'from_nowhere'
        found = [each for each in found if each.child == transform.child_frame_id]
        if not found:
            return 'other_frame'
        # which of them it was is not known if their rotations hardly differ
        missing = [each for each in found if each.seen < each.sent]
        if not missing:
            return 'twice'
        missing[0].seen += 1
        newest_ns = max(each.sent_ns for each in found)
        return 'late' if published_ns - newest_ns > MAX_AGE_NS else ''

    def has(self, pose: Any) -> bool:
        """Return whether a geometry_msgs/Transform is one of them."""
        return bool(self._find(pose))

    def _find(self, pose: Any) -> list[_Noted]:
        t, q = pose.translation, pose.rotation
        place, rotation = (t.x, t.y, t.z), rotation_of((q.x, q.y, q.z, q.w))
        found = self._noted.get(place)
        if found is None:  # an origin that was added up in another order
            found = self._near.get(_rounded(place))
        if found is None:
            found = [
                each
                for near, others in self._noted.items()
                if np.allclose(near, place, rtol=1e-9, atol=1e-9)
                for each in others
            ]
        return [each for each in found if np.abs(rotation - each.rotation).max() < SAME]

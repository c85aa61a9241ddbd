# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parts that ROS messages of several families have in common, in metres; no whole family.

The functions fill the fields of a message one by one: the constructor with keywords would make
each part twice. A TransformStamped takes 7 instead of 22 µs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, PointStamped, Pose, PoseStamped, TransformStamped, Vector3
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.geometry import (
    MM_PER_M,
    Quaternion,
    Vector,
    check_distance,
    millimetres,
    rotation_from_quaternion,
)

MAX_ELEMENTS = 10_000
"""
More than any plan or database has. Each element becomes a message, which takes 20 to 60 µs, and a
peer may send two million of them at once.
"""


def check_count(count: int) -> None:
    """
    Check that a list is not so long that converting it would block other messages.

    :raises ConvertError: ``too_many_elements``.
    """
    if count > MAX_ELEMENTS:
        raise ConvertError('too_many_elements', f'{count} elements; {MAX_ELEMENTS} are allowed')


def ros_name(name: bytes) -> str:
    """Return the text of a name inside a content."""
    return naming.ros_text(codec.text(name))


def make_color(rgba: Sequence[int]) -> ColorRGBA:
    """Return the colour of four bytes, each component from 0 to 1."""
    r, g, b, a = rgba
    return ColorRGBA(r=r / 255.0, g=g / 255.0, b=b / 255.0, a=a / 255.0)


def rgba_of(color: ColorRGBA) -> tuple[int, ...]:
    """
    Return the four bytes of a colour.

    :raises ConvertError: ``color_range``.
    """
    return tuple(map(_color_byte, (color.r, color.g, color.b, color.a)))


def size_mm(size: float) -> float:
    """
    Return in millimetres the size of a point or trajectory given in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    size *= MM_PER_M
    check_distance(size)
    return size


def sizes_of(elements: NDArray[Any]) -> list[float]:
    """
    Return the field ``size`` of elements in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    sizes = elements['size'].tolist()
    check_distance(*sizes)
    return [size / MM_PER_M for size in sizes]


def position_mm(point: Point | Vector3) -> Vector:
    """
    Return a geometry_msgs/Point or Vector3 in millimetres.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return millimetres(point.x, point.y, point.z)


def columns_of_pose(pose: Pose) -> tuple[float, ...]:
    """
    Return the twelve numbers of TRANSFORM, column by column, in millimetres, for a pose in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``.
    """
    orientation = pose.orientation
    rotation = rotation_from_quaternion(orientation.x, orientation.y, orientation.z, orientation.w)
    return *rotation, *position_mm(pose.position)


def make_point(position: Vector) -> Point:
    """Return a point, metres."""
    x, y, z = position
    return Point(x=x, y=y, z=z)


def make_points(positions: NDArray[np.float64]) -> list[Point]:
    """Return a point for each row of positions, shape (n, 3), metres."""
    return [Point(x=x, y=y, z=z) for x, y, z in positions.tolist()]


def make_vector(vector: Vector) -> Vector3:
    """Return a vector, metres."""
    x, y, z = vector
    return Vector3(x=x, y=y, z=z)


def make_pose(position: Vector, orientation: Quaternion) -> Pose:
    """Return a pose, metres."""
    pose = Pose()
    fill_pose(pose, position, orientation)
    return pose


def fill_pose(pose: Pose, position: Vector, orientation: Quaternion) -> None:
    """Fill an existing pose; building another one costs three times as much."""
    point, quaternion = pose.position, pose.orientation
    point.x, point.y, point.z = position
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = orientation


def check_frames(frame_id: str, child_frame_id: str) -> None:
    """
    Check that tf accepts a pair of frames.

    :raises ConvertError: ``empty_frame``; ``same_frame``.
    """
    if not frame_id or not child_frame_id:
        raise ConvertError(
            'empty_frame',
            f"the transform of '{child_frame_id}' in '{frame_id}' needs a name for both frames",
        )
    if frame_id == child_frame_id:
        raise ConvertError('same_frame', f"the transform of '{frame_id}' in itself is not allowed")


def transform_stamped(
    translation: Vector, rotation: Quaternion, context: Context
) -> TransformStamped:
    """
    Return the pose of the context's child frame in its parent frame; translation in metres.

    :raises ConvertError: ``empty_frame``; ``same_frame``.
    """
    check_frames(context.frame_id, context.child_frame_id)
    message = TransformStamped()
    message.header.stamp = context.stamp
    message.header.frame_id = context.frame_id
    message.child_frame_id = context.child_frame_id
    vector, quaternion = message.transform.translation, message.transform.rotation
    vector.x, vector.y, vector.z = translation
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = rotation
    return message


def pose_stamped(position: Vector, orientation: Quaternion, context: Context) -> PoseStamped:
    """Return a pose in the context's parent frame, metres."""
    message = PoseStamped()
    message.header.stamp = context.stamp
    message.header.frame_id = context.frame_id
    fill_pose(message.pose, position, orientation)
    return message


def point_stamped(position: Vector, context: Context) -> PointStamped:
    """Return a position in the context's parent frame, metres."""
    message = PointStamped()
    message.header.stamp = context.stamp
    message.header.frame_id = context.frame_id
    message.point.x, message.point.y, message.point.z = position
    return message


def _color_byte(component: float) -> int:
    # float32 rounds 1/255 by 1e-8, far less than the tolerance of half a step
    scaled = component * 255.0
    if not -0.5 < scaled < 255.5:
        raise ConvertError('color_range', f'colour component {component:g}; 0 to 1 are allowed')
    return round(scaled)

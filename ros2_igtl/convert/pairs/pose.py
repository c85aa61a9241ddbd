# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
TRANSFORM and POSITION <-> geometry_msgs.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from builtin_interfaces.msg import Time
from geometry_msgs.msg import PointStamped, PoseStamped, TransformStamped

from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.math.geometry import (
    Quaternion,
    Vector,
    metres,
    millimetres,
    quaternion_from_rotation,
    rotation_from_quaternion,
    unit_quaternion,
)
from ros2_igtl.convert.math.stamps import NANOSECONDS_PER_SECOND, join_stamp
from ros2_igtl.convert.pairs import parts


def transform_to_transform_stamped(
    content: codec.Transform, context: Context
) -> tuple[TransformStamped]:
    """
    Return the pose of the child frame in the parent frame, in a sequence of one message.

    This function does not call ``parts.transform_stamped``, to save time: hundreds of messages a
    second come through here.

    Lost: the last bits of the rotation (5e-7), which is made orthogonal.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``non_rigid``; ``empty_frame``;
        ``same_frame``.
    """
    translation, rotation = metres(*content[9:]), quaternion_from_rotation(*content[:9])
    frame_id, child_frame_id = context.frame_id, context.child_frame_id
    if not frame_id or not child_frame_id or frame_id == child_frame_id:
        parts.check_frames(frame_id, child_frame_id)
    message = TransformStamped()
    message.header.stamp = context.stamp
    message.header.frame_id = frame_id
    message.child_frame_id = child_frame_id
    vector, quaternion = message.transform.translation, message.transform.rotation
    vector.x, vector.y, vector.z = translation
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = rotation
    return (message,)


def transform_from_transform_stamped(message: TransformStamped) -> tuple[Outbound]:
    """
    Return the transform; a round trip keeps every bit of the translation, the rotation to 5e-7.

    This function does not call ``outbound``, to save time, as the other direction.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``empty_frame``; ``same_frame``; ``timestamp_range``.
    """
    header, pose, child_frame_id = message.header, message.transform, message.child_frame_id
    frame_id, stamp = header.frame_id, header.stamp
    if not frame_id or not child_frame_id or frame_id == child_frame_id:
        parts.check_frames(frame_id, child_frame_id)
    rotation, translation = pose.rotation, pose.translation
    content = codec.Transform(
        *rotation_from_quaternion(rotation.x, rotation.y, rotation.z, rotation.w),
        *millimetres(translation.x, translation.y, translation.z),
    )
    stamp_ns = stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec
    if stamp_ns < 0:
        join_stamp(stamp.sec, stamp.nanosec)  # refuses it
    return (Outbound(content, stamp_ns, frame_id, child_frame_id),)


def transform_to_pose_stamped(content: codec.Transform, context: Context) -> PoseStamped:
    """
    Return the pose in the parent frame.

    Lost: the last bits of the rotation (5e-7), which is made orthogonal, and the child frame.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``non_rigid``.
    """
    return parts.pose_stamped(
        metres(*content[9:]), quaternion_from_rotation(*content[:9]), context
    )


def transform_from_pose_stamped(message: PoseStamped) -> Outbound:
    """
    Return the transform of a pose.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``.
    """
    return outbound(codec.Transform(*parts.columns_of_pose(message.pose)), message.header)


def position_to_pose_stamped(content: codec.Position, context: Context) -> PoseStamped:
    """
    Return the pose in the parent frame, its quaternion scaled to length 1.

    Lost: the length of the quaternion, its sign, and the child frame; the way back makes 28 bytes.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``: the length differs from 1 by more than 1 %.
    """
    return parts.pose_stamped(*_position_parts(content), context)


def position_from_pose_stamped(message: PoseStamped) -> Outbound:
    """
    Return position and quaternion, always in the documented form of 28 bytes.

    :raises ConvertError: as :func:`position_to_pose_stamped`.
    """
    position, orientation = message.pose.position, message.pose.orientation
    content = codec.Position(
        *millimetres(position.x, position.y, position.z),
        *unit_quaternion(orientation.x, orientation.y, orientation.z, orientation.w),
    )
    return outbound(content, message.header)


def position_to_point_stamped(content: codec.Position, context: Context) -> PointStamped:
    """
    Return the position in the parent frame, without checking the quaternion.

    Lost: the quaternion and the child frame; the way back makes 28 bytes.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return parts.point_stamped(metres(content.x, content.y, content.z), context)


def position_from_point_stamped(message: PointStamped) -> Outbound:
    """
    Return the position without rotation, in the documented form of 28 bytes.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    point = message.point
    return outbound(codec.Position(*millimetres(point.x, point.y, point.z)), message.header)


def position_to_transform_stamped(content: codec.Position, context: Context) -> TransformStamped:
    """
    Return the pose of the child frame in the parent frame.

    Lost: the length of the quaternion and its sign; the way back makes 28 bytes.

    :raises ConvertError: as :func:`position_to_pose_stamped`; ``empty_frame``; ``same_frame``.
    """
    return parts.transform_stamped(*_position_parts(content), context)


def position_from_transform_stamped(message: TransformStamped) -> Outbound:
    """
    Return the position and the quaternion of a transform.

    :raises ConvertError: as :func:`position_to_transform_stamped`.
    """
    parts.check_frames(message.header.frame_id, message.child_frame_id)
    rotation, translation = message.transform.rotation, message.transform.translation
    content = codec.Position(
        *millimetres(translation.x, translation.y, translation.z),
        *unit_quaternion(rotation.x, rotation.y, rotation.z, rotation.w),
    )
    return outbound(content, message.header, message.child_frame_id)


def static_transform(
    frame_id: str, child_frame_id: str, translation: Vector, rotation: Quaternion
) -> TransformStamped:
    """
    Return a static pose of a child frame in its parent frame, without a stamp.

    :param translation: metres.
    :param rotation: x, y, z, w; scaled to length 1.
    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``empty_frame``; ``same_frame``.
    """
    millimetres(*translation)
    context = Context('', Time(), frame_id, child_frame_id)
    return parts.transform_stamped(translation, unit_quaternion(*rotation), context)


def _position_parts(content: codec.Position) -> tuple[Vector, Quaternion]:
    return (
        metres(content.x, content.y, content.z),
        unit_quaternion(content.ox, content.oy, content.oz, content.w),
    )


# The same function for tf and for the topic, so that both use one message.
_POSITION_TO_TF = one(position_to_transform_stamped)

CONVERSIONS = (
    Conversion(
        'TRANSFORM',
        'geometry_msgs/msg/TransformStamped',
        transform_to_transform_stamped,
        transform_from_transform_stamped,
        default=True,
        to_tf=transform_to_transform_stamped,
    ),
    Conversion(
        'TRANSFORM',
        'geometry_msgs/msg/PoseStamped',
        one(transform_to_pose_stamped),
        one(transform_from_pose_stamped),
    ),
    Conversion(
        'POSITION',
        'geometry_msgs/msg/PoseStamped',
        one(position_to_pose_stamped),
        one(position_from_pose_stamped),
        default=True,
        to_tf=_POSITION_TO_TF,
    ),
    Conversion(
        'POSITION',
        'geometry_msgs/msg/PointStamped',
        one(position_to_point_stamped),
        one(position_from_point_stamped),
    ),
    Conversion(
        'POSITION',
        'geometry_msgs/msg/TransformStamped',
        _POSITION_TO_TF,
        one(position_from_transform_stamped),
    ),
)

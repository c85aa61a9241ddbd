# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
TRANSFORM, POSITION, TDATA, QTDATA, POINT, the plane of an IMAGE, and SENSOR <-> geometry_msgs.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
Messages are filled rather than built by keyword, which makes each part twice: 7 against 22 µs for
a TransformStamped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import (
    Point,
    PointStamped,
    Pose,
    PoseArray,
    PoseStamped,
    TransformStamped,
    Vector3,
    Wrench,
    WrenchStamped,
)
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert import elements, naming, units
from ros2_igtl.convert.context import (
    Context,
    Outbound,
    outbound,
    sensor_header,
    sensor_outbound,
)
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import image_geometry
from ros2_igtl.convert.math.geometry import (
    Quaternion,
    Vector,
    metres,
    millimetres,
    quaternion_from_rotation,
    rotation_from_quaternion,
    unit_quaternion,
)
from ros2_igtl.convert.math.stamps import join_stamp
from ros2_igtl.convert.metadata import faults_of


def transform_to_transform_stamped(content: codec.Transform, context: Context) -> TransformStamped:
    """
    Return the pose of the child frame in the parent frame.

    Lost: the last bits of a rotation (5e-7), which is made a rotation.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``non_rigid``; ``empty_frame``;
        ``same_frame``.
    """
    return _transform_stamped(
        metres(*content[9:]), quaternion_from_rotation(*content[:9]), context
    )


def transform_from_transform_stamped(message: TransformStamped) -> Outbound:
    """
    Return the transform; the translation comes back bit by bit, the rotation within 5e-7.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``empty_frame``; ``same_frame``.
    """
    _check_frames(message.header.frame_id, message.child_frame_id)
    rotation, translation = message.transform.rotation, message.transform.translation
    content = codec.Transform(
        *rotation_from_quaternion(rotation.x, rotation.y, rotation.z, rotation.w),
        *millimetres(translation.x, translation.y, translation.z),
    )
    return outbound(content, message.header, message.child_frame_id)


def transform_to_pose_stamped(content: codec.Transform, context: Context) -> PoseStamped:
    """
    Return the pose in the parent frame.

    Lost: the last bits of a rotation (5e-7), which is made a rotation, and the child frame.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``non_rigid``.
    """
    return _pose_stamped(metres(*content[9:]), quaternion_from_rotation(*content[:9]), context)


def transform_from_pose_stamped(message: PoseStamped) -> Outbound:
    """
    Return the transform of a pose.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``.
    """
    return outbound(codec.Transform(*elements.columns_of_pose(message.pose)), message.header)


def position_to_pose_stamped(content: codec.Position, context: Context) -> PoseStamped:
    """
    Return the pose in the parent frame, its quaternion scaled to length 1.

    Lost: the length of the quaternion, its sign, and the child frame; it comes back with 28
    bytes.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``: off by more than 1 %.
    """
    return _pose_stamped(*_position_parts(content), context)


def position_from_pose_stamped(message: PoseStamped) -> Outbound:
    """
    Return the position and the quaternion, always in the documented form of 28 bytes.

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
    Return the position in the parent frame; the quaternion, which may be anything, is left out.

    Lost: the quaternion and the child frame; it comes back with 28 bytes.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return _point_stamped(metres(content.x, content.y, content.z), context)


def position_from_point_stamped(message: PointStamped) -> Outbound:
    """
    Return the position with no rotation, in the documented form of 28 bytes.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    point = message.point
    return outbound(codec.Position(*millimetres(point.x, point.y, point.z)), message.header)


def position_to_transform_stamped(content: codec.Position, context: Context) -> TransformStamped:
    """
    Return the pose of the child frame in the parent frame.

    Lost: the length of the quaternion and its sign; it comes back with 28 bytes.

    :raises ConvertError: as :func:`position_to_pose_stamped`; ``empty_frame``; ``same_frame``.
    """
    return _transform_stamped(*_position_parts(content), context)


def position_from_transform_stamped(message: TransformStamped) -> Outbound:
    """
    Return the position and the quaternion of a transform.

    :raises ConvertError: as :func:`position_to_transform_stamped`.
    """
    _check_frames(message.header.frame_id, message.child_frame_id)
    rotation, translation = message.transform.rotation, message.transform.translation
    content = codec.Position(
        *millimetres(translation.x, translation.y, translation.z),
        *unit_quaternion(rotation.x, rotation.y, rotation.z, rotation.w),
    )
    return outbound(content, message.header, message.child_frame_id)


def tracking_data_to_pose_array(
    content: codec.TrackingData | codec.QuaternionTrackingData, context: Context
) -> PoseArray:
    """
    Return the poses of the tools in the order sent.

    The frame is the one :func:`~.elements.tracking_data_frame` finds. A single bad tool refuses
    all: a list with a gap would give the next tool's pose for it.

    Lost: the names and types of the tools.

    :raises ConvertError: as :func:`~.elements.tools_of`.
    """
    tools = elements.tools_of(content)
    return PoseArray(
        header=Header(
            stamp=context.stamp,
            frame_id=elements.tracking_data_frame(tools, context),
        ),
        poses=[elements.make_pose(tool.position, tool.orientation) for tool in tools],
    )


def tracking_data_from_pose_array(message: PoseArray) -> Outbound:
    """
    Return the poses as 6D instruments named ``Tool0``, ``Tool1`` ...

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``too_many_tools``.
    """
    return outbound(elements.tracking_data_of(_tools_of_poses(message)), message.header)


def quaternion_tracking_data_from_pose_array(message: PoseArray) -> Outbound:
    """
    Return the same as :func:`tracking_data_from_pose_array`, with quaternions.

    :raises ConvertError: as :func:`tracking_data_from_pose_array`.
    """
    tools = _tools_of_poses(message)
    return outbound(elements.quaternion_tracking_data_of(tools), message.header)


def tracking_data_to_transform_stamped(
    content: codec.TrackingData | codec.QuaternionTrackingData, context: Context
) -> list[TransformStamped]:
    """
    Return the pose of each tool's frame, for tf.

    A tool's name is read as a device name is: ``ProbeToTracker`` is ``Probe`` in ``Tracker``, any
    other name is a child of the context's parent frame. A tool that the metadata say is lost has
    no pose.

    :raises ConvertError: as :func:`tracking_data_to_pose_array`; ``same_frame``.
    """
    transforms = []
    children = set()
    faults = faults_of(context.metadata) if context.metadata else {}
    for tool in elements.tools_of(content):
        if tool.name in faults:
            continue
        child, parent = naming.frames_of(tool.name, context.frame_id, context.frame_prefix)
        if child in children:
            raise ConvertError('duplicate_name', f"two tools have the frame '{child}'")
        children.add(child)
        tool_context = Context(context.device_name, context.stamp, parent, child)
        transforms.append(_transform_stamped(tool.position, tool.orientation, tool_context))
    return transforms


def tracking_data_from_transform_stamped(
    tools: Iterable[tuple[str, TransformStamped]],
) -> Outbound:
    """
    Return one TDATA of 6D instruments given by name and transform, with the newest stamp.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``duplicate_name``; ``name_too_long``; ``too_many_tools``.
    """
    rows, stamp_ns = _tools_of_transforms(tools)
    return Outbound(elements.tracking_data_of(rows), stamp_ns)


def quaternion_tracking_data_from_transform_stamped(
    tools: Iterable[tuple[str, TransformStamped]],
) -> Outbound:
    """
    Return the same as :func:`tracking_data_from_transform_stamped`, with quaternions.

    :raises ConvertError: as :func:`tracking_data_from_transform_stamped`.
    """
    rows, stamp_ns = _tools_of_transforms(tools)
    return Outbound(elements.quaternion_tracking_data_of(rows), stamp_ns)


def _tools_of_poses(message: PoseArray) -> Iterator[tuple[str, int, Pose]]:
    for index, pose in enumerate(message.poses):
        yield f'Tool{index}', codec.ToolType.INSTRUMENT_6D, pose


def _tools_of_transforms(
    tools: Iterable[tuple[str, TransformStamped]],
) -> tuple[list[tuple[str, int, Pose]], int]:
    """Return the tools and their newest stamp, nanoseconds."""
    rows: list[tuple[str, int, Pose]] = []
    stamp_ns = 0
    for name, message in tools:
        translation, rotation = message.transform.translation, message.transform.rotation
        pose = elements.make_pose(
            (translation.x, translation.y, translation.z),
            (rotation.x, rotation.y, rotation.z, rotation.w),
        )
        rows.append((name, codec.ToolType.INSTRUMENT_6D, pose))
        stamp = message.header.stamp
        stamp_ns = max(stamp_ns, join_stamp(stamp.sec, stamp.nanosec))
    return rows, stamp_ns


def point_to_pose_array(content: codec.Point, context: Context) -> PoseArray:
    """
    Return the positions as poses without rotation; names, groups and colours are left out.

    Lost: names, groups, owners, colours and sizes.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return PoseArray(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        poses=[
            elements.make_pose(position, (0.0, 0.0, 0.0, 1.0))
            for position in elements.point_positions(content)
        ],
    )


def point_from_pose_array(message: PoseArray) -> Outbound:
    """
    Return the positions as white points ``P0``, ``P1`` ... of size 0; the orientations are lost.

    Lost: the orientations.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return outbound(_points(pose.position for pose in message.poses), message.header)


def point_to_point_stamped(content: codec.Point, context: Context) -> list[PointStamped]:
    """
    Return one message a point, all with one stamp.

    Lost: names, groups, owners, colours and sizes, and which points came together.

    :raises ConvertError: ``not_finite``; ``out_of_range``: then none is returned.
    """
    return [_point_stamped(position, context) for position in elements.point_positions(content)]


def point_from_point_stamped(message: PointStamped) -> Outbound:
    """
    Return a list of the one white point ``P0`` of size 0.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return outbound(_points([message.point]), message.header)


def static_transform(
    frame_id: str, child_frame_id: str, translation: Vector, rotation: Quaternion
) -> TransformStamped:
    """
    Return the pose of a child frame in its parent frame that holds for all times, without a stamp.

    :param translation: metres.
    :param rotation: x, y, z, w; scaled to length 1.
    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``empty_frame``; ``same_frame``.
    """
    millimetres(*translation)
    context = Context('', Time(), frame_id, child_frame_id)
    return _transform_stamped(translation, unit_quaternion(*rotation), context)


def image_to_transform_stamped(
    content: codec.Image | codec.Video, context: Context
) -> list[TransformStamped]:
    """
    Return the pose of the plane of a slice or a frame of a video, for tf; nothing for a volume.

    The child's origin is the centre of the first voxel, x points along i, y along j and z along
    x cross y: see :func:`~.image_geometry.plane_pose`.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_axis``; ``non_rigid``: the
        in-plane axes are not orthogonal; ``empty_frame``; ``same_frame``.
    """
    if content.size[2] != 1:
        return []
    lps = content.coordinate == codec.CoordinateSystem.LPS
    pose = image_geometry.plane_pose(content.size, content.axes, content.position, lps=lps)
    return [_transform_stamped(*pose, context)]


def sensor_to_wrench_stamped(content: codec.Sensor, context: Context) -> WrenchStamped:
    """
    Return a force in N and a torque in N*m, in the sensor's own frame, the child frame.

    A SENSOR has one unit for all its numbers and cannot say two. That of the six is taken for the
    force's, and the torque's for it times metre: mN with mN*m, kN with kN*m.

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``: no force; ``value_count``: not 6; ``not_finite``.
    """
    x, y, z, about_x, about_y, about_z = units.values_in(content, 'N', 6)
    return WrenchStamped(
        header=sensor_header(context),
        wrench=Wrench(
            force=Vector3(x=x, y=y, z=z), torque=Vector3(x=about_x, y=about_y, z=about_z)
        ),
    )


def sensor_from_wrench_stamped(message: WrenchStamped) -> Outbound:
    """
    Return the force in N, then the torque in N*m, all under the unit of the force: N.

    See :func:`sensor_to_wrench_stamped`, which reads it as it is meant.

    :raises ConvertError: ``not_finite``.
    """
    force, torque = message.wrench.force, message.wrench.torque
    values = [force.x, force.y, force.z, torque.x, torque.y, torque.z]
    return sensor_outbound(units.sensor_of(values, 'N'), message.header)


def _position_parts(content: codec.Position) -> tuple[Vector, Quaternion]:
    return (
        metres(content.x, content.y, content.z),
        unit_quaternion(content.ox, content.oy, content.oz, content.w),
    )


def _points(positions: Iterable[Point]) -> codec.Point:
    rows = [
        (f'P{index}'.encode(), b'', (255, 255, 255, 255), elements.position_mm(position), 0.0, b'')
        for index, position in enumerate(positions)
    ]
    return codec.Point(np.array(rows, codec.Point.dtype))


def _check_frames(frame_id: str, child_frame_id: str) -> None:
    if not frame_id or not child_frame_id:
        raise ConvertError(
            'empty_frame', f"a transform of '{child_frame_id}' in '{frame_id}': both need a name"
        )
    if frame_id == child_frame_id:
        raise ConvertError('same_frame', f"a transform of '{frame_id}' in itself")


def _transform_stamped(
    translation: Vector, rotation: Quaternion, context: Context
) -> TransformStamped:
    _check_frames(context.frame_id, context.child_frame_id)
    message = TransformStamped()
    message.header.stamp = context.stamp
    message.header.frame_id = context.frame_id
    message.child_frame_id = context.child_frame_id
    vector, quaternion = message.transform.translation, message.transform.rotation
    vector.x, vector.y, vector.z = translation
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = rotation
    return message


def _pose_stamped(position: Vector, orientation: Quaternion, context: Context) -> PoseStamped:
    message = PoseStamped()
    message.header.stamp = context.stamp
    message.header.frame_id = context.frame_id
    elements.fill_pose(message.pose, position, orientation)
    return message


def _point_stamped(position: Vector, context: Context) -> PointStamped:
    message = PointStamped()
    message.header.stamp = context.stamp
    message.header.frame_id = context.frame_id
    message.point.x, message.point.y, message.point.z = position
    return message

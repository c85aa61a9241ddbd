# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
TDATA and QTDATA <-> ros2_igtl/TrackingData, geometry_msgs/PoseArray and tf.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from geometry_msgs.msg import Pose, PoseArray, TransformStamped
from numpy.typing import NDArray
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.geometry import (
    Quaternion,
    Vector,
    metres,
    quaternion_from_rotation,
    unit_quaternion,
)
from ros2_igtl.convert.math.stamps import join_stamp
from ros2_igtl.convert.pairs import parts
from ros2_igtl.convert.pairs.metadata import faults_by_frame, faults_of
from ros2_igtl.msg import TrackedTool, TrackingData

MAX_TOOLS = 1000
"""
More than any tracker has. The largest message that a peer may send contains three million, whose
conversion would block everything else for half a minute.
"""


class Tool(NamedTuple):
    """One tool of TDATA or QTDATA, in ROS units."""

    name: str
    tool_type: int
    position: Vector  # metres
    orientation: Quaternion


def tools_of(content: codec.TrackingData | codec.QuaternionTrackingData) -> list[Tool]:
    """
    Return the tools of a TDATA or QTDATA; one bad tool rejects the message.

    Unknown tool types are kept, since their poses are valid.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``non_rigid``; ``zero_quaternion``;
        ``quaternion_norm``; ``duplicate_name``; ``too_many_tools``.
    """
    _check_tool_count(len(content.tools))
    tools = content.tools
    names = [codec.text(name) for name in tools['name'].tolist()]
    _check_names(names)
    if isinstance(content, codec.QuaternionTrackingData):
        positions, quaternions = tools['position'].tolist(), tools['quaternion'].tolist()
        orientations = [unit_quaternion(*quaternion) for quaternion in quaternions]
    else:
        matrices = tools['matrix'].astype(np.float64).reshape(-1, 12).tolist()
        positions = [matrix[9:] for matrix in matrices]
        orientations = [quaternion_from_rotation(*matrix[:9]) for matrix in matrices]
    rows = zip(names, tools['tool_type'].tolist(), positions, orientations, strict=True)
    return [
        Tool(name, tool_type, metres(*position), orientation)
        for name, tool_type, position, orientation in rows
    ]


def tracking_data_of(tools: Iterable[tuple[str, int, Pose]]) -> codec.TrackingData:
    """
    Return the TDATA of tools given by name, tool type and pose.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``duplicate_name``; ``name_too_long``; ``too_many_tools``.
    """
    tools = list(tools)
    array = _array_of(tools, codec.TrackingData.dtype)
    for element, (_, _, tool_pose) in zip(array, tools, strict=True):
        element['matrix'].ravel()[:] = parts.columns_of_pose(tool_pose)
    return codec.TrackingData(array)


def quaternion_tracking_data_of(
    tools: Iterable[tuple[str, int, Pose]],
) -> codec.QuaternionTrackingData:
    """
    Return the QTDATA of tools given by name, tool type and pose.

    :raises ConvertError: as :func:`tracking_data_of`.
    """
    tools = list(tools)
    array = _array_of(tools, codec.QuaternionTrackingData.dtype)
    for element, (_, _, tool_pose) in zip(array, tools, strict=True):
        orientation = tool_pose.orientation
        element['position'] = parts.position_mm(tool_pose.position)
        element['quaternion'] = unit_quaternion(
            orientation.x, orientation.y, orientation.z, orientation.w
        )
    return codec.QuaternionTrackingData(array)


def tracking_data_frame(tools: Sequence[Tool], context: Context) -> str:
    """
    Return the parent frame of the poses of tools.

    This is the parent in the names of the tools, such as Tracker in ``ProbeToTracker``. If they
    name different parents, or there are no tools, it is the context's parent frame.
    """
    parents = {
        naming.frames_of(tool.name, context.frame_id, context.frame_prefix)[1] for tool in tools
    }
    return parents.pop() if len(parents) == 1 else context.frame_id


def tracking_data_to_pose_array(
    content: codec.TrackingData | codec.QuaternionTrackingData, context: Context
) -> PoseArray:
    """
    Return the poses of the tools in the order sent.

    The frame is that of :func:`tracking_data_frame`. One bad tool rejects the message, since
    leaving it out would shift the index of all tools after it.

    Lost: the names and types of the tools.

    :raises ConvertError: as :func:`tools_of`.
    """
    tools = tools_of(content)
    return PoseArray(
        header=Header(
            stamp=context.stamp,
            frame_id=tracking_data_frame(tools, context),
        ),
        poses=[parts.make_pose(tool.position, tool.orientation) for tool in tools],
    )


def tracking_data_from_pose_array(message: PoseArray) -> Outbound:
    """
    Return the poses as 6D instruments named ``Tool0``, ``Tool1`` ...

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``too_many_tools``.
    """
    return outbound(tracking_data_of(_tools_of_poses(message)), message.header)


def quaternion_tracking_data_from_pose_array(message: PoseArray) -> Outbound:
    """
    Return the same as :func:`tracking_data_from_pose_array`, with quaternions.

    :raises ConvertError: as :func:`tracking_data_from_pose_array`.
    """
    tools = _tools_of_poses(message)
    return outbound(quaternion_tracking_data_of(tools), message.header)


def tracking_data_to_transform_stamped(
    content: codec.TrackingData | codec.QuaternionTrackingData, context: Context
) -> list[TransformStamped]:
    """
    Return the pose of each tool's frame, for tf.

    The name of a tool is read like a device name: ``ProbeToTracker`` is ``Probe`` in ``Tracker``;
    any other name is a child of the context's parent frame. Tools that the metadata report as
    lost are left out.

    :raises ConvertError: as :func:`tracking_data_to_pose_array`; ``same_frame``.
    """
    transforms = []
    children = set()
    faults = faults_of(context.metadata) if context.metadata else {}
    lost = faults_by_frame(faults, context.frame_prefix)
    for tool in tools_of(content):
        child, parent = naming.frames_of(tool.name, context.frame_id, context.frame_prefix)
        if child in lost:
            continue
        if child in children:
            raise ConvertError('duplicate_name', f"two tools have the frame '{child}'")
        children.add(child)
        tool_context = Context(context.device_name, context.stamp, parent, child)
        transforms.append(parts.transform_stamped(tool.position, tool.orientation, tool_context))
    return transforms


def tracking_data_from_transform_stamped(
    tools: Iterable[tuple[str, TransformStamped]],
) -> Outbound:
    """
    Return a TDATA of 6D instruments given by name and transform, with the newest stamp.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``duplicate_name``; ``name_too_long``; ``too_many_tools``.
    """
    rows, stamp_ns = _tools_of_transforms(tools)
    return Outbound(tracking_data_of(rows), stamp_ns)


def quaternion_tracking_data_from_transform_stamped(
    tools: Iterable[tuple[str, TransformStamped]],
) -> Outbound:
    """
    Return the same as :func:`tracking_data_from_transform_stamped`, with quaternions.

    :raises ConvertError: as :func:`tracking_data_from_transform_stamped`.
    """
    rows, stamp_ns = _tools_of_transforms(tools)
    return Outbound(quaternion_tracking_data_of(rows), stamp_ns)


def tracking_data_to_tracking_data(
    content: codec.TrackingData | codec.QuaternionTrackingData, context: Context
) -> TrackingData:
    """
    Return the poses of all tools; an empty list means that all tools are lost.

    The frame is that of :func:`tracking_data_frame`.

    Lost: the last bits of a rotation, and the length of a quaternion.

    :raises ConvertError: as :func:`tools_of`.
    """
    tools = tools_of(content)
    message = TrackingData(
        header=Header(
            stamp=context.stamp,
            frame_id=tracking_data_frame(tools, context),
        )
    )
    for tool in tools:
        tracked = TrackedTool(name=naming.ros_text(tool.name), tool_type=tool.tool_type)
        parts.fill_pose(tracked.pose, tool.position, tool.orientation)
        message.tools.append(tracked)
    return message


def tracking_data_from_tracking_data(message: TrackingData) -> Outbound:
    """
    Return the tools; a round trip keeps every bit of the translations, the rotations to 5e-7.

    :raises ConvertError: as :func:`tracking_data_of`.
    """
    return outbound(tracking_data_of(_tools(message)), message.header)


def quaternion_tracking_data_from_tracking_data(message: TrackingData) -> Outbound:
    """
    Return the tools; a round trip keeps every bit of the positions, quaternions get length 1.

    :raises ConvertError: as :func:`quaternion_tracking_data_of`.
    """
    return outbound(quaternion_tracking_data_of(_tools(message)), message.header)


def _array_of(tools: list[tuple[str, int, Pose]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of tools with names and types, and poses still unset."""
    _check_tool_count(len(tools))
    _check_names([name for name, _, _ in tools])
    array = np.zeros(len(tools), dtype)
    for element, (name, tool_type, _) in zip(array, tools, strict=True):
        element['name'] = naming.content_name(name, dtype['name'].itemsize, 'tool')
        element['tool_type'] = tool_type
    return array


def _check_tool_count(count: int) -> None:
    if count > MAX_TOOLS:
        raise ConvertError('too_many_tools', f'{count} tools; {MAX_TOOLS} are allowed')


def _check_names(names: list[str]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConvertError('duplicate_name', f"two tools are named '{naming.escape(twice)}'")


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
        pose = parts.make_pose(
            (translation.x, translation.y, translation.z),
            (rotation.x, rotation.y, rotation.z, rotation.w),
        )
        rows.append((name, codec.ToolType.INSTRUMENT_6D, pose))
        stamp = message.header.stamp
        stamp_ns = max(stamp_ns, join_stamp(stamp.sec, stamp.nanosec))
    return rows, stamp_ns


def _tools(message: TrackingData) -> Iterator[tuple[str, int, Pose]]:
    for tool in message.tools:
        yield tool.name, tool.tool_type, tool.pose


CONVERSIONS = (
    Conversion(
        'TDATA',
        'ros2_igtl/msg/TrackingData',
        one(tracking_data_to_tracking_data),
        one(tracking_data_from_tracking_data),
        default=True,
        to_tf=tracking_data_to_transform_stamped,
        from_tf=tracking_data_from_transform_stamped,
    ),
    Conversion(
        'TDATA',
        'geometry_msgs/msg/PoseArray',
        one(tracking_data_to_pose_array),
        one(tracking_data_from_pose_array),
    ),
    Conversion(
        'QTDATA',
        'ros2_igtl/msg/TrackingData',
        one(tracking_data_to_tracking_data),
        one(quaternion_tracking_data_from_tracking_data),
        default=True,
        to_tf=tracking_data_to_transform_stamped,
        from_tf=quaternion_tracking_data_from_transform_stamped,
    ),
    Conversion(
        'QTDATA',
        'geometry_msgs/msg/PoseArray',
        one(tracking_data_to_pose_array),
        one(quaternion_tracking_data_from_pose_array),
    ),
)

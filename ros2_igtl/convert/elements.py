# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Elements of lists such as TDATA and POINT, and the parts that several ROS messages are made of.

What the modules of more than one ROS package share; a whole ROS message is made by none of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from geometry_msgs.msg import Point, Pose, Vector3
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
    metres,
    millimetres,
    quaternion_from_rotation,
    rotation_from_quaternion,
    unit_quaternion,
)

MAX_TOOLS = 1000
"""
More than any tracker has. The largest message that a peer may send would hold three million, and
converting them would hold up everything else for half a minute.
"""

MAX_ELEMENTS = 10_000
"""
More than any plan or database has: a message for each takes 20 to 60 µs, and a peer may send two
million of them in one message.
"""

_NAME_SIZE = 20  # bytes, trackingdata.md and qtrackingdata.md


class Tool(NamedTuple):
    """One tool of TDATA or QTDATA as ROS sees it."""

    name: str
    tool_type: int
    position: Vector  # metres
    orientation: Quaternion


def tools_of(content: codec.TrackingData | codec.QuaternionTrackingData) -> list[Tool]:
    """
    Return the tools of a TDATA or QTDATA, none of which may be bad.

    A tool type that the protocol does not know is kept: its pose is one all the same.

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
        element['matrix'].ravel()[:] = columns_of_pose(tool_pose)
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
        element['position'] = position_mm(tool_pose.position)
        element['quaternion'] = unit_quaternion(
            orientation.x, orientation.y, orientation.z, orientation.w
        )
    return codec.QuaternionTrackingData(array)


def tracking_data_frame(tools: Sequence[Tool], context: Context) -> str:
    """
    Return the frame that the poses of tools are in.

    ``ProbeToTracker`` says Tracker: the frame that all names agree on, read as device names. If
    they do not, or there are none, the context's parent frame.
    """
    parents = {
        naming.frames_of(tool.name, context.frame_id, context.frame_prefix)[1] for tool in tools
    }
    return parents.pop() if len(parents) == 1 else context.frame_id


def _array_of(tools: list[tuple[str, int, Pose]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of tools with their names and types, without their poses."""
    _check_tool_count(len(tools))
    _check_names([name for name, _, _ in tools])
    array = np.zeros(len(tools), dtype)
    for element, (name, tool_type, _) in zip(array, tools, strict=True):
        element['name'] = naming.content_name(name, _NAME_SIZE, 'tool')
        element['tool_type'] = tool_type
    return array


def _check_tool_count(count: int) -> None:
    if count > MAX_TOOLS:
        raise ConvertError('too_many_tools', f'{count} tools, {MAX_TOOLS} are allowed')


def _check_names(names: list[str]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConvertError('duplicate_name', f"two tools are named '{naming.escape(twice)}'")


def check_count(count: int) -> None:
    """
    Hold a list to what takes no long time.

    :raises ConvertError: ``too_many_elements``.
    """
    if count > MAX_ELEMENTS:
        raise ConvertError('too_many_elements', f'{count} elements, {MAX_ELEMENTS} are allowed')


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


def _color_byte(component: float) -> int:
    # float32 on the way rounds 1/255 by 1e-8: half a step is far enough
    scaled = component * 255.0
    if not -0.5 < scaled < 255.5:
        raise ConvertError('color_range', f'colour component {component:g}: 0 to 1 are allowed')
    return round(scaled)


def size_mm(size: float) -> float:
    """
    Return the size of a point or trajectory in millimetres of one in metres.

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


def point_positions(content: codec.Point) -> list[Vector]:
    """
    Return the positions of a POINT in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad point refuses all.
    """
    return [metres(*position) for position in content.points['position'].tolist()]


def position_mm(point: Point | Vector3) -> Vector:
    """
    Return millimetres of a geometry_msgs/Point or Vector3.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return millimetres(point.x, point.y, point.z)


def columns_of_pose(pose: Pose) -> tuple[float, ...]:
    """
    Return the twelve numbers of TRANSFORM, column by column, in millimetres, of a pose in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``.
    """
    orientation = pose.orientation
    rotation = rotation_from_quaternion(orientation.x, orientation.y, orientation.z, orientation.w)
    return *rotation, *position_mm(pose.position)


def trajectory_ends(content: codec.Trajectory) -> list[list[Vector]]:
    """
    Return the ends of each trajectory that mean something, in metres, the entry first.

    A type that the protocol does not know says nothing of its ends: it has both.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad end refuses all;
        ``too_many_elements``.
    """
    trajectories = content.trajectories
    check_count(len(trajectories))
    rows = zip(
        trajectories['trajectory_type'].tolist(),
        trajectories['entry'].tolist(),
        trajectories['target'].tolist(),
        strict=True,
    )
    meant = {codec.TrajectoryType.ENTRY: slice(0, 1), codec.TrajectoryType.TARGET: slice(1, 2)}
    return [
        [metres(*end) for end in (entry, target)[meant.get(kind, slice(0, 2))]]
        for kind, entry, target in rows
    ]


def trajectory_row(
    name: str,
    trajectory_type: int,
    entry: Sequence[float],
    target: Sequence[float],
    *,
    group: str = '',
    rgba: tuple[int, ...] = (255, 255, 255, 255),
    size: float = 0.0,
    owner: str = '',
) -> tuple[object, ...]:
    """
    Return one element of a TRAJ, millimetres.

    :raises ConvertError: ``name_too_long``: name, group and owner have 63, 31 and 19 bytes at
        most.
    """
    return (
        naming.content_name(name, 64, 'trajectory name'),  # sizes: trajectory.md
        naming.content_name(group, 32, 'trajectory group'),
        trajectory_type,
        0,
        rgba,
        tuple(entry),
        tuple(target),
        size,
        naming.content_name(owner, 20, 'trajectory owner'),
    )


def trajectories_of(rows: list[tuple[object, ...]]) -> codec.Trajectory:
    """
    Return the TRAJ of elements.

    :raises ConvertError: ``too_many_elements``.
    """
    check_count(len(rows))
    return codec.Trajectory(np.array(rows, codec.Trajectory.dtype))


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
    """Fill a pose that its owner has just made: building another one costs three times as much."""
    point, quaternion = pose.position, pose.orientation
    point.x, point.y, point.z = position
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = orientation

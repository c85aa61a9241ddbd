# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tools of TDATA and points of POINT, and the parts of geometry_msgs that several types are made of.

What the modules of more than one ROS package share; a whole ROS message is made by none of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Point, Pose

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.geometry import (
    Quaternion,
    Vector,
    metres,
    millimetres,
    quaternion_from_rotation,
    rotation_from_quaternion,
)

MAX_TOOLS = 1000
"""
More than any tracker has. The largest message that a peer may send would hold three million, and
converting them would hold up everything else for half a minute.
"""

_NAME_SIZE = 20  # bytes, trackingdata.md


class Tool(NamedTuple):
    """One tool of TDATA as ROS sees it."""

    name: str
    tool_type: int
    position: Vector  # metres
    orientation: Quaternion


def tools_of(content: codec.TrackingData) -> list[Tool]:
    """
    Return the tools of a TDATA, none of which may be bad.

    A tool type that the protocol does not know is kept: its matrix is a pose all the same.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``non_rigid``; ``duplicate_name``;
        ``too_many_tools``.
    """
    _check_count(len(content.tools))
    tools = content.tools
    names = [codec.text(name) for name in tools['name'].tolist()]
    _check_names(names)
    matrices = tools['matrix'].astype(np.float64).reshape(-1, 12).tolist()
    return [
        Tool(name, tool_type, metres(*matrix[9:]), quaternion_from_rotation(*matrix[:9]))
        for name, tool_type, matrix in zip(
            names, tools['tool_type'].tolist(), matrices, strict=True
        )
    ]


def tracking_data_of(tools: Iterable[tuple[str, int, Pose]]) -> codec.TrackingData:
    """
    Return the TDATA of tools given by name, tool type and pose.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_quaternion``;
        ``quaternion_norm``; ``duplicate_name``; ``name_too_long``; ``too_many_tools``.
    """
    tools = list(tools)
    _check_count(len(tools))
    _check_names([name for name, _, _ in tools])
    array = np.zeros(len(tools), codec.TrackingData.dtype)
    for element, (name, tool_type, tool_pose) in zip(array, tools, strict=True):
        element['name'] = naming.content_name(name, _NAME_SIZE, 'tool')
        element['tool_type'] = tool_type
        element['matrix'].ravel()[:] = columns_of_pose(tool_pose)
    return codec.TrackingData(array)


def tracking_data_frame(tools: Sequence[Tool], frame_id: str) -> str:
    """
    Return the frame that the poses of tools are in.

    ``ProbeToTracker`` says Tracker: the frame that all names agree on, read as device names. If
    they do not, or there are none, the given one.
    """
    parents = {naming.frames_of(tool.name, frame_id)[1] for tool in tools}
    return parents.pop() if len(parents) == 1 else frame_id


def _check_count(count: int) -> None:
    if count > MAX_TOOLS:
        raise ConvertError('too_many_tools', f'{count} tools, {MAX_TOOLS} are allowed')


def _check_names(names: list[str]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConvertError('duplicate_name', f"two tools are named '{naming.escape(twice)}'")


def point_positions(content: codec.Point) -> list[Vector]:
    """
    Return the positions of a POINT in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad point refuses all.
    """
    return [metres(*position) for position in content.points['position'].tolist()]


def position_mm(point: Point) -> Vector:
    """
    Return a position in millimetres of a geometry_msgs/Point.

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

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
TRAJ <-> visualization_msgs.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Vector3
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ros2_igtl import codec
from ros2_igtl.codec import TrajectoryType
from ros2_igtl.convert import elements
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.errors import ConvertError

SHOWN_SIZE_M = 0.001
"""How thick to show what has no size: RViz shows nothing of it otherwise."""


def trajectory_to_marker_array(content: codec.Trajectory, context: Context) -> MarkerArray:
    """
    Return an arrow from entry to target for each trajectory, or a sphere where it has one end.

    They stand behind a marker that deletes those of the list before. The group is the namespace,
    the name the text, which nothing shows; the size is the thickness.

    Lost: owners, a size of 0 (shown as 1 mm), and which end it is if there is only one.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad one refuses all;
        ``too_many_elements``.
    """
    header = Header(stamp=context.stamp, frame_id=context.frame_id)
    trajectories = content.trajectories
    rows = zip(
        elements.trajectory_ends(content),
        *(map(elements.ros_name, trajectories[field].tolist()) for field in ('name', 'group')),
        map(elements.make_color, trajectories['rgba'].tolist()),
        elements.sizes_of(trajectories),
        strict=True,
    )
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for index, (ends, name, group, color, size) in enumerate(rows):
        width = size if size > 0.0 else SHOWN_SIZE_M
        marker = Marker(header=header, ns=group, id=index, text=name, color=color)
        if len(ends) == 2:
            marker.type = Marker.ARROW
            marker.points = [elements.make_point(end) for end in ends]
            marker.scale = Vector3(
                x=width, y=2.0 * width, z=0.0
            )  # of shaft and head; length: auto
        else:
            marker.type = Marker.SPHERE
            elements.fill_pose(marker.pose, ends[0], (0.0, 0.0, 0.0, 1.0))
            marker.scale = Vector3(x=width, y=width, z=width)
        markers.append(marker)
    return MarkerArray(markers=markers)


def trajectory_from_marker_array(message: MarkerArray) -> Outbound:
    """
    Return a trajectory for each arrow or line of two points, and a target for each sphere.

    Markers that delete others are left out. Names, groups and sizes are where
    :func:`trajectory_to_marker_array` puts them; without a text the name is ``T0``, ``T1`` ...

    Lost: what else a marker says, such as its lifetime.

    :raises ConvertError: ``marker_type``: any other marker; ``several_frames``; ``not_finite``;
        ``out_of_range``; ``zero_quaternion``; ``quaternion_norm``; ``color_range``;
        ``name_too_long``; ``too_many_elements``.
    """
    markers = [marker for marker in message.markers if marker.action == Marker.ADD]
    elements.check_count(len(markers))
    header = markers[0].header if markers else Header()
    rows = []
    for index, marker in enumerate(markers):
        if marker.header.frame_id != header.frame_id:
            raise ConvertError(
                'several_frames',
                f"markers in '{header.frame_id}' and '{marker.header.frame_id}': one is allowed",
            )
        ends = _ends(marker)
        trajectory_type = TrajectoryType.TARGET if len(ends) == 1 else TrajectoryType.ENTRY_TARGET
        rows.append(
            elements.trajectory_row(
                marker.text or f'T{index}',
                trajectory_type,
                ends[0],
                ends[-1],
                group=marker.ns,
                rgba=elements.rgba_of(marker.color),
                size=elements.size_mm(marker.scale.x),
            )
        )
    return outbound(elements.trajectories_of(rows), header)


def _ends(marker: Marker) -> list[Any]:
    """Return the one or two ends that a marker shows, millimetres."""
    columns = np.array(elements.columns_of_pose(marker.pose)).reshape(4, 3)
    if marker.type == Marker.SPHERE:
        return [columns[3].tolist()]
    if marker.type not in (Marker.ARROW, Marker.LINE_STRIP) or len(marker.points) != 2:
        raise ConvertError(
            'marker_type',
            f'marker {marker.id} of type {marker.type} with {len(marker.points)} points: a '
            'sphere, or an arrow or line strip of 2 points is allowed',
        )
    # points are given in the frame of the pose
    points = [(*elements.position_mm(point), 1.0) for point in marker.points]
    return (np.array(points) @ columns).tolist()  # type: ignore[no-any-return]

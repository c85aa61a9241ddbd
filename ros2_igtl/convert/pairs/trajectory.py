# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
TRAJ <-> ros2_igtl/TrajectoryArray, nav_msgs/Path and visualization_msgs/MarkerArray.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, PoseStamped, Vector3
from nav_msgs.msg import Path
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ros2_igtl import codec
from ros2_igtl.codec import TrajectoryType
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.geometry import Vector, metres
from ros2_igtl.convert.pairs import parts
from ros2_igtl.convert.pairs.markers import SHOWN_SIZE_M, added_markers
from ros2_igtl.msg import Trajectory, TrajectoryArray


def trajectory_ends(content: codec.Trajectory) -> list[list[Vector]]:
    """
    Return the ends of each trajectory that its type declares valid, in metres, the entry first.

    A trajectory of an unknown type has both ends.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad end rejects the message;
        ``too_many_elements``.
    """
    trajectories = content.trajectories
    parts.check_count(len(trajectories))
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

    :raises ConvertError: ``name_too_long``: name, group and owner may have 63, 31 and 19 bytes.
    """
    dtype = codec.Trajectory.dtype
    return (
        naming.content_name(name, dtype['name'].itemsize, 'trajectory name'),
        naming.content_name(group, dtype['group'].itemsize, 'trajectory group'),
        trajectory_type,
        0,
        rgba,
        tuple(entry),
        tuple(target),
        size,
        naming.content_name(owner, dtype['owner'].itemsize, 'trajectory owner'),
    )


def trajectories_of(rows: list[tuple[object, ...]]) -> codec.Trajectory:
    """
    Return a TRAJ with the given elements.

    :raises ConvertError: ``too_many_elements``.
    """
    parts.check_count(len(rows))
    return codec.Trajectory(np.array(rows, codec.Trajectory.dtype))


def trajectory_to_trajectory_array(content: codec.Trajectory, context: Context) -> TrajectoryArray:
    """
    Return the trajectories with all their fields, in the parent frame, metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad end rejects the message, even
        an end that the type declares invalid; ``too_many_elements``.
    """
    trajectories = content.trajectories
    parts.check_count(len(trajectories))
    rows = zip(
        *(
            map(parts.ros_name, trajectories[field].tolist())
            for field in ('name', 'group', 'owner')
        ),
        trajectories['trajectory_type'].tolist(),
        trajectories['rgba'].tolist(),
        trajectories['entry'].tolist(),
        trajectories['target'].tolist(),
        parts.sizes_of(trajectories),
        strict=True,
    )
    return TrajectoryArray(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        trajectories=[
            Trajectory(
                name=name,
                group=group,
                owner=owner,
                trajectory_type=trajectory_type,
                color=parts.make_color(rgba),
                entry=parts.make_point(metres(*entry)),
                target=parts.make_point(metres(*target)),
                size=size,
            )
            for name, group, owner, trajectory_type, rgba, entry, target, size in rows
        ],
    )


def trajectory_from_trajectory_array(message: TrajectoryArray) -> Outbound:
    """
    Return the trajectories with all their fields.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``color_range``; ``name_too_long``;
        ``too_many_elements``.
    """
    rows = [
        trajectory_row(
            trajectory.name,
            trajectory.trajectory_type,
            parts.position_mm(trajectory.entry),
            parts.position_mm(trajectory.target),
            group=trajectory.group,
            rgba=parts.rgba_of(trajectory.color),
            size=parts.size_mm(trajectory.size),
            owner=trajectory.owner,
        )
        for trajectory in message.trajectories
    ]
    return outbound(trajectories_of(rows), message.header)


def trajectory_to_marker_array(content: codec.Trajectory, context: Context) -> MarkerArray:
    """
    Return an arrow from entry to target for each trajectory, or a sphere if it has one end.

    The first marker deletes those of the previous list. The group becomes the namespace, the name
    becomes the text, which RViz does not show, and the size becomes the thickness.

    Lost: owners, a size of 0 (shown as 1 mm), and whether a single end is the entry or the target.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad end rejects the message;
        ``too_many_elements``.
    """
    header = Header(stamp=context.stamp, frame_id=context.frame_id)
    trajectories = content.trajectories
    rows = zip(
        trajectory_ends(content),
        *(map(parts.ros_name, trajectories[field].tolist()) for field in ('name', 'group')),
        map(parts.make_color, trajectories['rgba'].tolist()),
        parts.sizes_of(trajectories),
        strict=True,
    )
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for index, (ends, name, group, color, size) in enumerate(rows):
        width = size if size > 0.0 else SHOWN_SIZE_M
        marker = Marker(header=header, ns=group, id=index, text=name, color=color)
        if len(ends) == 2:
            marker.type = Marker.ARROW
            marker.points = [parts.make_point(end) for end in ends]
            marker.scale = Vector3(
                x=width, y=2.0 * width, z=0.0
            )  # of shaft and head; length: auto
        else:
            marker.type = Marker.SPHERE
            parts.fill_pose(marker.pose, ends[0], (0.0, 0.0, 0.0, 1.0))
            marker.scale = Vector3(x=width, y=width, z=width)
        markers.append(marker)
    return MarkerArray(markers=markers)


def trajectory_from_marker_array(message: MarkerArray) -> Outbound:
    """
    Return a trajectory for each arrow or line of two points, and a target for each sphere.

    Markers that delete others are left out. Names, groups and sizes are read from where
    :func:`trajectory_to_marker_array` writes them; without a text the name is ``T0``, ``T1`` ...

    Lost: other fields of a marker, such as its lifetime.

    :raises ConvertError: ``marker_type``: any other marker; ``several_frames``; ``not_finite``;
        ``out_of_range``; ``zero_quaternion``; ``quaternion_norm``; ``color_range``;
        ``name_too_long``; ``too_many_elements``.
    """
    markers, header = added_markers(message)
    rows = []
    for index, marker in enumerate(markers):
        ends = _ends(marker)
        trajectory_type = TrajectoryType.TARGET if len(ends) == 1 else TrajectoryType.ENTRY_TARGET
        rows.append(
            trajectory_row(
                marker.text or f'T{index}',
                trajectory_type,
                ends[0],
                ends[-1],
                group=marker.ns,
                rgba=parts.rgba_of(marker.color),
                size=parts.size_mm(marker.scale.x),
            )
        )
    return outbound(trajectories_of(rows), header)


def trajectory_to_path(content: codec.Trajectory, context: Context) -> list[Path]:
    """
    Return a path for each trajectory: the pose of the entry, then that of the target.

    The poses have no rotation. The path of a trajectory with one end has one pose.

    Lost: names, groups, owners, colours and sizes, and whether a single end is the entry or the
    target.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad end rejects the message;
        ``too_many_elements``.
    """
    header = Header(stamp=context.stamp, frame_id=context.frame_id)
    return [
        Path(
            header=header,
            poses=[
                PoseStamped(header=header, pose=parts.make_pose(end, (0.0, 0.0, 0.0, 1.0)))
                for end in ends
            ],
        )
        for ends in trajectory_ends(content)
    ]


def trajectory_from_path(message: Path) -> Outbound:
    """
    Return one white trajectory ``T0`` of size 0 from the first pose to the second.

    A single pose becomes the target.

    Lost: the rotations and stamps of the poses.

    :raises ConvertError: ``value_count``: not 1 or 2 poses, since a trajectory is straight;
        ``several_frames``: a pose in another frame than the path; ``not_finite``;
        ``out_of_range``.
    """
    count = len(message.poses)
    if count not in (1, 2):
        raise ConvertError('value_count', f'the path has {count} poses; 1 or 2 are allowed')
    for pose in message.poses:
        if pose.header.frame_id not in ('', message.header.frame_id):
            raise ConvertError(
                'several_frames',
                f"a pose is in '{pose.header.frame_id}', its path in '{message.header.frame_id}'; "
                'one frame is allowed',
            )
    ends = [parts.position_mm(pose.pose.position) for pose in message.poses]
    trajectory_type = TrajectoryType.TARGET if count == 1 else TrajectoryType.ENTRY_TARGET
    row = trajectory_row('T0', trajectory_type, ends[0], ends[-1])
    return outbound(trajectories_of([row]), message.header)


def _ends(marker: Marker) -> list[Any]:
    """Return the one or two ends of a marker, millimetres."""
    columns = np.array(parts.columns_of_pose(marker.pose)).reshape(4, 3)
    if marker.type == Marker.SPHERE:
        return [columns[3].tolist()]
    if marker.type not in (Marker.ARROW, Marker.LINE_STRIP) or len(marker.points) != 2:
        raise ConvertError(
            'marker_type',
            f'marker {marker.id} has type {marker.type} and {len(marker.points)} points; spheres, '
            'and arrows and line strips of 2 points are allowed',
        )
    points = [parts.position_mm(point) for point in marker.points]
    if marker.pose == Pose():  # keep even the sign of a zero
        return points
    # points are given in the frame of the pose
    return (np.array(points) @ columns[:3] + columns[3]).tolist()  # type: ignore[no-any-return]


CONVERSIONS = (
    Conversion(
        'TRAJ',
        'ros2_igtl/msg/TrajectoryArray',
        one(trajectory_to_trajectory_array),
        one(trajectory_from_trajectory_array),
        default=True,
        traffic='event',
    ),
    Conversion(
        'TRAJ',
        'nav_msgs/msg/Path',
        trajectory_to_path,
        one(trajectory_from_path),
        traffic='event',
    ),
    Conversion(
        'TRAJ',
        'visualization_msgs/msg/MarkerArray',
        one(trajectory_to_marker_array),
        one(trajectory_from_marker_array),
        traffic='event',
    ),
)

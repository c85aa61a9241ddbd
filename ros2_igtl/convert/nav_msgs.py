# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
TRAJ <-> nav_msgs/Path, one message a trajectory.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec import TrajectoryType
from ros2_igtl.convert import elements
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.errors import ConvertError


def trajectory_to_path(content: codec.Trajectory, context: Context) -> list[Path]:
    """
    Return one path a trajectory: the pose of the entry, then that of the target.

    The poses have no rotation. A trajectory of one end has one pose.

    Lost: names, groups, owners, colours and sizes, and which end it is if there is only one.

    :raises ConvertError: ``not_finite``; ``out_of_range``: then none is returned;
        ``too_many_elements``.
    """
    header = Header(stamp=context.stamp, frame_id=context.frame_id)
    return [
        Path(
            header=header,
            poses=[
                PoseStamped(header=header, pose=elements.make_pose(end, (0.0, 0.0, 0.0, 1.0)))
                for end in ends
            ],
        )
        for ends in elements.trajectory_ends(content)
    ]


def trajectory_from_path(message: Path) -> Outbound:
    """
    Return the one white trajectory ``T0`` of size 0 from the first pose to the second.

    One pose alone is a target.

    Lost: the rotations and stamps of the poses.

    :raises ConvertError: ``value_count``: not 1 or 2 poses: a trajectory is straight;
        ``several_frames``: a pose in another than the path; ``not_finite``; ``out_of_range``.
    """
    count = len(message.poses)
    if count not in (1, 2):
        raise ConvertError('value_count', f'a path of {count} poses: 1 or 2 make a trajectory')
    for pose in message.poses:
        if pose.header.frame_id not in ('', message.header.frame_id):
            raise ConvertError(
                'several_frames',
                f"a pose in '{pose.header.frame_id}' of a path in '{message.header.frame_id}'",
            )
    ends = [elements.position_mm(pose.pose.position) for pose in message.poses]
    trajectory_type = TrajectoryType.TARGET if count == 1 else TrajectoryType.ENTRY_TARGET
    row = elements.trajectory_row('T0', trajectory_type, ends[0], ends[-1])
    return outbound(elements.trajectories_of([row]), message.header)

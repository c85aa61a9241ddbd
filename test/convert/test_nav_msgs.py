# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.nav_msgs."""

import math
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path

from ros2_igtl import codec
from ros2_igtl.codec import TrajectoryType
from ros2_igtl.convert import nav_msgs
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError

CONTEXT = Context('Plan', Time(sec=5), 'igtl_ras', 'Plan')


def cause(convert: Any, *arguments: Any) -> str:
    with pytest.raises(ConvertError) as refusal:
        convert(*arguments)
    return refusal.value.cause


def trajectory(**fields: Any) -> codec.Trajectory:
    values = {'trajectory_type': 3, 'entry': (1, 2, 3), 'target': (4, 5, 6), **fields}
    return codec.Trajectory.from_trajectories([values])


def path(*positions: tuple[float, float, float], frame_id: str = '') -> Path:
    """Return a path in frame 'base', metres."""
    message = Path()
    message.header.frame_id = 'base'
    for x, y, z in positions:
        pose = PoseStamped()
        pose.header.frame_id = frame_id
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = map(float, (x, y, z))
        message.poses.append(pose)
    return message


@pytest.mark.parametrize(
    ('trajectory_type', 'heights'),
    [
        (TrajectoryType.ENTRY, [0.003]),
        (TrajectoryType.TARGET, [0.006]),
        (TrajectoryType.ENTRY_TARGET, [0.003, 0.006]),
        (0, [0.003, 0.006]),  # says nothing: both ends are there
        (255, [0.003, 0.006]),
    ],
)
def test_a_path_leads_through_the_ends_that_mean_something(
    trajectory_type: int, heights: list[float]
) -> None:
    content = trajectory(trajectory_type=trajectory_type)
    (message,) = nav_msgs.trajectory_to_path(content, CONTEXT)
    assert [pose.pose.position.z for pose in message.poses] == heights
    assert all(pose.pose.orientation.w == 1.0 for pose in message.poses)
    assert {pose.header.frame_id for pose in message.poses} == {'igtl_ras'}


def test_an_end_that_means_nothing_may_be_nowhere() -> None:
    content = trajectory(trajectory_type=2, entry=(math.nan,) * 3)
    assert len(nav_msgs.trajectory_to_path(content, CONTEXT)[0].poses) == 1
    assert cause(nav_msgs.trajectory_to_path, trajectory(entry=(math.nan,) * 3), CONTEXT) == (
        'not_finite'
    )


def test_two_poses_are_entry_and_target_and_one_is_a_target() -> None:
    sent: Any = nav_msgs.trajectory_from_path(path((1, 2, 3), (4, 5, 6)))
    (element,) = sent.content.trajectories
    assert element['trajectory_type'] == TrajectoryType.ENTRY_TARGET
    assert (element['entry'].tolist(), element['target'].tolist()) == (
        [1000, 2000, 3000],
        [4000, 5000, 6000],
    )
    assert sent.frame_id == 'base'
    sent = nav_msgs.trajectory_from_path(path((1, 2, 3)))
    (element,) = sent.content.trajectories
    assert element['trajectory_type'] == TrajectoryType.TARGET
    assert element['entry'].tolist() == element['target'].tolist() == [1000, 2000, 3000]


@pytest.mark.parametrize('count', [0, 3, 1000])
def test_a_path_that_is_not_straight_is_refused(count: int) -> None:
    message = path(*[(0.0, 0.0, 0.0)] * count)
    assert cause(nav_msgs.trajectory_from_path, message) == 'value_count'


def test_the_poses_have_to_be_in_the_frame_of_the_path() -> None:
    nav_msgs.trajectory_from_path(path((1, 2, 3), frame_id='base'))
    message = path((1, 2, 3), frame_id='tool')
    assert cause(nav_msgs.trajectory_from_path, message) == 'several_frames'


@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e7, 'out_of_range')])
def test_a_pose_that_is_nowhere_is_refused(value: float, expected: str) -> None:
    message = path((1, 2, 3), (4, value, 6))
    assert cause(nav_msgs.trajectory_from_path, message) == expected

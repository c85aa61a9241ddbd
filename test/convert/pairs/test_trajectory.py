# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.trajectory: TRAJ."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PoseStamped, Quaternion
from hypothesis import given
from hypothesis import strategies as st
from nav_msgs.msg import Path
from rclpy.serialization import deserialize_message, serialize_message
from visualization_msgs.msg import Marker, MarkerArray

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.codec import TrajectoryType
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.pairs.trajectory import (
    trajectories_of,
    trajectory_from_marker_array,
    trajectory_from_path,
    trajectory_row,
    trajectory_to_marker_array,
    trajectory_to_path,
)


def test_a_row_of_a_trajectory_is_white_and_thin_unless_it_is_said() -> None:
    row = trajectory_row('A', 2, [1.0, 2.0, 3.0], (4.0, 5.0, 6.0))
    expected = {'name': 'A', 'trajectory_type': 2, 'entry': (1, 2, 3), 'target': (4, 5, 6)}
    content = codec.Trajectory.from_trajectories([{**expected, 'rgba': (255,) * 4}])
    assert trajectories_of([row]) == content
    assert trajectories_of([]) == codec.Trajectory.from_trajectories([])


CONTEXT = Context('Plan', Time(sec=5), 'igtl_ras', 'Plan')


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
    (message,) = trajectory_to_path(content, CONTEXT)
    assert [pose.pose.position.z for pose in message.poses] == heights
    assert all(pose.pose.orientation.w == 1.0 for pose in message.poses)
    assert {pose.header.frame_id for pose in message.poses} == {'igtl_ras'}


def test_an_end_that_means_nothing_may_be_nowhere() -> None:
    content = trajectory(trajectory_type=2, entry=(math.nan,) * 3)
    assert len(trajectory_to_path(content, CONTEXT)[0].poses) == 1
    assert cause(trajectory_to_path, trajectory(entry=(math.nan,) * 3), CONTEXT) == ('not_finite')


def test_two_poses_are_entry_and_target_and_one_is_a_target() -> None:
    sent: Any = trajectory_from_path(path((1, 2, 3), (4, 5, 6)))
    (element,) = sent.content.trajectories
    assert element['trajectory_type'] == TrajectoryType.ENTRY_TARGET
    assert (element['entry'].tolist(), element['target'].tolist()) == (
        [1000, 2000, 3000],
        [4000, 5000, 6000],
    )
    assert sent.frame_id == 'base'
    sent = trajectory_from_path(path((1, 2, 3)))
    (element,) = sent.content.trajectories
    assert element['trajectory_type'] == TrajectoryType.TARGET
    assert element['entry'].tolist() == element['target'].tolist() == [1000, 2000, 3000]


@pytest.mark.parametrize('count', [0, 3, 1000])
def test_a_path_that_is_not_straight_is_refused(count: int) -> None:
    message = path(*[(0.0, 0.0, 0.0)] * count)
    assert cause(trajectory_from_path, message) == 'value_count'


def test_the_poses_have_to_be_in_the_frame_of_the_path() -> None:
    trajectory_from_path(path((1, 2, 3), frame_id='base'))
    message = path((1, 2, 3), frame_id='tool')
    assert cause(trajectory_from_path, message) == 'several_frames'


@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e7, 'out_of_range')])
def test_a_pose_that_is_nowhere_is_refused(value: float, expected: str) -> None:
    message = path((1, 2, 3), (4, value, 6))
    assert cause(trajectory_from_path, message) == expected


TO_ROS = trajectory_to_marker_array
FROM_ROS = trajectory_from_marker_array
positions = st.tuples(*[st.floats(-1e6, 1e6, width=32).map(lambda number: number + 0.0)] * 3)


def trajectories(*rows: dict[str, Any]) -> codec.Trajectory:
    return codec.Trajectory.from_trajectories(
        {'trajectory_type': TrajectoryType.ENTRY_TARGET, **row} for row in rows
    )


def arrow(**fields: Any) -> Marker:
    """Return an arrow of 1 m along x that names a frame."""
    marker = Marker(type=Marker.ARROW, points=[Point(), Point(x=1.0)], **fields)
    marker.header.frame_id = 'base'
    return marker


def sent_of(*markers: Marker) -> Any:
    return FROM_ROS(MarkerArray(markers=list(markers))).content


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': st.text('abc é', min_size=1, max_size=10),
                'group': st.text('abc é', max_size=5),
                'rgba': st.tuples(*[st.integers(0, 255)] * 4),
                'entry': positions,
                'target': positions,
                'size': st.floats(2.0**-10, 1e3, width=32),
            }
        ),
        max_size=4,
    )
)
def test_trajectories_pass_through_markers_byte_by_byte(rows: Any) -> None:
    content = trajectories(*rows)
    message = deserialize_message(serialize_message(TO_ROS(content, CONTEXT)), MarkerArray)
    assert FROM_ROS(message).content == content


def test_a_new_list_takes_the_place_of_the_last() -> None:
    markers = TO_ROS(trajectories({'name': 'A'}, {'name': 'B'}), CONTEXT).markers
    assert [marker.action for marker in markers] == [Marker.DELETEALL, Marker.ADD, Marker.ADD]
    assert [marker.id for marker in markers[1:]] == [0, 1]
    assert {marker.header.frame_id for marker in markers} == {'igtl_ras'}
    (marker,) = TO_ROS(trajectories(), CONTEXT).markers
    assert marker.action == Marker.DELETEALL


@pytest.mark.parametrize('trajectory_type', [TrajectoryType.ENTRY, TrajectoryType.TARGET])
def test_a_trajectory_of_one_end_is_a_sphere_there(trajectory_type: int) -> None:
    row = {'trajectory_type': trajectory_type, 'entry': (1, 2, 3), 'target': (4, 5, 6)}
    _, marker = TO_ROS(trajectories(row), CONTEXT).markers
    assert marker.type == Marker.SPHERE
    heights = {TrajectoryType.ENTRY: 0.003, TrajectoryType.TARGET: 0.006}
    assert marker.pose.position.z == heights[TrajectoryType(trajectory_type)]
    (element,) = sent_of(marker).trajectories
    assert element['trajectory_type'] == TrajectoryType.TARGET
    assert element['entry'].tolist() == element['target'].tolist()


@pytest.mark.parametrize(('size', 'width'), [(0.0, 0.001), (-1.0, 0.001), (3.0, 0.003)])
def test_what_has_no_size_is_shown_all_the_same(size: float, width: float) -> None:
    _, marker = TO_ROS(trajectories({'size': size}), CONTEXT).markers
    assert (marker.scale.x, marker.scale.y) == (width, 2 * width)


@pytest.mark.parametrize('field', ['entry', 'target', 'size'])
@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e38, 'out_of_range')])
def test_one_bad_trajectory_refuses_all(field: str, value: float, expected: str) -> None:
    array = np.zeros(2, codec.Trajectory.dtype)
    array[field][1] = value
    assert cause(TO_ROS, codec.Trajectory(array), CONTEXT) == expected


def test_a_marker_is_read_in_the_frame_of_its_pose() -> None:
    marker = arrow()
    marker.pose.position.z = 0.5
    marker.pose.orientation = Quaternion(x=0.0, y=0.0, z=math.sqrt(0.5), w=math.sqrt(0.5))
    (element,) = sent_of(marker).trajectories
    assert element['entry'].tolist() == [0.0, 0.0, 500.0]
    assert element['target'].tolist() == pytest.approx([0.0, 1000.0, 500.0], abs=1e-3)


def test_a_line_is_a_trajectory_too_and_what_deletes_is_none() -> None:
    markers = [
        Marker(action=Marker.DELETEALL),
        arrow(text='A', ns='Plan'),
        Marker(action=Marker.DELETE),
        arrow(),
    ]
    markers[3].type = Marker.LINE_STRIP
    first, second = sent_of(*markers).trajectories
    assert (first['name'], first['group']) == (b'A', b'Plan')
    assert (second['name'], second['group']) == (b'T1', b'')
    assert second['target'].tolist() == [1000.0, 0.0, 0.0]


def test_no_markers_are_no_trajectories() -> None:
    assert FROM_ROS(MarkerArray()) == Outbound(trajectories())


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'type': Marker.CUBE}, 'marker_type'),
        ({'type': Marker.LINE_LIST}, 'marker_type'),
        ({'points': []}, 'marker_type'),
        ({'points': [Point()] * 3}, 'marker_type'),
        ({'points': [Point(), Point(y=math.nan)]}, 'not_finite'),
        ({'points': [Point(), Point(y=1e7)]}, 'out_of_range'),
        ({'ns': 'a' * 32}, 'name_too_long'),
        ({'text': 'a' * 64}, 'name_too_long'),
    ],
)
def test_a_marker_that_is_no_trajectory_is_refused(fields: dict[str, Any], expected: str) -> None:
    marker = arrow()
    for name, value in fields.items():
        setattr(marker, name, value)
    assert cause(sent_of, marker) == expected


def test_a_marker_with_bad_parts_is_refused() -> None:
    marker = arrow()
    marker.pose.orientation.w = 0.0
    assert cause(sent_of, marker) == 'zero_quaternion'
    marker = arrow()
    marker.color.a = 2.0
    assert cause(sent_of, marker) == 'color_range'
    marker = arrow()
    marker.scale.x = math.nan
    assert cause(sent_of, marker) == 'not_finite'


def test_markers_in_two_frames_are_refused() -> None:
    marker = arrow()
    marker.header.frame_id = 'tool'
    assert cause(sent_of, arrow(), marker) == 'several_frames'

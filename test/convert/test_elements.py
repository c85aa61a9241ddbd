# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.elements: tools and points, and which of them are refused."""

from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion

from ros2_igtl import codec
from ros2_igtl.convert import elements
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.elements import MAX_TOOLS, Tool
from ros2_igtl.convert.errors import ConvertError

IDENTITY = np.eye(4)


def tracking_data(*names: str) -> codec.TrackingData:
    return codec.TrackingData.from_tools((name, 2, IDENTITY) for name in names)


def quaternion_tools(**fields: Any) -> codec.QuaternionTrackingData:
    """Return two tools, the second with other fields."""
    rows = np.zeros(2, codec.QuaternionTrackingData.dtype)
    rows['quaternion'] = (0, 0, 0, 1)
    rows['name'] = b'A', b'B'
    for name, value in fields.items():
        rows[name][1] = value
    return codec.QuaternionTrackingData(rows)


def test_b18_no_tools_are_all_lost() -> None:
    assert elements.tools_of(tracking_data()) == []
    assert len(elements.tracking_data_of([]).tools) == 0
    assert elements.tools_of(codec.QuaternionTrackingData.from_tools([])) == []
    assert len(elements.quaternion_tracking_data_of([]).tools) == 0


def test_b17_a_quaternion_of_a_tool_is_scaled_or_refused() -> None:
    tools = elements.tools_of(quaternion_tools(quaternion=(0, 0, 1.005, 0)))
    assert tools[1].orientation == (0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ('fields', 'cause'),
    [
        ({'quaternion': (0, 0, 0, 0)}, 'zero_quaternion'),
        ({'quaternion': (0, 0, 0, 1.5)}, 'quaternion_norm'),
        ({'quaternion': (0, 0, np.nan, 1)}, 'not_finite'),
        ({'position': (0, np.inf, 0)}, 'not_finite'),
        ({'position': (0, 1e38, 0)}, 'out_of_range'),
        ({'name': b'A'}, 'duplicate_name'),
    ],
)
def test_b17_b18_one_bad_tool_with_a_quaternion_refuses_all(
    fields: dict[str, Any], cause: str
) -> None:
    with pytest.raises(ConvertError) as refusal:
        elements.tools_of(quaternion_tools(**fields))
    assert refusal.value.cause == cause


def test_tools_become_quaternions_of_length_1() -> None:
    pose = Pose(
        position=Point(x=0.001, y=0.002, z=0.003),
        orientation=Quaternion(x=0.0, y=1.005, z=0.0, w=0.0),
    )
    content = elements.quaternion_tracking_data_of([('A', 3, pose)])
    expected = codec.QuaternionTrackingData.from_tools([('A', 3, (1, 2, 3), (0, 1, 0, 0))])
    assert content == expected
    for name, cause in (('A' * 20, 'name_too_long'), ('A', 'duplicate_name')):
        with pytest.raises(ConvertError) as refusal:
            elements.quaternion_tracking_data_of([('A', 3, pose), (name, 3, pose)])
        assert refusal.value.cause == cause


def test_b18_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConvertError, match="named 'B'") as refusal:
        elements.tools_of(tracking_data('A', 'B', 'C', 'B'))
    assert refusal.value.cause == 'duplicate_name'
    with pytest.raises(ConvertError, match="named 'B'") as refusal:
        elements.tracking_data_of([('B', 2, Pose()), ('B', 2, Pose())])
    assert refusal.value.cause == 'duplicate_name'


@pytest.mark.parametrize('tool_type', [0, 1, 2, 3, 4, 255])
def test_b18_any_tool_type_is_passed_on(tool_type: int) -> None:
    content = codec.TrackingData.from_tools([('A', tool_type, IDENTITY)])
    (tool,) = elements.tools_of(content)
    assert tool.tool_type == tool_type
    assert elements.tracking_data_of([('A', tool_type, Pose())]) == content


def test_b18_the_number_of_tools_has_a_bound() -> None:
    most = np.zeros(MAX_TOOLS + 1, codec.TrackingData.dtype)
    with pytest.raises(ConvertError, match='1001 tools, 1000 are') as refusal:
        elements.tools_of(codec.TrackingData(most))
    assert refusal.value.cause == 'too_many_tools'
    with pytest.raises(ConvertError) as refusal:
        elements.tracking_data_of((str(n), 2, Pose()) for n in range(MAX_TOOLS + 1))
    assert refusal.value.cause == 'too_many_tools'
    assert len(elements.tools_of(tracking_data(*map(str, range(MAX_TOOLS))))) == MAX_TOOLS


@pytest.mark.parametrize(
    ('row', 'column', 'value', 'cause'),
    [
        (0, 0, np.nan, 'not_finite'),
        (1, 3, np.inf, 'not_finite'),
        (2, 3, 1e38, 'out_of_range'),
        (2, 2, -1.0, 'non_rigid'),
        (0, 1, 0.01, 'non_rigid'),
    ],
)
def test_one_bad_tool_refuses_all(row: int, column: int, value: float, cause: str) -> None:
    bad = np.eye(4)
    bad[row, column] = value
    content = codec.TrackingData.from_tools([('A', 2, IDENTITY), ('B', 2, bad)])
    with pytest.raises(ConvertError) as refusal:
        elements.tools_of(content)
    assert refusal.value.cause == cause


def test_a_tool_name_that_fills_its_field_is_refused() -> None:
    assert elements.tracking_data_of([('é' * 9, 2, Pose())]).tools['name'][0] == 'é'.encode() * 9
    with pytest.raises(ConvertError, match='20 bytes, 19 are') as refusal:
        elements.tracking_data_of([('é' * 10, 2, Pose())])
    assert refusal.value.cause == 'name_too_long'


@pytest.mark.parametrize(
    ('names', 'frame'),
    [
        (['ProbeToTracker', 'StylusToTracker'], 'Tracker'),
        (['ProbeToTracker', 'StylusToTable'], 'given'),
        (['ProbeToTracker', 'Stylus'], 'given'),
        (['Probe', 'Stylus'], 'given'),
        ([], 'given'),
    ],
)
def test_the_frame_of_tools_is_the_one_that_all_their_names_say(
    names: list[str], frame: str
) -> None:
    tools = [Tool(name, 2, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)) for name in names]
    assert elements.tracking_data_frame(tools, Context('', Time(), 'given', '')) == frame


def test_the_frame_of_tools_has_the_prefix_unless_it_is_the_given_one() -> None:
    context = Context('', Time(), 'given', '', frame_prefix='left/')
    tools = [Tool('ProbeToTracker', 2, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))]
    assert elements.tracking_data_frame(tools, context) == 'left/Tracker'
    assert elements.tracking_data_frame([], context) == 'given'


def test_b26_one_bad_point_refuses_all() -> None:
    rows: list[dict[str, Any]] = [{'position': (1, 2, 3)}, {'position': (1, np.nan, 3)}]
    with pytest.raises(ConvertError) as refusal:
        elements.point_positions(codec.Point.from_points(rows))
    assert refusal.value.cause == 'not_finite'


def test_positions_of_points_are_in_metres() -> None:
    rows = [{'position': (1000, 2000, -500)}, {'position': (0, 0, 0)}]
    positions = elements.point_positions(codec.Point.from_points(rows))
    assert positions == [(1.0, 2.0, -0.5), (0.0, 0.0, 0.0)]
    assert elements.position_mm(Point(x=1.0, y=2.0, z=-0.5)) == (1000.0, 2000.0, -500.0)


def test_a_pose_gives_its_columns_in_millimetres() -> None:
    pose = Pose(
        position=Point(x=0.001, y=0.002, z=0.003),
        orientation=Quaternion(x=0.5, y=0.5, z=0.5, w=0.5),
    )
    # x to y, y to z, z to x
    expected = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 2.0, 3.0)
    assert elements.columns_of_pose(pose) == pytest.approx(expected)
    assert elements.make_pose((0.001, 0.002, 0.003), (0.5, 0.5, 0.5, 0.5)) == pose


def test_a_list_has_at_most_as_many_elements_as_take_no_long_time() -> None:
    elements.check_count(elements.MAX_ELEMENTS)
    with pytest.raises(ConvertError, match='10001 elements, 10000 are') as refusal:
        elements.check_count(elements.MAX_ELEMENTS + 1)
    assert refusal.value.cause == 'too_many_elements'


def test_a_vector_is_given_in_metres_and_taken_in_millimetres() -> None:
    vector = elements.make_vector((0.001, 0.002, -0.003))
    assert (vector.x, vector.y, vector.z) == (0.001, 0.002, -0.003)
    assert elements.position_mm(vector) == (1.0, 2.0, -3.0)


def test_a_row_of_a_trajectory_is_white_and_thin_unless_it_is_said() -> None:
    row = elements.trajectory_row('A', 2, [1.0, 2.0, 3.0], (4.0, 5.0, 6.0))
    expected = {'name': 'A', 'trajectory_type': 2, 'entry': (1, 2, 3), 'target': (4, 5, 6)}
    content = codec.Trajectory.from_trajectories([{**expected, 'rgba': (255,) * 4}])
    assert elements.trajectories_of([row]) == content
    assert elements.trajectories_of([]) == codec.Trajectory.from_trajectories([])


def test_positions_become_messages() -> None:
    points = elements.make_points(np.array([[1.0, -2.0, 3.5], [0.0, 1e-9, 7.0]]))
    assert [(point.x, point.y, point.z) for point in points] == [(1.0, -2.0, 3.5), (0.0, 1e-9, 7)]
    assert elements.make_points(np.zeros((0, 3))) == []

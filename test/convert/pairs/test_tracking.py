# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.tracking: TDATA and QTDATA."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from hypothesis import given
from hypothesis import strategies as st

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.tracking import (
    MAX_TOOLS,
    Tool,
    quaternion_tracking_data_from_tracking_data,
    quaternion_tracking_data_of,
    tools_of,
    tracking_data_frame,
    tracking_data_from_tracking_data,
    tracking_data_of,
    tracking_data_to_tracking_data,
)
from ros2_igtl.msg import TrackedTool, TrackingData

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
    assert tools_of(tracking_data()) == []
    assert len(tracking_data_of([]).tools) == 0
    assert tools_of(codec.QuaternionTrackingData.from_tools([])) == []
    assert len(quaternion_tracking_data_of([]).tools) == 0


def test_b17_a_quaternion_of_a_tool_is_scaled_or_refused() -> None:
    tools = tools_of(quaternion_tools(quaternion=(0, 0, 1.005, 0)))
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
        tools_of(quaternion_tools(**fields))
    assert refusal.value.cause == cause


def test_tools_become_quaternions_of_length_1() -> None:
    pose = Pose(
        position=Point(x=0.001, y=0.002, z=0.003),
        orientation=Quaternion(x=0.0, y=1.005, z=0.0, w=0.0),
    )
    content = quaternion_tracking_data_of([('A', 3, pose)])
    expected = codec.QuaternionTrackingData.from_tools([('A', 3, (1, 2, 3), (0, 1, 0, 0))])
    assert content == expected
    for name, expected_cause in (('A' * 20, 'name_too_long'), ('A', 'duplicate_name')):
        with pytest.raises(ConvertError) as refusal:
            quaternion_tracking_data_of([('A', 3, pose), (name, 3, pose)])
        assert refusal.value.cause == expected_cause


def test_b18_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConvertError, match="named 'B'") as refusal:
        tools_of(tracking_data('A', 'B', 'C', 'B'))
    assert refusal.value.cause == 'duplicate_name'
    with pytest.raises(ConvertError, match="named 'B'") as refusal:
        tracking_data_of([('B', 2, Pose()), ('B', 2, Pose())])
    assert refusal.value.cause == 'duplicate_name'


@pytest.mark.parametrize('tool_type', [0, 1, 2, 3, 4, 255])
def test_b18_any_tool_type_is_passed_on(tool_type: int) -> None:
    content = codec.TrackingData.from_tools([('A', tool_type, IDENTITY)])
    (tool,) = tools_of(content)
    assert tool.tool_type == tool_type
    assert tracking_data_of([('A', tool_type, Pose())]) == content


def test_b18_the_number_of_tools_has_a_bound() -> None:
    most = np.zeros(MAX_TOOLS + 1, codec.TrackingData.dtype)
    with pytest.raises(ConvertError, match='1001 tools; 1000 are') as refusal:
        tools_of(codec.TrackingData(most))
    assert refusal.value.cause == 'too_many_tools'
    with pytest.raises(ConvertError) as refusal:
        tracking_data_of((str(n), 2, Pose()) for n in range(MAX_TOOLS + 1))
    assert refusal.value.cause == 'too_many_tools'
    assert len(tools_of(tracking_data(*map(str, range(MAX_TOOLS))))) == MAX_TOOLS


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
        tools_of(content)
    assert refusal.value.cause == cause


def test_a_tool_name_that_fills_its_field_is_refused() -> None:
    assert tracking_data_of([('é' * 9, 2, Pose())]).tools['name'][0] == 'é'.encode() * 9
    with pytest.raises(ConvertError, match='20 bytes, 19 are') as refusal:
        tracking_data_of([('é' * 10, 2, Pose())])
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
    assert tracking_data_frame(tools, Context('', Time(), 'given', '')) == frame


def test_the_frame_of_tools_has_the_prefix_unless_it_is_the_given_one() -> None:
    context = Context('', Time(), 'given', '', frame_prefix='left/')
    tools = [Tool('ProbeToTracker', 2, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))]
    assert tracking_data_frame(tools, context) == 'left/Tracker'
    assert tracking_data_frame([], context) == 'given'


CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


def test_the_frame_of_tools_is_the_one_their_names_say() -> None:
    content = codec.TrackingData.from_tools([('ProbeToTable', 2, np.eye(4))])
    message = tracking_data_to_tracking_data(content, CONTEXT)
    assert message.header.frame_id == 'Table'
    assert message.tools[0].name == 'ProbeToTable'


def test_b18_no_tools_at_all_say_that_all_are_lost() -> None:
    content = codec.TrackingData.from_tools([])
    message = tracking_data_to_tracking_data(content, CONTEXT)
    assert message.tools == []
    assert tracking_data_from_tracking_data(message).content == content


def test_a_tool_that_is_none_is_refused() -> None:
    message = TrackingData(tools=[TrackedTool(name='A'), TrackedTool(name='B')])
    message.tools[1].pose.orientation.w = 0.0
    convert = tracking_data_from_tracking_data
    assert cause(convert, message) == 'zero_quaternion'


def test_a_quaternion_that_is_none_is_refused() -> None:
    message = TrackingData(tools=[TrackedTool(name='A')])
    message.tools[0].pose.orientation.w = 0.0
    convert = quaternion_tracking_data_from_tracking_data
    assert cause(convert, message) == 'zero_quaternion'


unit_quaternions = (
    st.tuples(*[st.floats(-1.0, 1.0)] * 4)
    .filter(lambda q: math.hypot(*q) > 0.1)
    .map(lambda q: tuple(number / math.hypot(*q) for number in q))
)


@given(
    st.lists(
        st.tuples(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3), unit_quaternions), max_size=4
    )
)
def test_tools_with_quaternions_pass_through_ros_with_their_positions_bit_by_bit(
    poses: Any,
) -> None:
    content = codec.QuaternionTrackingData.from_tools(
        (f'Tool {index}', index, position, quaternion)
        for index, (position, quaternion) in enumerate(poses)
    )
    message = tracking_data_to_tracking_data(content, CONTEXT)
    back: Any = quaternion_tracking_data_from_tracking_data(message).content
    np.testing.assert_allclose(
        back.tools['quaternion'], content.tools['quaternion'], rtol=0.0, atol=2e-7
    )
    back.tools['quaternion'] = content.tools['quaternion']
    assert back == content

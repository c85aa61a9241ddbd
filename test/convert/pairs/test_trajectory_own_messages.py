# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.trajectory: TRAJ, own messages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs import parts
from ros2_igtl.convert.pairs.lists import capability_from_ros, capability_to_ros
from ros2_igtl.convert.pairs.trajectory import (
    trajectory_from_trajectory_array,
    trajectory_to_trajectory_array,
)
from ros2_igtl.msg import Capability, Trajectory, TrajectoryArray

CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


texts = st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=4)
positions = st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': texts,
                'group': texts,
                'trajectory_type': st.integers(0, 255),
                'rgba': st.tuples(*[st.integers(0, 255)] * 4),
                'entry': positions,
                'target': positions,
                'size': st.floats(0, 1e3, width=32),
                'owner': texts,
            }
        ),
        max_size=4,
    )
)
def test_trajectories_pass_through_ros_byte_by_byte(trajectories: list[dict[str, Any]]) -> None:
    content = codec.Trajectory.from_trajectories(trajectories)
    message = trajectory_to_trajectory_array(content, CONTEXT)
    message = deserialize_message(serialize_message(message), TrajectoryArray)
    assert trajectory_from_trajectory_array(message).content == content


@pytest.mark.parametrize('field', ['entry', 'target', 'size'])
@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e7, 'out_of_range')])
def test_a_trajectory_that_leads_nowhere_is_refused(
    field: str, value: float, expected: str
) -> None:
    array = np.zeros(2, codec.Trajectory.dtype)
    array[field][1] = value * 1000
    content = codec.Trajectory(array)
    assert cause(trajectory_to_trajectory_array, content, CONTEXT) == expected
    trajectory = Trajectory()
    if field == 'size':
        trajectory.size = value
    else:
        getattr(trajectory, field).y = value
    message = TrajectoryArray(trajectories=[trajectory])
    assert cause(trajectory_from_trajectory_array, message) == expected


@pytest.mark.parametrize(('field', 'size'), [('name', 64), ('group', 32), ('owner', 20)])
def test_a_name_of_a_trajectory_that_fills_its_field_is_refused(field: str, size: int) -> None:
    convert = trajectory_from_trajectory_array
    longest = Trajectory(**{field: 'a' * (size - 1)})
    sent: Any = convert(TrajectoryArray(trajectories=[longest]))
    assert sent.content.trajectories[field][0] == b'a' * (size - 1)
    message = TrajectoryArray(trajectories=[Trajectory(**{field: 'a' * size})])
    assert cause(convert, message) == 'name_too_long'


def test_a_colour_of_a_trajectory_that_is_none_is_refused() -> None:
    trajectory = Trajectory()
    trajectory.color.b = -1.0
    message = TrajectoryArray(trajectories=[trajectory])
    assert cause(trajectory_from_trajectory_array, message) == 'color_range'


def test_a_longer_list_than_anybody_makes_is_refused() -> None:
    many = parts.MAX_ELEMENTS + 1
    content = codec.Trajectory(np.zeros(many, codec.Trajectory.dtype))
    convert: Any = trajectory_to_trajectory_array
    assert cause(convert, content, CONTEXT) == 'too_many_elements'
    message = TrajectoryArray(trajectories=[Trajectory()] * many)
    convert = trajectory_from_trajectory_array
    assert cause(convert, message) == 'too_many_elements'
    names = ('STATUS',) * many
    convert = capability_to_ros
    assert cause(convert, codec.Capability(names), CONTEXT) == 'too_many_elements'
    convert = capability_from_ros
    assert cause(convert, Capability(type_names=names)) == 'too_many_elements'

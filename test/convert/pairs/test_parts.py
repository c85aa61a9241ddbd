# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.parts: parts that several families share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from visualization_msgs.msg import Marker, MarkerArray

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs import parts
from ros2_igtl.convert.pairs.trajectory import (
    trajectory_from_marker_array,
    trajectory_to_marker_array,
)


def test_a_pose_gives_its_columns_in_millimetres() -> None:
    pose = Pose(
        position=Point(x=0.001, y=0.002, z=0.003),
        orientation=Quaternion(x=0.5, y=0.5, z=0.5, w=0.5),
    )
    # x to y, y to z, z to x
    expected = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 2.0, 3.0)
    assert parts.columns_of_pose(pose) == pytest.approx(expected)
    assert parts.make_pose((0.001, 0.002, 0.003), (0.5, 0.5, 0.5, 0.5)) == pose


def test_a_list_has_at_most_as_many_elements_as_take_no_long_time() -> None:
    parts.check_count(parts.MAX_ELEMENTS)
    with pytest.raises(ConvertError, match='10001 elements; 10000 are') as refusal:
        parts.check_count(parts.MAX_ELEMENTS + 1)
    assert refusal.value.cause == 'too_many_elements'


def test_a_vector_is_given_in_metres_and_taken_in_millimetres() -> None:
    vector = parts.make_vector((0.001, 0.002, -0.003))
    assert (vector.x, vector.y, vector.z) == (0.001, 0.002, -0.003)
    assert parts.position_mm(vector) == (1.0, 2.0, -3.0)


def test_positions_become_messages() -> None:
    points = parts.make_points(np.array([[1.0, -2.0, 3.5], [0.0, 1e-9, 7.0]]))
    assert [(point.x, point.y, point.z) for point in points] == [(1.0, -2.0, 3.5), (0.0, 1e-9, 7)]
    assert parts.make_points(np.zeros((0, 3))) == []


CONTEXT = Context('Plan', Time(sec=5), 'igtl_ras', 'Plan')
TO_ROS = trajectory_to_marker_array
FROM_ROS = trajectory_from_marker_array


def arrow(**fields: Any) -> Marker:
    """Return an arrow of 1 m along x that names a frame."""
    marker = Marker(type=Marker.ARROW, points=[Point(), Point(x=1.0)], **fields)
    marker.header.frame_id = 'base'
    return marker


def sent_of(*markers: Marker) -> Any:
    return FROM_ROS(MarkerArray(markers=list(markers))).content


def test_a_longer_list_than_anybody_makes_is_refused() -> None:
    many = parts.MAX_ELEMENTS + 1
    content = codec.Trajectory(np.zeros(many, codec.Trajectory.dtype))
    assert cause(TO_ROS, content, CONTEXT) == 'too_many_elements'
    assert cause(sent_of, *[arrow()] * many) == 'too_many_elements'

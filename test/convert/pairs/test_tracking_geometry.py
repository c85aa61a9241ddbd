# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.tracking: TDATA and QTDATA, geometry."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseArray, TransformStamped

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.points import (
    point_from_pose_array,
    point_to_point_stamped,
    point_to_pose_array,
)
from ros2_igtl.convert.pairs.tracking import (
    quaternion_tracking_data_from_transform_stamped,
    tracking_data_from_pose_array,
    tracking_data_from_transform_stamped,
    tracking_data_to_pose_array,
    tracking_data_to_transform_stamped,
)

CONTEXT = Context('Probe', Time(sec=5), 'Tracker', 'Probe')


def transform_stamped() -> TransformStamped:
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = 'Tracker', 'Probe'
    return message


def tracking_data(*names: str) -> codec.TrackingData:
    return codec.TrackingData.from_tools((name, 2, np.eye(4)) for name in names)


def test_tool_names_are_read_as_device_names_for_tf() -> None:
    content = tracking_data('ProbeToTable', 'My Stylus')
    transforms = tracking_data_to_transform_stamped(content, CONTEXT)
    assert [(t.header.frame_id, t.child_frame_id) for t in transforms] == [
        ('Table', 'Probe'),
        ('Tracker', 'My_Stylus'),
    ]


def test_b10_two_tools_of_one_frame_are_refused() -> None:
    content = tracking_data('My Probe', 'My_Probe')
    convert = tracking_data_to_transform_stamped
    assert cause(convert, content, CONTEXT) == 'duplicate_name'


def test_several_transforms_make_one_tdata_with_the_newest_stamp() -> None:
    first, second = transform_stamped(), transform_stamped()
    first.header.stamp = Time(sec=9, nanosec=1)
    second.header.stamp = Time(sec=8, nanosec=2)
    second.transform.translation.y = 0.25
    sent = tracking_data_from_transform_stamped([('A', first), ('B', second)])
    moved = np.eye(4)
    moved[1, 3] = 250.0
    expected = codec.TrackingData.from_tools([('A', 2, np.eye(4)), ('B', 2, moved)])
    assert sent == Outbound(expected, 9_000_000_001)
    with pytest.raises(ConvertError) as refusal:
        tracking_data_from_transform_stamped([('A', first), ('A', second)])
    assert refusal.value.cause == 'duplicate_name'


def test_a_tool_named_as_its_parent_is_refused() -> None:
    convert = tracking_data_to_transform_stamped
    assert cause(convert, tracking_data('Tracker'), CONTEXT) == 'same_frame'


def test_lists_of_nothing_stay_lists_of_nothing() -> None:
    tools, points = tracking_data(), codec.Point.from_points([])
    assert tracking_data_from_pose_array(PoseArray()).content == tools
    assert point_from_pose_array(PoseArray()).content == points
    assert tracking_data_to_pose_array(tools, CONTEXT).poses == []
    assert point_to_pose_array(points, CONTEXT).poses == []
    assert point_to_point_stamped(points, CONTEXT) == []


def test_several_transforms_make_one_qtdata_too() -> None:
    first, second = transform_stamped(), transform_stamped()
    first.header.stamp = Time(sec=9, nanosec=1)
    second.transform.translation.y = 0.25
    convert = quaternion_tracking_data_from_transform_stamped
    upright = (0.0, 0.0, 0.0, 1.0)
    expected = codec.QuaternionTrackingData.from_tools(
        [('A', 2, (0.0, 0.0, 0.0), upright), ('B', 2, (0.0, 250.0, 0.0), upright)]
    )
    assert convert([('A', first), ('B', second)]) == Outbound(expected, 9_000_000_001)
    assert cause(convert, [('A', first), ('A', second)]) == 'duplicate_name'


def test_tools_with_quaternions_go_to_tf_by_their_names() -> None:
    content = codec.QuaternionTrackingData.from_tools(
        [('ProbeToTable', 2, (1.0, 2.0, 3.0), (0.0, 0.0, 1.0, 0.0))]
    )
    (transform,) = tracking_data_to_transform_stamped(content, CONTEXT)
    assert (transform.header.frame_id, transform.child_frame_id) == ('Table', 'Probe')
    assert transform.transform.translation.z == 0.003
    assert transform.transform.rotation.z == 1.0

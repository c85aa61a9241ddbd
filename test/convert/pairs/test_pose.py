# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.pose: TRANSFORM and POSITION."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, TransformStamped
from hypothesis import given
from hypothesis import strategies as st

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.pose import (
    position_from_pose_stamped,
    position_from_transform_stamped,
    position_to_point_stamped,
    position_to_pose_stamped,
    position_to_transform_stamped,
    static_transform,
    transform_from_pose_stamped,
    transform_from_transform_stamped,
    transform_to_pose_stamped,
    transform_to_transform_stamped,
)

CONTEXT = Context('Probe', Time(sec=5), 'Tracker', 'Probe')
IDENTITY = codec.Transform(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 10.0, 20.0, 30.0)
NAN, INF = math.nan, math.inf
millimetres32 = st.floats(-1e9, 1e9, width=32, allow_subnormal=False)
quaternions = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: math.hypot(*q) > 0.1)


def transform_stamped() -> TransformStamped:
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = 'Tracker', 'Probe'
    return message


@given(st.tuples(*[millimetres32] * 3), quaternions)
def test_a_transform_passes_through_ros_with_its_translation_bit_by_bit(
    translation: Any, quaternion: Any
) -> None:
    x, y, z, w = np.array(quaternion) / math.hypot(*quaternion)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    rotation = np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross
    matrix = np.column_stack([rotation, translation])
    packed = codec.pack(codec.Message(codec.Transform.from_matrix(matrix), 'Probe'))
    received: Any = codec.unpack(packed).content
    (message,) = transform_to_transform_stamped(received, CONTEXT)
    (sent,) = transform_from_transform_stamped(message)
    back = sent.content
    packed_back = codec.pack(codec.Message(back, 'Probe'))
    assert packed_back[-12:] == packed[-12:]
    received_back: Any = codec.unpack(packed_back).content
    assert np.abs(received_back.matrix - received.matrix).max() < 5e-7


@pytest.mark.parametrize('place', range(12))
@pytest.mark.parametrize('value', [NAN, INF, -INF])
@pytest.mark.parametrize(
    'convert',
    [transform_to_transform_stamped, transform_to_pose_stamped],
)
def test_b13_nan_and_infinity_in_any_place_are_refused(
    convert: Any, value: float, place: int
) -> None:
    numbers = list(IDENTITY)
    numbers[place] = value
    assert cause(convert, codec.Transform(*numbers), CONTEXT) == 'not_finite'


@pytest.mark.parametrize('place', range(12))
def test_b13_1e38_in_any_place_is_refused(place: int) -> None:
    numbers = list(IDENTITY)
    numbers[place] = 1e38
    expected = 'non_rigid' if place < 9 else 'out_of_range'
    content = codec.Transform(*numbers)
    assert cause(transform_to_transform_stamped, content, CONTEXT) == expected


@pytest.mark.parametrize(
    'rotation',
    [np.diag([1, 1, -1]), np.zeros((3, 3)), 2 * np.eye(3), np.eye(3) + np.eye(3, k=1) / 2],
    ids=['mirror', 'zero', 'scale', 'shear'],
)
def test_b14_a_matrix_that_is_not_rigid_is_refused(rotation: Any) -> None:
    content = codec.Transform.from_matrix(np.column_stack([rotation, [1, 2, 3]]))
    assert cause(transform_to_transform_stamped, content, CONTEXT) == 'non_rigid'
    assert cause(transform_to_pose_stamped, content, CONTEXT) == 'non_rigid'


def test_b15_float_noise_is_taken_and_projected_away() -> None:
    numbers = list(IDENTITY)
    numbers[0], numbers[1] = 1.0001, 0.0001
    (message,) = transform_to_transform_stamped(codec.Transform(*numbers), CONTEXT)
    q = message.transform.rotation
    assert abs(math.hypot(q.x, q.y, q.z, q.w) - 1.0) < 1e-12


@pytest.mark.parametrize(
    'convert',
    [position_to_pose_stamped, position_to_transform_stamped],
)
@pytest.mark.parametrize(
    ('quaternion', 'expected'),
    [
        ((0.0, 0.0, 0.0, 0.0), 'zero_quaternion'),
        ((0.0, 0.0, 0.0, 1.5), 'quaternion_norm'),
        ((0.0, NAN, 0.0, 1.0), 'not_finite'),
    ],
)
def test_b17_a_position_without_rotation_is_refused(
    convert: Any, quaternion: Any, expected: str
) -> None:
    assert cause(convert, codec.Position(1.0, 2.0, 3.0, *quaternion), CONTEXT) == expected


def test_b17_a_quaternion_within_one_percent_is_scaled() -> None:
    position = codec.Position(1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.009)
    message = position_to_pose_stamped(position, CONTEXT)
    assert message.pose.orientation.w == 1.0


def test_a_point_needs_no_rotation() -> None:
    position = codec.Position(1000.0, 2000.0, 3000.0, 0.0, 0.0, 0.0, 0.0)
    message = position_to_point_stamped(position, CONTEXT)
    assert (message.point.x, message.point.y, message.point.z) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    'convert',
    [
        transform_from_transform_stamped,
        position_from_transform_stamped,
    ],
)
def test_b33_a_transform_that_tf_would_not_take_is_refused(convert: Any) -> None:
    convert(transform_stamped())
    message = transform_stamped()
    message.transform.translation.y = NAN
    assert cause(convert, message) == 'not_finite'
    message = transform_stamped()
    message.transform.rotation.z = NAN
    assert cause(convert, message) == 'not_finite'
    message = transform_stamped()
    message.transform.rotation.w = 0.0
    assert cause(convert, message) == 'zero_quaternion'
    message = transform_stamped()
    message.header.frame_id = ''
    assert cause(convert, message) == 'empty_frame'
    message = transform_stamped()
    message.child_frame_id = ''
    assert cause(convert, message) == 'empty_frame'
    message = transform_stamped()
    message.child_frame_id = 'Tracker'
    assert cause(convert, message) == 'same_frame'
    message = transform_stamped()
    message.header.stamp.sec = -1
    assert cause(convert, message) == 'timestamp_range'


@pytest.mark.parametrize(
    'convert',
    [transform_from_pose_stamped, position_from_pose_stamped],
)
def test_a_pose_that_is_none_is_refused_and_one_without_frame_taken(convert: Any) -> None:
    assert convert(PoseStamped()).frame_id == ''
    message = PoseStamped()
    message.pose.position.x = INF
    assert cause(convert, message) == 'not_finite'
    message = PoseStamped()
    message.pose.orientation.w = 0.0
    assert cause(convert, message) == 'zero_quaternion'


@pytest.mark.parametrize(
    ('parent', 'child', 'expected'),
    [('', 'Probe', 'empty_frame'), ('Tracker', '', 'empty_frame'), ('A', 'A', 'same_frame')],
)
def test_a_pose_between_no_two_frames_makes_no_transform(
    parent: str, child: str, expected: str
) -> None:
    context = Context('Probe', Time(), parent, child)
    assert cause(transform_to_transform_stamped, IDENTITY, context) == expected
    # as a pose it needs only one
    assert transform_to_pose_stamped(IDENTITY, context).header.frame_id == parent


def test_a_static_transform_is_in_metres_without_stamp_and_of_unit_norm() -> None:
    found = static_transform('a', 'b', (0.1, 2.0, -3.0), (0.0, 0.0, 0.6, 0.805))
    assert (found.header.frame_id, found.child_frame_id, found.header.stamp) == ('a', 'b', Time())
    assert found.transform.translation.z == -3.0
    rotation = found.transform.rotation
    assert math.hypot(rotation.x, rotation.y, rotation.z, rotation.w) == pytest.approx(1.0)
    convert = static_transform
    assert cause(convert, 'a', 'b', (NAN, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)) == 'not_finite'
    assert cause(convert, 'a', 'b', (2e6, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)) == 'out_of_range'
    assert cause(convert, 'a', 'b', (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)) == 'zero_quaternion'

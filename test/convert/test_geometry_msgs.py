# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.geometry_msgs: what is refused, and what the table's cases do not reach."""

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PointStamped, PoseArray, PoseStamped, TransformStamped, WrenchStamped
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec
from ros2_igtl.convert import geometry_msgs
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError

CONTEXT = Context('Probe', Time(sec=5), 'Tracker', 'Probe')
IDENTITY = codec.Transform(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 10.0, 20.0, 30.0)
NAN, INF = math.nan, math.inf

millimetres32 = st.floats(-1e9, 1e9, width=32, allow_subnormal=False)
quaternions = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: math.hypot(*q) > 0.1)


def transform_stamped() -> TransformStamped:
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = 'Tracker', 'Probe'
    return message


def cause(convert: Any, *arguments: Any) -> str:
    with pytest.raises(ConvertError) as refusal:
        convert(*arguments)
    return refusal.value.cause


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
    message = geometry_msgs.transform_to_transform_stamped(received, CONTEXT)
    back = geometry_msgs.transform_from_transform_stamped(message).content
    packed_back = codec.pack(codec.Message(back, 'Probe'))
    assert packed_back[-12:] == packed[-12:]
    received_back: Any = codec.unpack(packed_back).content
    assert np.abs(received_back.matrix - received.matrix).max() < 5e-7


@pytest.mark.parametrize('place', range(12))
@pytest.mark.parametrize('value', [NAN, INF, -INF])
@pytest.mark.parametrize(
    'convert',
    [geometry_msgs.transform_to_transform_stamped, geometry_msgs.transform_to_pose_stamped],
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
    assert cause(geometry_msgs.transform_to_transform_stamped, content, CONTEXT) == expected


@pytest.mark.parametrize(
    'rotation',
    [np.diag([1, 1, -1]), np.zeros((3, 3)), 2 * np.eye(3), np.eye(3) + np.eye(3, k=1) / 2],
    ids=['mirror', 'zero', 'scale', 'shear'],
)
def test_b14_a_matrix_that_is_not_rigid_is_refused(rotation: Any) -> None:
    content = codec.Transform.from_matrix(np.column_stack([rotation, [1, 2, 3]]))
    assert cause(geometry_msgs.transform_to_transform_stamped, content, CONTEXT) == 'non_rigid'
    assert cause(geometry_msgs.transform_to_pose_stamped, content, CONTEXT) == 'non_rigid'


def test_b15_float_noise_is_taken_and_projected_away() -> None:
    numbers = list(IDENTITY)
    numbers[0], numbers[1] = 1.0001, 0.0001
    q = geometry_msgs.transform_to_transform_stamped(
        codec.Transform(*numbers), CONTEXT
    ).transform.rotation
    assert abs(math.hypot(q.x, q.y, q.z, q.w) - 1.0) < 1e-12


@pytest.mark.parametrize(
    'convert',
    [geometry_msgs.position_to_pose_stamped, geometry_msgs.position_to_transform_stamped],
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
    message = geometry_msgs.position_to_pose_stamped(position, CONTEXT)
    assert message.pose.orientation.w == 1.0


def test_a_point_needs_no_rotation() -> None:
    position = codec.Position(1000.0, 2000.0, 3000.0, 0.0, 0.0, 0.0, 0.0)
    message = geometry_msgs.position_to_point_stamped(position, CONTEXT)
    assert (message.point.x, message.point.y, message.point.z) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    'convert',
    [
        geometry_msgs.transform_from_transform_stamped,
        geometry_msgs.position_from_transform_stamped,
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
    [geometry_msgs.transform_from_pose_stamped, geometry_msgs.position_from_pose_stamped],
)
def test_a_pose_that_is_none_is_refused_and_one_without_frame_taken(convert: Any) -> None:
    assert convert(PoseStamped()).frame_id == ''
    message = PoseStamped()
    message.pose.position.x = INF
    assert cause(convert, message) == 'not_finite'
    message = PoseStamped()
    message.pose.orientation.w = 0.0
    assert cause(convert, message) == 'zero_quaternion'


def test_a_point_that_is_nowhere_is_refused() -> None:
    message = PointStamped()
    message.point.z = NAN
    assert cause(geometry_msgs.position_from_point_stamped, message) == 'not_finite'
    assert cause(geometry_msgs.point_from_point_stamped, message) == 'not_finite'


@pytest.mark.parametrize(
    ('parent', 'child', 'expected'),
    [('', 'Probe', 'empty_frame'), ('Tracker', '', 'empty_frame'), ('A', 'A', 'same_frame')],
)
def test_a_pose_between_no_two_frames_makes_no_transform(
    parent: str, child: str, expected: str
) -> None:
    context = Context('Probe', Time(), parent, child)
    assert cause(geometry_msgs.transform_to_transform_stamped, IDENTITY, context) == expected
    # as a pose it needs only one
    assert geometry_msgs.transform_to_pose_stamped(IDENTITY, context).header.frame_id == parent


def tracking_data(*names: str) -> codec.TrackingData:
    return codec.TrackingData.from_tools((name, 2, np.eye(4)) for name in names)


def test_tool_names_are_read_as_device_names_for_tf() -> None:
    content = tracking_data('ProbeToTable', 'My Stylus')
    transforms = geometry_msgs.tracking_data_to_transform_stamped(content, CONTEXT)
    assert [(t.header.frame_id, t.child_frame_id) for t in transforms] == [
        ('Table', 'Probe'),
        ('Tracker', 'My_Stylus'),
    ]


def test_b10_two_tools_of_one_frame_are_refused() -> None:
    content = tracking_data('My Probe', 'My_Probe')
    convert = geometry_msgs.tracking_data_to_transform_stamped
    assert cause(convert, content, CONTEXT) == 'duplicate_name'


def test_several_transforms_make_one_tdata_with_the_newest_stamp() -> None:
    first, second = transform_stamped(), transform_stamped()
    first.header.stamp = Time(sec=9, nanosec=1)
    second.header.stamp = Time(sec=8, nanosec=2)
    second.transform.translation.y = 0.25
    sent = geometry_msgs.tracking_data_from_transform_stamped([('A', first), ('B', second)])
    moved = np.eye(4)
    moved[1, 3] = 250.0
    expected = codec.TrackingData.from_tools([('A', 2, np.eye(4)), ('B', 2, moved)])
    assert sent == Outbound(expected, 9_000_000_001)
    with pytest.raises(ConvertError) as refusal:
        geometry_msgs.tracking_data_from_transform_stamped([('A', first), ('A', second)])
    assert refusal.value.cause == 'duplicate_name'


def test_a_tool_named_as_its_parent_is_refused() -> None:
    convert = geometry_msgs.tracking_data_to_transform_stamped
    assert cause(convert, tracking_data('Tracker'), CONTEXT) == 'same_frame'


def test_lists_of_nothing_stay_lists_of_nothing() -> None:
    tools, points = tracking_data(), codec.Point.from_points([])
    assert geometry_msgs.tracking_data_from_pose_array(PoseArray()).content == tools
    assert geometry_msgs.point_from_pose_array(PoseArray()).content == points
    assert geometry_msgs.tracking_data_to_pose_array(tools, CONTEXT).poses == []
    assert geometry_msgs.point_to_pose_array(points, CONTEXT).poses == []
    assert geometry_msgs.point_to_point_stamped(points, CONTEXT) == []


def image(size: tuple[int, int, int], **fields: Any) -> codec.Image:
    return codec.Image(bytes(math.prod(size)), size, **fields)


def test_the_plane_of_a_slice_goes_to_tf() -> None:
    content = image(
        (5, 3, 1),
        axes=(0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 9.0, 0.0, 0.0),
        position=(10.0, 20.0, 30.0),
    )
    (transform,) = geometry_msgs.image_to_transform_stamped(content, CONTEXT)
    translation, rotation = transform.transform.translation, transform.transform.rotation
    assert (translation.x, translation.y, translation.z) == pytest.approx((0.01, 0.016, 0.028))
    # x along y, y along z, z along x
    assert (rotation.x, rotation.y, rotation.z, rotation.w) == pytest.approx((0.5,) * 4)
    assert (transform.header.frame_id, transform.child_frame_id) == ('Tracker', 'Probe')


def test_the_plane_of_an_lps_slice_goes_to_tf_in_ras() -> None:
    content = image((1, 1, 1), coordinate=codec.CoordinateSystem.LPS, position=(10.0, 20.0, 30.0))
    (transform,) = geometry_msgs.image_to_transform_stamped(content, CONTEXT)
    translation, rotation = transform.transform.translation, transform.transform.rotation
    assert (translation.x, translation.y, translation.z) == (-0.01, -0.02, 0.03)
    assert (rotation.x, rotation.y, rotation.z, rotation.w) == (0.0, 0.0, 1.0, 0.0)


def test_a_volume_has_no_plane() -> None:
    assert geometry_msgs.image_to_transform_stamped(image((2, 2, 2)), CONTEXT) == []


def test_b21_a_plane_with_its_axes_at_an_angle_is_refused() -> None:
    content = image((2, 2, 1), axes=(1.0, 0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0, 1.0))
    assert cause(geometry_msgs.image_to_transform_stamped, content, CONTEXT) == 'non_rigid'


@pytest.mark.parametrize(
    ('unit', 'factor'), [('N', 1.0), ('mN', 0.001), ('kN', 1000.0), ('kg*m/s^2', 1.0)]
)
def test_the_one_unit_of_a_wrench_scales_force_and_torque(unit: str, factor: float) -> None:
    values = [1.5, -2.5, 3.5, 4.5, 5.5, -6.5]
    message = geometry_msgs.sensor_to_wrench_stamped(codec.Sensor(values, unit), CONTEXT)
    force, torque = message.wrench.force, message.wrench.torque
    numbers = [force.x, force.y, force.z, torque.x, torque.y, torque.z]
    assert numbers == [value * factor for value in values]
    sent = geometry_msgs.sensor_from_wrench_stamped(message)
    assert sent == Outbound(codec.Sensor(numbers, 'N'), 5_000_000_000, '', 'Probe')


@pytest.mark.parametrize('unit', ['1', 'N*m', 'J', 'g', 'Pa', 'N^2'])
def test_a_sensor_of_no_force_is_no_wrench(unit: str) -> None:
    content = codec.Sensor([0.0] * 6, unit)
    assert cause(geometry_msgs.sensor_to_wrench_stamped, content, CONTEXT) == 'unit'


@pytest.mark.parametrize('count', [0, 3, 5, 7])
def test_a_sensor_of_more_or_fewer_than_six_numbers_is_no_wrench(count: int) -> None:
    content = codec.Sensor([0.0] * count, 'N')
    assert cause(geometry_msgs.sensor_to_wrench_stamped, content, CONTEXT) == 'value_count'


@pytest.mark.parametrize('bad', [NAN, INF])
def test_a_wrench_that_is_none_is_refused(bad: float) -> None:
    content = codec.Sensor([0.0] * 5 + [bad], 'N')
    assert cause(geometry_msgs.sensor_to_wrench_stamped, content, CONTEXT) == 'not_finite'
    message = WrenchStamped()
    message.wrench.torque.y = bad
    assert cause(geometry_msgs.sensor_from_wrench_stamped, message) == 'not_finite'


def test_several_transforms_make_one_qtdata_too() -> None:
    first, second = transform_stamped(), transform_stamped()
    first.header.stamp = Time(sec=9, nanosec=1)
    second.transform.translation.y = 0.25
    convert = geometry_msgs.quaternion_tracking_data_from_transform_stamped
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
    (transform,) = geometry_msgs.tracking_data_to_transform_stamped(content, CONTEXT)
    assert (transform.header.frame_id, transform.child_frame_id) == ('Table', 'Probe')
    assert transform.transform.translation.z == 0.003
    assert transform.transform.rotation.z == 1.0


def test_a_static_transform_is_in_metres_without_stamp_and_of_unit_norm() -> None:
    found = geometry_msgs.static_transform('a', 'b', (0.1, 2.0, -3.0), (0.0, 0.0, 0.6, 0.805))
    assert (found.header.frame_id, found.child_frame_id, found.header.stamp) == ('a', 'b', Time())
    assert found.transform.translation.z == -3.0
    rotation = found.transform.rotation
    assert math.hypot(rotation.x, rotation.y, rotation.z, rotation.w) == pytest.approx(1.0)
    convert = geometry_msgs.static_transform
    assert cause(convert, 'a', 'b', (NAN, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)) == 'not_finite'
    assert cause(convert, 'a', 'b', (2e6, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)) == 'out_of_range'
    assert cause(convert, 'a', 'b', (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)) == 'zero_quaternion'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.ros2_igtl_msgs: what passes byte by byte, and what is refused."""

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from helpers.strategies import sensors
from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem, Endian, ScalarType
from ros2_igtl.convert import elements, ros2_igtl_msgs
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.msg import (
    Capability,
    LabeledPoint,
    MetadataEntry,
    PointArray,
    PolyDataAttribute,
    RawMessage,
    Sensor,
    TrackedTool,
    TrackingData,
    Trajectory,
    TrajectoryArray,
    Volume,
)

CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


def cause(convert: Any, *arguments: Any) -> str:
    with pytest.raises(ConvertError) as refusal:
        convert(*arguments)
    return refusal.value.cause


def volume(**fields: Any) -> Volume:
    """Return a valid volume of 2 x 3 x 4 bytes."""
    values = {
        'size': [2, 3, 4],
        'ijk_to_frame': np.eye(3, 4).ravel() / 1000,
        'components': 1,
        'scalar_type': Volume.UINT8,
        'data': array('B', bytes(24)),
    }
    return Volume(**{**values, **fields})


@pytest.mark.parametrize('scalar_type', list(ScalarType))
@pytest.mark.parametrize('components', [1, 3, 255])
@pytest.mark.parametrize('endian', list(Endian))
def test_b23_a_volume_of_any_type_passes_through_ros_unchanged(
    scalar_type: ScalarType, components: int, endian: Endian
) -> None:
    empty = codec.Image(b'', (2, 3, 4), scalar_type, components, endian)
    size = 24 * components * empty.dtype.itemsize
    content = codec.Image(
        array('B', (np.arange(size) % 251).astype(np.uint8).tobytes()),
        (2, 3, 4),
        scalar_type,
        components,
        endian,
        axes=(0.5, 0.25, 0.0, -0.25, 0.5, 0.0, 0.0, 0.0, -3.0),  # left-handed
        position=(10.0, -20.0, 30.0),
    )
    message = ros2_igtl_msgs.image_to_volume(content, CONTEXT)
    assert message.data is content.data
    assert message.scalar_type == scalar_type
    assert message.is_bigendian is (endian is Endian.BIG)
    back: Any = ros2_igtl_msgs.image_from_volume(message).content
    assert back == content
    content.data[7] = 1
    assert back.data[7] == 1


@pytest.mark.parametrize(
    ('message_class', 'numbers'),
    [
        (Volume, ScalarType),
        (TrackedTool, codec.ToolType),
        (Trajectory, codec.TrajectoryType),
        (PolyDataAttribute, codec.AttributeType),
    ],
)
def test_the_constants_of_messages_are_those_of_the_protocol(
    message_class: Any, numbers: Any
) -> None:
    for number in numbers:
        assert getattr(message_class, number.name) == number


def test_an_lps_volume_arrives_in_ras() -> None:
    content = codec.Image(
        bytes(24), (2, 3, 4), coordinate=CoordinateSystem.LPS, position=(10.0, 20.0, 30.0)
    )
    message = ros2_igtl_msgs.image_to_volume(content, CONTEXT)
    assert message.ijk_to_frame == pytest.approx(
        [-0.001, 0, 0, -0.0095, 0, -0.001, 0, -0.019, 0, 0, 0.001, 0.0285]
    )
    back: Any = ros2_igtl_msgs.image_from_volume(message).content
    assert back.coordinate == CoordinateSystem.RAS
    assert back.position == pytest.approx((-10.0, -20.0, 30.0))


def test_axes_at_any_angle_are_kept() -> None:
    axes = (1.0, 0.5, 0.0, 0.0, 1.0, 0.25, 0.125, 0.0, 1.0)
    content = codec.Image(bytes(24), (2, 3, 4), axes=axes)
    message = ros2_igtl_msgs.image_to_volume(content, CONTEXT)
    back: Any = ros2_igtl_msgs.image_from_volume(message).content
    assert back.axes == pytest.approx(axes, rel=1e-15)


def test_b22_a_part_of_a_volume_is_refused_but_its_geometry_is_that_of_the_whole() -> None:
    whole = codec.Image(bytes(24), (2, 3, 4))
    part = codec.Image(bytes(6), (2, 3, 4), offset=(0, 0, 2), sub_size=(2, 3, 1))
    assert cause(ros2_igtl_msgs.image_to_volume, part, CONTEXT) == 'sub_volume'
    assert ros2_igtl_msgs.image_to_image_geometry(
        part, CONTEXT
    ) == ros2_igtl_msgs.image_to_image_geometry(whole, CONTEXT)


@pytest.mark.parametrize(
    ('axes', 'expected'), [((0.0,) * 9, 'zero_axis'), ((math.nan,) * 9, 'not_finite')]
)
def test_b21_a_volume_that_lies_nowhere_is_refused(axes: Any, expected: str) -> None:
    content = codec.Image(bytes(24), (2, 3, 4), axes=axes)
    assert cause(ros2_igtl_msgs.image_to_volume, content, CONTEXT) == expected
    assert cause(ros2_igtl_msgs.image_to_image_geometry, content, CONTEXT) == expected


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'size': [0, 3, 4]}, 'image_size'),
        ({'size': [2, 3, 65536]}, 'image_size'),
        ({'scalar_type': 0}, 'scalar_type'),
        ({'scalar_type': 8}, 'scalar_type'),
        ({'components': 0}, 'scalar_type'),
        ({'components': 2}, 'size_mismatch'),
        ({'scalar_type': Volume.INT16}, 'size_mismatch'),
        ({'data': array('B', bytes(23))}, 'size_mismatch'),
        ({'ijk_to_frame': [0.0] * 12}, 'zero_axis'),
        ({'ijk_to_frame': [math.inf] * 12}, 'not_finite'),
    ],
)
def test_b19_b20_a_volume_that_openigtlink_cannot_say_is_refused(
    fields: dict[str, Any], expected: str
) -> None:
    ros2_igtl_msgs.image_from_volume(volume())
    assert cause(ros2_igtl_msgs.image_from_volume, volume(**fields)) == expected


def test_the_frame_of_tools_is_the_one_their_names_say() -> None:
    content = codec.TrackingData.from_tools([('ProbeToTable', 2, np.eye(4))])
    message = ros2_igtl_msgs.tracking_data_to_tracking_data(content, CONTEXT)
    assert message.header.frame_id == 'Table'
    assert message.tools[0].name == 'ProbeToTable'


def test_b18_no_tools_at_all_say_that_all_are_lost() -> None:
    content = codec.TrackingData.from_tools([])
    message = ros2_igtl_msgs.tracking_data_to_tracking_data(content, CONTEXT)
    assert message.tools == []
    assert ros2_igtl_msgs.tracking_data_from_tracking_data(message).content == content


def test_a_tool_that_is_none_is_refused() -> None:
    message = TrackingData(tools=[TrackedTool(name='A'), TrackedTool(name='B')])
    message.tools[1].pose.orientation.w = 0.0
    convert = ros2_igtl_msgs.tracking_data_from_tracking_data
    assert cause(convert, message) == 'zero_quaternion'


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': st.text(max_size=10).filter(lambda t: t.isprintable()),
                'group': st.text(max_size=5).filter(lambda t: t.isprintable()),
                'rgba': st.tuples(*[st.integers(0, 255)] * 4),
                'position': st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3),
                'size': st.floats(0, 1e3, width=32),
                'owner': st.text(max_size=4).filter(lambda t: t.isprintable()),
            }
        ),
        max_size=4,
    )
)
def test_b26_points_pass_through_ros_byte_by_byte(points: list[dict[str, Any]]) -> None:
    content = codec.Point.from_points(points)
    message = ros2_igtl_msgs.point_to_point_array(content, CONTEXT)
    assert ros2_igtl_msgs.point_from_point_array(message).content == content


def test_b26_every_colour_survives_float32() -> None:
    for value in range(256):
        message = LabeledPoint()
        message.color.r = float(np.float32(value / 255.0))
        sent: Any = ros2_igtl_msgs.point_from_point_array(PointArray(points=[message]))
        assert sent.content.points['rgba'][0].tolist() == [value, 0, 0, 0]


@pytest.mark.parametrize(('value', 'byte'), [(0.999, 255), (0.001, 0), (0.25, 64), (0.2, 51)])
def test_a_colour_between_two_steps_takes_the_nearer(value: float, byte: int) -> None:
    message = LabeledPoint()
    message.color.g = value
    sent: Any = ros2_igtl_msgs.point_from_point_array(PointArray(points=[message]))
    assert sent.content.points['rgba'][0].tolist() == [0, byte, 0, 0]


@pytest.mark.parametrize('component', ['r', 'g', 'b', 'a'])
@pytest.mark.parametrize('value', [-0.01, 1.01, math.nan, math.inf])
def test_a_colour_that_is_none_is_refused(component: str, value: float) -> None:
    message = LabeledPoint()
    setattr(message.color, component, value)
    convert = ros2_igtl_msgs.point_from_point_array
    assert cause(convert, PointArray(points=[message])) == 'color_range'


@pytest.mark.parametrize(('field', 'size'), [('name', 64), ('group', 32), ('owner', 20)])
def test_a_name_that_fills_its_field_is_refused(field: str, size: int) -> None:
    convert = ros2_igtl_msgs.point_from_point_array
    longest = LabeledPoint(**{field: 'a' * (size - 1)})
    sent: Any = convert(PointArray(points=[longest]))
    assert sent.content.points[field][0] == b'a' * (size - 1)
    message = PointArray(points=[LabeledPoint(**{field: 'a' * size})])
    assert cause(convert, message) == 'name_too_long'


@pytest.mark.parametrize(
    ('field', 'value'), [('position', (1.0, math.nan, 3.0)), ('size', math.nan)]
)
def test_b26_nan_in_one_point_refuses_the_list(field: str, value: Any) -> None:
    rows: list[dict[str, Any]] = [{'name': 'A'}, {'name': 'B', field: value}]
    content = codec.Point.from_points(rows)
    assert cause(ros2_igtl_msgs.point_to_point_array, content, CONTEXT) == 'not_finite'
    message = LabeledPoint()
    if field == 'size':
        message.size = math.nan
    else:
        message.position.y = math.nan
    points = PointArray(points=[message])
    assert cause(ros2_igtl_msgs.point_from_point_array, points) == 'not_finite'


def test_a_quaternion_that_is_none_is_refused() -> None:
    message = TrackingData(tools=[TrackedTool(name='A')])
    message.tools[0].pose.orientation.w = 0.0
    convert = ros2_igtl_msgs.quaternion_tracking_data_from_tracking_data
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
    message = ros2_igtl_msgs.tracking_data_to_tracking_data(content, CONTEXT)
    back: Any = ros2_igtl_msgs.quaternion_tracking_data_from_tracking_data(message).content
    np.testing.assert_allclose(
        back.tools['quaternion'], content.tools['quaternion'], rtol=0.0, atol=2e-7
    )
    back.tools['quaternion'] = content.tools['quaternion']
    assert back == content


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
    message = ros2_igtl_msgs.trajectory_to_trajectory_array(content, CONTEXT)
    message = deserialize_message(serialize_message(message), TrajectoryArray)
    assert ros2_igtl_msgs.trajectory_from_trajectory_array(message).content == content


@pytest.mark.parametrize('field', ['entry', 'target', 'size'])
@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e7, 'out_of_range')])
def test_a_trajectory_that_leads_nowhere_is_refused(
    field: str, value: float, expected: str
) -> None:
    array = np.zeros(2, codec.Trajectory.dtype)
    array[field][1] = value * 1000
    content = codec.Trajectory(array)
    assert cause(ros2_igtl_msgs.trajectory_to_trajectory_array, content, CONTEXT) == expected
    trajectory = Trajectory()
    if field == 'size':
        trajectory.size = value
    else:
        getattr(trajectory, field).y = value
    message = TrajectoryArray(trajectories=[trajectory])
    assert cause(ros2_igtl_msgs.trajectory_from_trajectory_array, message) == expected


@pytest.mark.parametrize(('field', 'size'), [('name', 64), ('group', 32), ('owner', 20)])
def test_a_name_of_a_trajectory_that_fills_its_field_is_refused(field: str, size: int) -> None:
    convert = ros2_igtl_msgs.trajectory_from_trajectory_array
    longest = Trajectory(**{field: 'a' * (size - 1)})
    sent: Any = convert(TrajectoryArray(trajectories=[longest]))
    assert sent.content.trajectories[field][0] == b'a' * (size - 1)
    message = TrajectoryArray(trajectories=[Trajectory(**{field: 'a' * size})])
    assert cause(convert, message) == 'name_too_long'


def test_a_colour_of_a_trajectory_that_is_none_is_refused() -> None:
    trajectory = Trajectory()
    trajectory.color.b = -1.0
    message = TrajectoryArray(trajectories=[trajectory])
    assert cause(ros2_igtl_msgs.trajectory_from_trajectory_array, message) == 'color_range'


def test_a_longer_list_than_anybody_makes_is_refused() -> None:
    many = elements.MAX_ELEMENTS + 1
    content = codec.Trajectory(np.zeros(many, codec.Trajectory.dtype))
    convert: Any = ros2_igtl_msgs.trajectory_to_trajectory_array
    assert cause(convert, content, CONTEXT) == 'too_many_elements'
    message = TrajectoryArray(trajectories=[Trajectory()] * many)
    convert = ros2_igtl_msgs.trajectory_from_trajectory_array
    assert cause(convert, message) == 'too_many_elements'
    names = ('STATUS',) * many
    convert = ros2_igtl_msgs.capability_to_ros
    assert cause(convert, codec.Capability(names), CONTEXT) == 'too_many_elements'
    convert = ros2_igtl_msgs.capability_from_ros
    assert cause(convert, Capability(type_names=names)) == 'too_many_elements'


@given(sensors())
def test_a_sensor_passes_through_ros_byte_by_byte(content: codec.Sensor) -> None:
    packed = codec.pack(codec.Message(content))
    message = ros2_igtl_msgs.sensor_to_sensor(codec.unpack(packed).content, CONTEXT)
    message = deserialize_message(serialize_message(message), Sensor)
    back = ros2_igtl_msgs.sensor_from_sensor(message).content
    assert codec.pack(codec.Message(back)) == packed


@pytest.mark.parametrize(
    ('unit', 'word', 'expected'),
    [
        ('', 0, '1'),
        ('1', 0, '1'),
        ('N * m', 0, 'N*m'),
        ('', 0x02C4110000000000, 'N*m'),
        ('N*m', 0x02C4110000000000, 'N*m'),
        ('0x8000000000000000', 0, '0x8000000000000000'),
        ('', 1 << 63, '0x8000000000000000'),
    ],
)
def test_a_unit_is_said_as_text_or_as_word(unit: str, word: int, expected: str) -> None:
    message = Sensor(values=[1.0], unit=unit, unit_word=word)
    content: Any = ros2_igtl_msgs.sensor_from_sensor(message).content
    assert str(content.unit) == expected


@pytest.mark.parametrize(('unit', 'word'), [('furlong', 0), ('N', 0x02C4110000000000), ('1', 1)])
def test_a_unit_that_is_none_or_two_is_refused(unit: str, word: int) -> None:
    message = Sensor(values=[1.0], unit=unit, unit_word=word)
    assert cause(ros2_igtl_msgs.sensor_from_sensor, message) == 'unit'


def test_a_sensor_has_at_most_255_numbers() -> None:
    convert = ros2_igtl_msgs.sensor_from_sensor
    assert convert(Sensor(values=[1.0] * 255)).content == codec.Sensor([1.0] * 255)
    assert cause(convert, Sensor(values=[1.0] * 256)) == 'value_count'


def test_type_names_of_a_capability_fill_their_field_or_are_refused() -> None:
    convert = ros2_igtl_msgs.capability_from_ros
    message = Capability(type_names=['A' * 12])
    assert convert(message).content == codec.Capability(('A' * 12,))
    message = Capability(type_names=['STATUS', 'A' * 13])
    assert cause(convert, message) == 'name_too_long'
    content = codec.Capability(('caf\udce9',))
    assert ros2_igtl_msgs.capability_to_ros(content, CONTEXT).type_names == ['caf\ufffd']


@given(
    st.text('ABC_ 12~', min_size=1, max_size=12),
    st.binary(max_size=60),
    st.integers(0, 2**32 - 1),
    st.dictionaries(texts, texts, max_size=3),
)
def test_b8_a_message_of_an_unknown_type_passes_through_ros_byte_by_byte(
    type_name: str, body: bytes, message_id: int, metadata: dict[str, str]
) -> None:
    unknown = codec.Unknown(type_name, body)
    packed = codec.pack(codec.Message(unknown, 'Robot', 0, 2, message_id, metadata))
    received = codec.unpack(packed)
    if not isinstance(received.content, codec.Unknown):
        return  # the name of a type that there is
    context = Context(
        received.device_name,
        Time(),
        'igtl_ras',
        'Robot',
        2,
        received.message_id,
        received.metadata,
    )
    message = ros2_igtl_msgs.content_to_raw_message(received.content, context)
    assert (message.device_name, message.header_version) == ('Robot', 2)
    sent = ros2_igtl_msgs.content_from_raw_message(
        deserialize_message(serialize_message(message), RawMessage)
    )
    back = codec.Message(sent.content, 'Robot', 0, 2, sent.message_id, sent.metadata)
    assert codec.pack(back) == packed


def test_the_bytes_of_an_unknown_type_are_not_copied_where_they_need_not_be() -> None:
    body = array('B', b'1234')
    message = ros2_igtl_msgs.content_to_raw_message(codec.Unknown('NEW', body), CONTEXT)
    assert message.body is body
    sent: Any = ros2_igtl_msgs.content_from_raw_message(message)
    body[0] = 0
    assert bytes(sent.content.body) == b'\x00234'
    assert sent == Outbound(sent.content, 5_000_000_000)


@pytest.mark.parametrize('type_name', ['', 'A' * 13, 'ÄRGER', 'A\nB'])
def test_b8_a_type_name_that_fits_no_header_is_refused(type_name: str) -> None:
    message = RawMessage(type_name=type_name)
    assert cause(ros2_igtl_msgs.content_from_raw_message, message) == 'type_name'


@pytest.mark.parametrize(
    ('type_name', 'body', 'expected'),
    [
        ('TRANSFORM', bytes(47), 'content_size'),
        ('TRANSFORM', b'', 'no_data'),
        ('IMAGE', bytes(72), 'content_value'),
        ('GET_IMAGE', b'1', 'content_size'),
    ],
)
def test_bytes_that_are_no_content_of_a_known_type_are_refused(
    type_name: str, body: bytes, expected: str
) -> None:
    message = RawMessage(type_name=type_name, body=body)
    assert cause(ros2_igtl_msgs.content_from_raw_message, message) == expected


def test_a_content_that_cannot_be_packed_is_refused() -> None:
    content = codec.String('x' * 70_000)
    assert cause(lambda c: ros2_igtl_msgs.content_to_raw_message(c, CONTEXT), content) == 'encode'


def test_metadata_that_are_none_are_refused() -> None:
    entries = [MetadataEntry(key='A'), MetadataEntry(key='A')]
    message = RawMessage(type_name='NEW', metadata=entries)
    assert cause(ros2_igtl_msgs.content_from_raw_message, message) == 'metadata'


def test_metadata_say_whose_they_are_and_come_with_the_stamp_of_the_message() -> None:
    metadata = {'age': codec.EncodedText(b'22', 3), 'who': codec.EncodedText(b'\xe9', 4)}
    context = Context('CT', Time(sec=5), 'igtl_ras', 'CT', 2, 7, metadata)
    message = ros2_igtl_msgs.metadata_to_ros('IMAGE', context)
    assert (message.header.stamp, message.header.frame_id) == (Time(sec=5), 'igtl_ras')
    assert (message.type_name, message.device_name) == ('IMAGE', 'CT')
    assert (message.header_version, message.message_id) == (2, 7)
    entries = [(entry.key, entry.value, entry.encoding) for entry in message.entries]
    assert entries == [('age', '22', 3), ('who', 'é', 4)]

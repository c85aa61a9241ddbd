# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.ros2_igtl_msgs: volumes in every type, and what is refused."""

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem, Endian, ScalarType
from ros2_igtl.convert import ros2_igtl_msgs
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.msg import LabeledPoint, PointArray, TrackedTool, TrackingData, Volume

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


def test_the_constants_of_volume_are_those_of_the_protocol() -> None:
    for scalar_type in ScalarType:
        assert getattr(Volume, scalar_type.name) == scalar_type
    for tool_type in codec.ToolType:
        assert getattr(TrackedTool, tool_type.name) == tool_type


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

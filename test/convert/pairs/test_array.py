# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.array: NDARRAY."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import (
    Float32MultiArray,
    Float64MultiArray,
    MultiArrayDimension,
    MultiArrayLayout,
)

from helpers.strategies import nd_arrays
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.array import nd_array_from_multi_array, nd_array_to_multi_array

CONTEXT = Context('Robot', Time(), 'Tracker', 'Robot')


def layout(*sizes: int, label: str = '', strides: list[int] | None = None) -> MultiArrayLayout:
    """Return a layout, without strides unless they are given; the last dimension has the label."""
    strides = strides or [0] * len(sizes)
    dimensions = [
        MultiArrayDimension(size=size, stride=stride)
        for size, stride in zip(sizes, strides, strict=True)
    ]
    if label:
        dimensions[-1].label = label
    return MultiArrayLayout(dim=dimensions)


def cause(message: Any) -> str:
    with pytest.raises(ConvertError) as refusal:
        nd_array_from_multi_array(message)
    return refusal.value.cause


@given(nd_arrays())
def test_an_array_passes_through_ros_byte_by_byte(content: codec.NDArray) -> None:
    packed = codec.pack(codec.Message(content))
    received: Any = codec.unpack(packed).content
    message = nd_array_to_multi_array(received, CONTEXT)
    message = deserialize_message(serialize_message(message), type(message))
    back: Any = nd_array_from_multi_array(message).content
    if content.array.ndim == 0:
        back.array = back.array.reshape(())  # which ROS cannot say
    assert codec.pack(codec.Message(back)) == packed


def test_the_numbers_of_a_ros_array_are_not_copied() -> None:
    message = Float64MultiArray(data=[1.0, 2.0])
    content: Any = nd_array_from_multi_array(message).content
    message.data[1] = 5.0
    assert content.array.tolist() == [1.0, 5.0]


def test_the_layout_says_shape_and_strides() -> None:
    content = codec.NDArray(np.zeros((4, 3, 2), '>f4'))
    message = nd_array_to_multi_array(content, CONTEXT)
    assert type(message) is Float32MultiArray
    assert message.layout == layout(4, 3, 2, strides=[24, 6, 2])
    assert message.data == array('f', [0.0] * 24)


def test_an_array_of_nothing_has_no_strides_that_could_overflow() -> None:
    content = codec.NDArray(np.zeros((0, 65535, 65535, 65535), 'u1'))
    message = nd_array_to_multi_array(content, CONTEXT)
    assert message.layout == layout(0, 65535, 65535, 65535)
    assert nd_array_from_multi_array(message).content == content


def test_complex_numbers_have_one_more_dimension() -> None:
    content = codec.NDArray(np.array([[1 + 2j], [3 - 4j]], '>c16'))
    message = nd_array_to_multi_array(content, CONTEXT)
    assert message.layout == layout(2, 1, 2, label='complex', strides=[4, 2, 2])
    assert message.data == array('d', [1.0, 2.0, 3.0, -4.0])
    assert nd_array_from_multi_array(message).content == content
    turned = codec.NDArray(content.array.T)  # not in the order of the wire
    message = nd_array_to_multi_array(turned, CONTEXT)
    assert message.data == array('d', [1.0, 2.0, 3.0, -4.0])
    assert message.layout.dim[0].size == 1


def test_complex_numbers_of_32_dimensions_pass_too() -> None:
    content = codec.NDArray(np.full((1,) * 32, 1 + 2j, '>c16'))
    message = nd_array_to_multi_array(content, CONTEXT)
    assert nd_array_from_multi_array(message).content == content


def test_only_numbers_of_float64_can_be_complex() -> None:
    message = Float32MultiArray(layout=layout(1, 2, label='complex'), data=[1.0, 2.0])
    content: Any = nd_array_from_multi_array(message).content
    assert content.array.dtype == np.float32
    message = Float64MultiArray(layout=layout(1, 3, label='complex'), data=[1.0, 2.0, 3.0])
    assert cause(message) == 'array_layout'


def test_an_array_of_another_type_is_refused() -> None:
    content = codec.NDArray(np.zeros(2, 'i8'))
    with pytest.raises(ConvertError) as refusal:
        nd_array_to_multi_array(content, CONTEXT)
    assert refusal.value.cause == 'scalar_type'


@pytest.mark.parametrize(
    ('message', 'expected'),
    [
        (Float64MultiArray(data=[1.0, 2.0]), [1.0, 2.0]),
        (Float64MultiArray(), []),
        (Float64MultiArray(data=[1.0, 2.0], layout=MultiArrayLayout(data_offset=1)), [2.0]),
        (Float64MultiArray(data=[1.0, 2.0], layout=layout(2, 1)), [[1.0], [2.0]]),
        (Float64MultiArray(data=[1.0], layout=layout(1, 1, strides=[1, 0])), [[1.0]]),
    ],
)
def test_what_a_layout_leaves_out_is_what_is_usual(message: Any, expected: Any) -> None:
    content: Any = nd_array_from_multi_array(message).content
    assert content.array.tolist() == expected


@pytest.mark.parametrize(
    'message',
    [
        Float64MultiArray(data=[1.0, 2.0], layout=layout(3)),
        Float64MultiArray(data=[1.0, 2.0], layout=layout(1)),
        Float64MultiArray(layout=MultiArrayLayout(data_offset=1)),
        Float64MultiArray(data=[1.0] * 6, layout=layout(2, 3, strides=[6, 2])),
        Float64MultiArray(data=[1.0] * 6, layout=layout(2, 3, strides=[8, 3])),
        Float64MultiArray(data=array('d', bytes(8 * 65536))),
        Float64MultiArray(layout=layout(0, 65536)),
        Float64MultiArray(data=[1.0], layout=layout(*[1] * 33)),
        # of no numbers, but numpy multiplies the other sizes
        Float64MultiArray(layout=layout(0, *[65535] * 6)),
    ],
)
def test_a_layout_that_contradicts_itself_or_openigtlink_is_refused(message: Any) -> None:
    assert cause(message) == 'array_layout'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.interfaces: the pixels of a message are the very buffer it was given."""

import sys
from array import array
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Point, PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Float64MultiArray, Header

from ros2_igtl.convert.interfaces import (
    message_with_arrays,
    message_with_data,
    number_array,
    numbers_of,
    ros_type,
)
from ros2_igtl.msg import PolyDataCells, Volume


def test_an_interface_is_found_by_its_name() -> None:
    assert ros_type('geometry_msgs/msg/PoseStamped') is PoseStamped
    assert ros_type('ros2_igtl/msg/Volume') is Volume


@pytest.mark.parametrize('name', ['PoseStamped', 'geometry_msgs/PoseStamped', 'a/b/c/d', '//', ''])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match='is not an interface name'):
        ros_type(name)


def test_an_interface_that_is_not_installed_is_refused() -> None:
    with pytest.raises(ImportError):
        ros_type('no_such_msgs/msg/Pose')
    with pytest.raises(AttributeError):
        ros_type('geometry_msgs/msg/NoSuchPose')


@pytest.mark.parametrize('message_class', [Image, Volume])
@pytest.mark.parametrize('check_fields', ['', '1'])
def test_an_array_of_bytes_is_kept_whether_fields_are_checked_or_not(
    message_class: Any, check_fields: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what ROS_PYTHON_CHECK_FIELDS was when the message was imported, where it has a meaning
    module = sys.modules[message_class.__module__]
    monkeypatch.setattr(module, 'ros_python_check_fields', check_fields, raising=False)
    data = array('B', b'123456')
    message = message_with_data(message_class, data, header=Header(frame_id='probe'))
    assert message.data is data
    assert message.header.frame_id == 'probe'


@pytest.mark.parametrize(
    'data',
    [
        b'\1\2\3\4\5\6\7\x08',
        bytearray(b'\1\2\3\4\5\6\7\x08'),
        memoryview(b'\1\2\3\4\5\6\7\x08'),
        np.frombuffer(b'\1\2\3\4\5\6\7\x08', '=u2').reshape(2, 2),
        array('H', np.frombuffer(b'\1\2\3\4\5\6\7\x08', '=u2').tolist()),
    ],
    ids=['bytes', 'bytearray', 'memoryview', 'numpy', 'array of H'],
)
def test_any_other_buffer_is_copied_into_one(data: Any) -> None:
    message = message_with_data(Image, data)
    assert message.data == array('B', b'\1\2\3\4\5\6\7\x08')


def test_a_message_class_without_checks_gets_no_keyword_for_them() -> None:
    # the messages of Humble
    class Plain:
        __slots__ = ('_data', '_header')
        data: Any

        def __init__(self, **fields: Any) -> None:
            assert fields == {'header': 1}

        def __setattr__(self, name: str, value: Any) -> None:
            assert name == 'data'
            object.__setattr__(self, '_data', value)

    data = array('B', b'1')
    assert message_with_data(Plain, data, header=1)._data is data


@pytest.mark.parametrize('code', ['i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'f4', 'f8'])
@pytest.mark.parametrize('order', '<>')
def test_numbers_of_any_type_and_order_become_the_array_of_their_type(
    code: str, order: str
) -> None:
    values = np.arange(6).reshape(2, 3).astype(order + code)
    numbers = number_array(values)
    assert numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert np.dtype(numbers.typecode) == np.dtype(code)
    assert number_array(values.T).tolist() == [0, 3, 1, 4, 2, 5]
    assert number_array(values[:0]).tolist() == []
    numbers[0] = 9
    assert values[0, 0] == 0


def test_several_arrays_are_kept_too() -> None:
    offsets, indices = array('I', [0, 3]), array('I', [2, 1, 0])
    cells = message_with_arrays(PolyDataCells, {'offsets': offsets, 'indices': indices})
    assert cells.offsets is offsets
    assert cells.indices is indices


def test_an_array_of_another_type_than_the_field_is_refused() -> None:
    with pytest.raises(AssertionError, match="type code of 'd'"):
        message_with_arrays(Float64MultiArray, {'data': array('f', [1.0])})


def test_numbers_of_many_messages_are_one_array() -> None:
    points = [Point(x=1.0, y=-2.0, z=3.5), Point(x=0.0, y=1e-9, z=7.0)]
    assert numbers_of(points, 'x', 'y', 'z').tolist() == [[1.0, -2.0, 3.5], [0.0, 1e-9, 7.0]]
    assert numbers_of(points, 'z', 'x').tolist() == [[3.5, 1.0], [7.0, 0.0]]
    assert numbers_of([], 'x', 'y', 'z').shape == (0, 3)

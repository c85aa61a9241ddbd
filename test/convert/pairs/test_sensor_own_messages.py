# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.sensor: SENSOR, own messages."""

from __future__ import annotations

from typing import Any

import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from rclpy.serialization import deserialize_message, serialize_message

from helpers.conversions import cause
from helpers.strategies import sensors
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.sensor import sensor_from_sensor, sensor_to_sensor
from ros2_igtl.msg import Sensor

CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


@given(sensors())
def test_a_sensor_passes_through_ros_byte_by_byte(content: codec.Sensor) -> None:
    packed = codec.pack(codec.Message(content))
    message = sensor_to_sensor(codec.unpack(packed).content, CONTEXT)
    message = deserialize_message(serialize_message(message), Sensor)
    back = sensor_from_sensor(message).content
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
    content: Any = sensor_from_sensor(message).content
    assert str(content.unit) == expected


@pytest.mark.parametrize(('unit', 'word'), [('furlong', 0), ('N', 0x02C4110000000000), ('1', 1)])
def test_a_unit_that_is_none_or_two_is_refused(unit: str, word: int) -> None:
    message = Sensor(values=[1.0], unit=unit, unit_word=word)
    assert cause(sensor_from_sensor, message) == 'unit'


def test_a_sensor_has_at_most_255_numbers() -> None:
    convert = sensor_from_sensor
    assert convert(Sensor(values=[1.0] * 255)).content == codec.Sensor([1.0] * 255)
    assert cause(convert, Sensor(values=[1.0] * 256)) == 'value_count'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.sensor: SENSOR, standard."""

from __future__ import annotations

import math
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import FluidPressure, JointState, MagneticField, Temperature
from std_msgs.msg import Header

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.pairs.sensor import (
    sensor_from_fluid_pressure,
    sensor_from_joint_state,
    sensor_from_magnetic_field,
    sensor_from_temperature,
    sensor_to_fluid_pressure,
    sensor_to_joint_state,
    sensor_to_magnetic_field,
    sensor_to_temperature,
)

CONTEXT = Context('Camera', Time(sec=5), 'igtl_ras', 'Camera')


@pytest.mark.parametrize(
    ('unit', 'field', 'factor'),
    [
        ('rad', 'position', 1.0),
        ('mrad', 'position', 0.001),
        ('rad/s', 'velocity', 1.0),
        ('rad/ms', 'velocity', 1000.0),
        ('N*m', 'effort', 1.0),
        ('kg*m^2/s^2', 'effort', 1.0),
        ('mN*m', 'effort', 0.001),
    ],
)
def test_the_unit_of_a_sensor_says_what_of_joints_it_measures(
    unit: str, field: str, factor: float
) -> None:
    content = codec.Sensor([0.5, -2.0, 3.0], unit)
    message = sensor_to_joint_state(content, CONTEXT)
    assert message.name == ['Camera0', 'Camera1', 'Camera2']
    values = {name: list(getattr(message, name)) for name in ('position', 'velocity', 'effort')}
    scaled = [0.5 * factor, -2.0 * factor, 3.0 * factor]
    assert values.pop(field) == pytest.approx(scaled, rel=1e-15)
    assert list(values.values()) == [[], []]
    back: Any = sensor_from_joint_state(message).content
    assert str(back.unit) == {'position': 'rad', 'velocity': 'rad/s', 'effort': 'N*m'}[field]
    assert back.values.tolist() == pytest.approx(scaled, rel=1e-15)


@pytest.mark.parametrize('unit', ['1', 'm', 'sr', 'Hz', 'Bq', 's^-1', 'J', 'N', 'rad^2'])
def test_what_only_looks_like_a_joint_is_refused(unit: str) -> None:
    content = codec.Sensor([1.0], unit)
    assert cause(sensor_to_joint_state, content, CONTEXT) == 'unit'


def test_joints_with_positions_send_these() -> None:
    message = JointState(name=['A'], position=[1.0], velocity=[2.0], effort=[3.0])
    convert = sensor_from_joint_state
    assert convert(message).content == codec.Sensor([1.0], 'rad')
    message.position = []
    assert convert(message).content == codec.Sensor([2.0], 'rad/s')
    message.velocity = []
    assert convert(message).content == codec.Sensor([3.0], 'N*m')
    message.effort = []
    assert cause(convert, message) == 'value_count'
    assert cause(convert, JointState(position=[0.0] * 256)) == 'value_count'
    assert cause(convert, JointState(position=[0.0, math.nan])) == 'not_finite'


# to_ros, from_ros, a unit that fits, how many values, a unit that does not
QUANTITIES = [
    (sensor_to_temperature, sensor_from_temperature, 'K', 1, 'mol'),
    (sensor_to_fluid_pressure, sensor_from_fluid_pressure, 'Pa', 1, 'N'),
    (sensor_to_magnetic_field, sensor_from_magnetic_field, 'T', 3, 'Wb'),
]


@pytest.mark.parametrize(('to_ros', 'from_ros', 'unit', 'count', 'other'), QUANTITIES)
def test_a_sensor_is_only_what_its_unit_and_its_numbers_say(
    to_ros: Any, from_ros: Any, unit: str, count: int, other: str
) -> None:
    values = [2.5 * (index + 1) for index in range(count)]
    message = to_ros(codec.Sensor(values, unit), CONTEXT)
    assert message.header == Header(stamp=CONTEXT.stamp, frame_id='Camera')
    sent = from_ros(message)
    assert sent == Outbound(sent.content, 5_000_000_000, '', 'Camera')
    assert sent.content.unit == codec.Unit.parse(unit)
    assert sent.content.values.tolist() == pytest.approx(values)
    for wrong in (other, f'{unit}^2', f'{unit}/s', '1'):
        assert cause(to_ros, codec.Sensor(values, wrong), CONTEXT) == 'unit'
    # a unit that nobody knows
    assert cause(to_ros, codec.Sensor(values, 0x0FF4000000000000), CONTEXT) == 'unit'
    for length in (0, count - 1, count + 1, 255):
        if length != count:
            content = codec.Sensor([1.0] * length, unit)
            assert cause(to_ros, content, CONTEXT) == 'value_count'
    for bad in (math.nan, math.inf):
        content = codec.Sensor([1.0] * (count - 1) + [bad], unit)
        assert cause(to_ros, content, CONTEXT) == 'not_finite'


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_no_measurement_that_is_none_is_sent(bad: float) -> None:
    field = MagneticField()
    field.magnetic_field.y = bad
    assert cause(sensor_from_magnetic_field, field) == 'not_finite'
    message = Temperature(temperature=bad)
    assert cause(sensor_from_temperature, message) == 'not_finite'
    message = FluidPressure(fluid_pressure=bad)
    assert cause(sensor_from_fluid_pressure, message) == 'not_finite'


@pytest.mark.parametrize(
    ('unit', 'value', 'celsius'),
    [('K', 273.15, 0.0), ('mK', 310150.0, 37.0), ('kK', 0.0, -273.15)],
)
def test_a_temperature_is_in_degrees_celsius(unit: str, value: float, celsius: float) -> None:
    message = sensor_to_temperature(codec.Sensor([value], unit), CONTEXT)
    assert message.temperature == pytest.approx(celsius, abs=1e-12)
    assert message.variance == 0.0


@pytest.mark.parametrize(
    ('unit', 'factor'), [('Pa', 1.0), ('kPa', 1000.0), ('N/m^2', 1.0), ('N/mm^2', 1e6)]
)
def test_a_pressure_is_in_pascal(unit: str, factor: float) -> None:
    message = sensor_to_fluid_pressure(codec.Sensor([2.5], unit), CONTEXT)
    assert message.fluid_pressure == 2.5 * factor


def test_a_magnetic_field_is_in_tesla() -> None:
    content = codec.Sensor([50.0, -20.0, 0.5], 'uT')
    field = sensor_to_magnetic_field(content, CONTEXT).magnetic_field
    assert (field.x, field.y, field.z) == pytest.approx((5e-5, -2e-5, 5e-7))

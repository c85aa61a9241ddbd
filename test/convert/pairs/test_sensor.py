# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.sensor: SENSOR."""

from __future__ import annotations

import math

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import WrenchStamped

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.sensor import (
    factor_to,
    sensor_from_wrench_stamped,
    sensor_of,
    sensor_to_wrench_stamped,
    values_in,
)


@pytest.mark.parametrize(
    ('unit', 'wanted', 'factor'),
    [
        ('N', 'N', 1.0),
        ('kN', 'N', 1000.0),
        ('kg*m/s^2', 'N', 1.0),
        ('g*mm/s^2', 'N', 1e-6),
        ('m*N', 'N*m', 1.0),
        ('rad*s^-1', 'rad/s', 1.0),
        ('K', 'K', 1.0),
        # a torque is no energy, a turn no radian, a number no angle, though their base units agree
        ('J', 'N*m', None),
        ('Hz', 'rad/s', None),
        ('s^-1', 'rad/s', None),
        ('1', 'rad', None),
        ('sr', 'rad', None),
        ('N', 'N*m', None),
    ],
)
def test_a_unit_becomes_another_that_measures_the_same(
    unit: str, wanted: str, factor: float | None
) -> None:
    assert factor_to(codec.Unit.parse(unit), wanted) == factor


def test_a_unit_whose_parts_cancel_out_is_what_is_left() -> None:
    assert factor_to(codec.Unit.parse('N*rad/rad'), 'N') == 1.0


@pytest.mark.parametrize('word', [0x8044000000000000, 0x0FF4000000000000, 2**64 - 1])
def test_a_unit_that_nobody_knows_measures_nothing(word: int) -> None:
    assert factor_to(codec.Unit(word), 'N') is None


def test_values_are_scaled_and_counted() -> None:
    content = codec.Sensor([1.5, -2.0], 'kN')
    assert values_in(content, 'N', 2) == [1500.0, -2000.0]
    with pytest.raises(ConvertError, match="the unit is 'kN'; 'K' is needed") as refusal:
        values_in(content, 'K', 2)
    assert refusal.value.cause == 'unit'
    with pytest.raises(ConvertError, match='has 2 numbers; 3 are needed') as refusal:
        values_in(content, 'N', 3)
    assert refusal.value.cause == 'value_count'


def test_a_value_that_is_none_is_refused_both_ways() -> None:
    for bad in (math.nan, math.inf, 1e308):  # the last becomes too large
        with pytest.raises(ConvertError) as refusal:
            values_in(codec.Sensor([bad], 'PN'), 'N', 1)
        assert refusal.value.cause == 'not_finite'
    with pytest.raises(ConvertError) as refusal:
        sensor_of([1.0, math.nan], 'N')
    assert refusal.value.cause == 'not_finite'


def test_a_sensor_has_at_most_255_values() -> None:
    assert sensor_of([1.0] * 255, 'N') == codec.Sensor([1.0] * 255, 'N')
    with pytest.raises(ConvertError) as refusal:
        sensor_of([1.0] * 256, 'N')
    assert refusal.value.cause == 'value_count'


CONTEXT = Context('Probe', Time(sec=5), 'Tracker', 'Probe')
NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ('unit', 'factor'), [('N', 1.0), ('mN', 0.001), ('kN', 1000.0), ('kg*m/s^2', 1.0)]
)
def test_the_one_unit_of_a_wrench_scales_force_and_torque(unit: str, factor: float) -> None:
    values = [1.5, -2.5, 3.5, 4.5, 5.5, -6.5]
    message = sensor_to_wrench_stamped(codec.Sensor(values, unit), CONTEXT)
    force, torque = message.wrench.force, message.wrench.torque
    numbers = [force.x, force.y, force.z, torque.x, torque.y, torque.z]
    assert numbers == [value * factor for value in values]
    sent = sensor_from_wrench_stamped(message)
    assert sent == Outbound(codec.Sensor(numbers, 'N'), 5_000_000_000, '', 'Probe')


@pytest.mark.parametrize('unit', ['1', 'N*m', 'J', 'g', 'Pa', 'N^2'])
def test_a_sensor_of_no_force_is_no_wrench(unit: str) -> None:
    content = codec.Sensor([0.0] * 6, unit)
    assert cause(sensor_to_wrench_stamped, content, CONTEXT) == 'unit'


@pytest.mark.parametrize('count', [0, 3, 5, 7])
def test_a_sensor_of_more_or_fewer_than_six_numbers_is_no_wrench(count: int) -> None:
    content = codec.Sensor([0.0] * count, 'N')
    assert cause(sensor_to_wrench_stamped, content, CONTEXT) == 'value_count'


@pytest.mark.parametrize('bad', [NAN, INF])
def test_a_wrench_that_is_none_is_refused(bad: float) -> None:
    content = codec.Sensor([0.0] * 5 + [bad], 'N')
    assert cause(sensor_to_wrench_stamped, content, CONTEXT) == 'not_finite'
    message = WrenchStamped()
    message.wrench.torque.y = bad
    assert cause(sensor_from_wrench_stamped, message) == 'not_finite'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.units."""

import math

import pytest

from ros2_igtl import codec
from ros2_igtl.convert import units
from ros2_igtl.convert.errors import ConvertError


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
    assert units.factor_to(codec.Unit.parse(unit), wanted) == factor


def test_a_unit_whose_parts_cancel_out_is_what_is_left() -> None:
    assert units.factor_to(codec.Unit.parse('N*rad/rad'), 'N') == 1.0


@pytest.mark.parametrize('word', [0x8044000000000000, 0x0FF4000000000000, 2**64 - 1])
def test_a_unit_that_nobody_knows_measures_nothing(word: int) -> None:
    assert units.factor_to(codec.Unit(word), 'N') is None


def test_values_are_scaled_and_counted() -> None:
    content = codec.Sensor([1.5, -2.0], 'kN')
    assert units.values_in(content, 'N', 2) == [1500.0, -2000.0]
    with pytest.raises(ConvertError, match="in 'kN': 'K' is needed") as refusal:
        units.values_in(content, 'K', 2)
    assert refusal.value.cause == 'unit'
    with pytest.raises(ConvertError, match='of 2 numbers: 3 are needed') as refusal:
        units.values_in(content, 'N', 3)
    assert refusal.value.cause == 'value_count'


def test_a_value_that_is_none_is_refused_both_ways() -> None:
    for bad in (math.nan, math.inf, 1e308):  # the last becomes too large
        with pytest.raises(ConvertError) as refusal:
            units.values_in(codec.Sensor([bad], 'PN'), 'N', 1)
        assert refusal.value.cause == 'not_finite'
    with pytest.raises(ConvertError) as refusal:
        units.sensor_of([1.0, math.nan], 'N')
    assert refusal.value.cause == 'not_finite'


def test_a_sensor_has_at_most_255_values() -> None:
    assert units.sensor_of([1.0] * 255, 'N') == codec.Sensor([1.0] * 255, 'N')
    with pytest.raises(ConvertError) as refusal:
        units.sensor_of([1.0] * 256, 'N')
    assert refusal.value.cause == 'value_count'

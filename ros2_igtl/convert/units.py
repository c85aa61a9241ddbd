# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The numbers of a SENSOR in the units of standard ROS messages, which are made elsewhere."""

from __future__ import annotations

from collections import Counter

from ros2_igtl import codec
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.geometry import check_finite

MAX_VALUES = 255  # uint8, sensordata.md

# Base units do not tell these from other units: an angle from a mere number, a turn (Hz) from a
# radian a second, an energy (J) from a torque (N*m).
_ALIKE = frozenset(('rad', 'sr', 'Hz', 'Bq', 'J', 'lm', 'Gy', 'Sv'))


def factor_to(unit: codec.Unit, wanted: str) -> float | None:
    """
    Return by what to multiply numbers in a unit to have them in another.

    :param wanted: text such as 'N*m'.
    :returns: None if the two do not measure the same.
    """
    target = codec.Unit.parse(wanted)
    try:
        if _alike(unit) == _alike(target):
            return unit.factor_to(target)
    except codec.ValueRangeError:  # it measures something else, or nobody knows what
        pass
    return None


def values_in(content: codec.Sensor, wanted: str, count: int) -> list[float]:
    """
    Return the numbers of a SENSOR in a unit.

    :param wanted: text such as 'N*m'.
    :param count: how many there have to be.
    :raises ConvertError: ``unit``: it measures something else; ``value_count``; ``not_finite``.
    """
    factor = factor_to(content.unit, wanted)
    if factor is None:
        raise ConvertError('unit', f"a SENSOR in '{content.unit}': '{wanted}' is needed")
    if len(content.values) != count:
        raise ConvertError(
            'value_count', f'a SENSOR of {len(content.values)} numbers: {count} are needed'
        )
    return scaled(content, factor)


def scaled(content: codec.Sensor, factor: float) -> list[float]:
    """
    Return the numbers of a SENSOR, multiplied.

    :raises ConvertError: ``not_finite``.
    """
    values = [value * factor for value in content.values.tolist()]
    check_finite(*values)
    return values


def sensor_of(values: list[float], unit: str) -> codec.Sensor:
    """
    Return the SENSOR of numbers in a unit.

    :raises ConvertError: ``not_finite``; ``value_count``: more than 255.
    """
    if len(values) > MAX_VALUES:
        raise ConvertError('value_count', f'{len(values)} numbers, {MAX_VALUES} are allowed')
    check_finite(*values)
    return codec.Sensor(values, unit)


def _alike(unit: codec.Unit) -> dict[str, int]:
    exponents: Counter[str] = Counter()
    for symbol, exponent in unit.factors:
        if symbol in _ALIKE:
            exponents[symbol] += exponent
    return {symbol: exponent for symbol, exponent in exponents.items() if exponent}

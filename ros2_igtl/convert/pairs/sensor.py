# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
SENSOR <-> ros2_igtl/Sensor and the standard messages for quantities.

A SENSOR has numbers of one unit, from which the conversions recognise the quantity. The frame is
the sensor's own, the child frame.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from geometry_msgs.msg import Vector3, Wrench, WrenchStamped
from sensor_msgs.msg import FluidPressure, JointState, MagneticField, Temperature

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, sensor_header, sensor_outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_arrays, number_array
from ros2_igtl.convert.math.geometry import check_finite
from ros2_igtl.msg import Sensor

_ZERO_CELSIUS = 273.15  # kelvin
_UNITS_OF_JOINTS = {'position': 'rad', 'velocity': 'rad/s', 'effort': 'N*m'}
MAX_VALUES = 255  # uint8, sensordata.md
# Units that have the base units of another quantity: an angle (rad) those of a plain number, a
# frequency (Hz) those of an angular velocity (rad/s), an energy (J) those of a torque (N*m).
_AMBIGUOUS = frozenset(('rad', 'sr', 'Hz', 'Bq', 'J', 'lm', 'Gy', 'Sv'))


def sensor_to_wrench_stamped(content: codec.Sensor, context: Context) -> WrenchStamped:
    """
    Return a force in N and a torque in N*m, in the sensor's own frame, the child frame.

    A SENSOR has one unit for all its numbers. It is read as the unit of the force; the unit of the
    torque is then the same times metre: mN and mN*m, kN and kN*m.

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``: not a force; ``value_count``: not 6; ``not_finite``.
    """
    x, y, z, about_x, about_y, about_z = values_in(content, 'N', 6)
    return WrenchStamped(
        header=sensor_header(context),
        wrench=Wrench(
            force=Vector3(x=x, y=y, z=z), torque=Vector3(x=about_x, y=about_y, z=about_z)
        ),
    )


def sensor_from_wrench_stamped(message: WrenchStamped) -> Outbound:
    """
    Return the force in N, then the torque in N*m, with the unit of the force: N.

    :func:`sensor_to_wrench_stamped` reads this form.

    :raises ConvertError: ``not_finite``.
    """
    force, torque = message.wrench.force, message.wrench.torque
    values = [force.x, force.y, force.z, torque.x, torque.y, torque.z]
    return sensor_outbound(sensor_of(values, 'N'), message.header)


def sensor_to_sensor(content: codec.Sensor, context: Context) -> Sensor:
    """Return the numbers unchanged, NaN included, with their unit as text and as word."""
    return message_with_arrays(
        Sensor,
        {'values': number_array(content.values)},
        header=sensor_header(context),
        unit=str(content.unit),
        unit_word=int(content.unit),
        status=content.status,
    )


def sensor_from_sensor(message: Sensor) -> Outbound:
    """
    Return the numbers with the unit from the text, or from the word if there is no text.

    :raises ConvertError: ``unit``: the text is not a unit or contradicts the word;
        ``value_count``: more than 255 numbers.
    """
    if len(message.values) > MAX_VALUES:
        raise ConvertError(
            'value_count', f'{len(message.values)} numbers; {MAX_VALUES} are allowed'
        )
    unit = codec.Unit(message.unit_word)
    if message.unit:
        try:
            unit = codec.Unit.parse(message.unit)
        except codec.ValueRangeError as error:
            raise ConvertError('unit', str(error)) from None
        if message.unit_word not in (0, unit):
            raise ConvertError(
                'unit',
                f"unit '{message.unit}' is {unit:#018x}, unit_word is {message.unit_word:#018x}; "
                'leave unit empty or unit_word 0',
            )
    return sensor_outbound(
        codec.Sensor(np.array(message.values), unit, message.status), message.header
    )


def sensor_to_joint_state(content: codec.Sensor, context: Context) -> JointState:
    """
    Return the positions (rad), velocities (rad/s) or efforts (N*m) of joints, by the unit.

    The names of the joints are the device name and a number: ``Arm0``, ``Arm1`` ...

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``: not one of the three; ``not_finite``.
    """
    for field, unit in _UNITS_OF_JOINTS.items():
        factor = factor_to(content.unit, unit)
        if factor is not None:
            values = scaled(content, factor)
            device = naming.ros_text(context.device_name)
            return JointState(
                header=sensor_header(context),
                name=[f'{device}{index}' for index in range(len(values))],
                **{field: values},
            )
    allowed = ', '.join(_UNITS_OF_JOINTS.values())
    raise ConvertError('unit', f"the unit is '{content.unit}'; {allowed} are allowed")


def sensor_from_joint_state(message: JointState) -> Outbound:
    """
    Return the positions in rad; without them, the velocities in rad/s; else the efforts.

    The message does not tell prismatic joints, whose positions are metres, from revolute ones.

    Lost: the names of the joints, velocities next to positions, and efforts next to either.

    :raises ConvertError: ``value_count``: no values, or more than 255; ``not_finite``.
    """
    for field, unit in _UNITS_OF_JOINTS.items():
        values = list(getattr(message, field))
        if values:
            return sensor_outbound(sensor_of(values, unit), message.header)
    raise ConvertError('value_count', 'the JointState has no positions, velocities or efforts')


def sensor_to_temperature(content: codec.Sensor, context: Context) -> Temperature:
    """
    Return in degrees Celsius a temperature given in kelvin; its variance is not known.

    Lost: the prefix of the unit, the status, and the last bits in the shift to Celsius.

    :raises ConvertError: ``unit``; ``value_count``: not 1; ``not_finite``.
    """
    (kelvin,) = values_in(content, 'K', 1)
    return Temperature(header=sensor_header(context), temperature=kelvin - _ZERO_CELSIUS)


def sensor_from_temperature(message: Temperature) -> Outbound:
    """
    Return in kelvin a temperature given in degrees Celsius.

    Lost: the variance.

    :raises ConvertError: ``not_finite``.
    """
    kelvin = message.temperature + _ZERO_CELSIUS
    return sensor_outbound(sensor_of([kelvin], 'K'), message.header)


def sensor_to_fluid_pressure(content: codec.Sensor, context: Context) -> FluidPressure:
    """
    Return a pressure in pascal; its variance is not known.

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``; ``value_count``: not 1; ``not_finite``.
    """
    (pascal,) = values_in(content, 'Pa', 1)
    return FluidPressure(header=sensor_header(context), fluid_pressure=pascal)


def sensor_from_fluid_pressure(message: FluidPressure) -> Outbound:
    """
    Return a pressure in pascal.

    Lost: the variance.

    :raises ConvertError: ``not_finite``.
    """
    return sensor_outbound(sensor_of([message.fluid_pressure], 'Pa'), message.header)


def sensor_to_magnetic_field(content: codec.Sensor, context: Context) -> MagneticField:
    """
    Return the field along x, y and z of the sensor in tesla; its covariance is not known.

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``; ``value_count``: not 3; ``not_finite``.
    """
    x, y, z = values_in(content, 'T', 3)
    return MagneticField(header=sensor_header(context), magnetic_field=Vector3(x=x, y=y, z=z))


def sensor_from_magnetic_field(message: MagneticField) -> Outbound:
    """
    Return the field along x, y and z of the sensor in tesla.

    Lost: the covariance.

    :raises ConvertError: ``not_finite``.
    """
    field = message.magnetic_field
    return sensor_outbound(sensor_of([field.x, field.y, field.z], 'T'), message.header)


def factor_to(unit: codec.Unit, wanted: str) -> float | None:
    """
    Return the factor from one unit to another.

    :param wanted: text such as 'N*m'.
    :returns: None if the units measure different quantities.
    """
    target = codec.Unit.parse(wanted)
    try:
        if _ambiguous_factors(unit) == _ambiguous_factors(target):
            return unit.factor_to(target)
    except codec.ValueRangeError:  # another quantity, or an unknown one
        pass
    return None


def values_in(content: codec.Sensor, wanted: str, count: int) -> list[float]:
    """
    Return the numbers of a SENSOR in a unit.

    :param wanted: text such as 'N*m'.
    :param count: the number of values needed.
    :raises ConvertError: ``unit``: another quantity; ``value_count``; ``not_finite``.
    """
    factor = factor_to(content.unit, wanted)
    if factor is None:
        raise ConvertError('unit', f"the unit is '{content.unit}'; '{wanted}' is needed")
    if len(content.values) != count:
        raise ConvertError(
            'value_count', f'the SENSOR has {len(content.values)} numbers; {count} are needed'
        )
    return scaled(content, factor)


def scaled(content: codec.Sensor, factor: float) -> list[float]:
    """
    Return the numbers of a SENSOR times a factor.

    :raises ConvertError: ``not_finite``.
    """
    values = [value * factor for value in content.values.tolist()]
    check_finite(*values)
    return values


def sensor_of(values: list[float], unit: str) -> codec.Sensor:
    """
    Return a SENSOR with numbers in a unit.

    :raises ConvertError: ``not_finite``; ``value_count``: more than 255.
    """
    if len(values) > MAX_VALUES:
        raise ConvertError('value_count', f'{len(values)} numbers; {MAX_VALUES} are allowed')
    check_finite(*values)
    return codec.Sensor(values, unit)


def _ambiguous_factors(unit: codec.Unit) -> dict[str, int]:
    """Return the exponents of those factors of a unit that base units do not distinguish."""
    exponents: Counter[str] = Counter()
    for symbol, exponent in unit.factors:
        if symbol in _AMBIGUOUS:
            exponents[symbol] += exponent
    return {symbol: exponent for symbol, exponent in exponents.items() if exponent}


CONVERSIONS = (
    Conversion(
        'SENSOR',
        'ros2_igtl/msg/Sensor',
        one(sensor_to_sensor),
        one(sensor_from_sensor),
        default=True,
    ),
    Conversion(
        'SENSOR',
        'geometry_msgs/msg/WrenchStamped',
        one(sensor_to_wrench_stamped),
        one(sensor_from_wrench_stamped),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/JointState',
        one(sensor_to_joint_state),
        one(sensor_from_joint_state),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/Temperature',
        one(sensor_to_temperature),
        one(sensor_from_temperature),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/FluidPressure',
        one(sensor_to_fluid_pressure),
        one(sensor_from_fluid_pressure),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/MagneticField',
        one(sensor_to_magnetic_field),
        one(sensor_from_magnetic_field),
    ),
)

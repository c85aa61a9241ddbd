# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
SENSOR <-> ros2_igtl/Sensor and the standard messages for quantities, chosen by its unit.

A SENSOR has numbers of one unit, which tells what they are. Their frame is the sensor's own, the
child frame.
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
# Base units do not tell these from other units: an angle from a mere number, a turn (Hz) from a
# radian a second, an energy (J) from a torque (N*m).
_ALIKE = frozenset(('rad', 'sr', 'Hz', 'Bq', 'J', 'lm', 'Gy', 'Sv'))


def sensor_to_wrench_stamped(content: codec.Sensor, context: Context) -> WrenchStamped:
    """
    Return a force in N and a torque in N*m, in the sensor's own frame, the child frame.

    A SENSOR has one unit for all its numbers and cannot say two. That of the six is taken for the
    force's, and the torque's for it times metre: mN with mN*m, kN with kN*m.

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``: no force; ``value_count``: not 6; ``not_finite``.
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
    Return the force in N, then the torque in N*m, all under the unit of the force: N.

    See :func:`sensor_to_wrench_stamped`, which reads it as it is meant.

    :raises ConvertError: ``not_finite``.
    """
    force, torque = message.wrench.force, message.wrench.torque
    values = [force.x, force.y, force.z, torque.x, torque.y, torque.z]
    return sensor_outbound(sensor_of(values, 'N'), message.header)


def sensor_to_sensor(content: codec.Sensor, context: Context) -> Sensor:
    """Return the numbers as they came, NaN and all, with their unit as text and as word."""
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
    Return the numbers with the unit that the text says, or the word where there is no text.

    :raises ConvertError: ``unit``: the text is no unit, or says another one than the word;
        ``value_count``: more than 255 numbers.
    """
    if len(message.values) > MAX_VALUES:
        raise ConvertError(
            'value_count', f'{len(message.values)} numbers, {MAX_VALUES} are allowed'
        )
    unit = codec.Unit(message.unit_word)
    if message.unit:
        try:
            unit = codec.Unit.parse(message.unit)
        except codec.ValueRangeError as error:
            raise ConvertError('unit', str(error)) from None
        if message.unit_word not in (0, unit):
            raise ConvertError(
                'unit', f"unit '{message.unit}' is {unit:#018x}, not {message.unit_word:#018x}"
            )
    return sensor_outbound(
        codec.Sensor(np.array(message.values), unit, message.status), message.header
    )


def sensor_to_joint_state(content: codec.Sensor, context: Context) -> JointState:
    """
    Return the positions, velocities or efforts of joints, as the unit says: rad, rad/s or N*m.

    The joints are named after the device and counted: ``Arm0``, ``Arm1`` ...

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``: it is not one of the three; ``not_finite``.
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
    raise ConvertError('unit', f"a SENSOR in '{content.unit}': {allowed} are allowed")


def sensor_from_joint_state(message: JointState) -> Outbound:
    """
    Return the positions in rad; without them, the velocities in rad/s; else the efforts.

    Joints that slide, whose positions are metres, are not told from those that turn.

    Lost: the names of the joints, velocities beside positions, and efforts beside either.

    :raises ConvertError: ``value_count``: none of them, or more than 255; ``not_finite``.
    """
    for field, unit in _UNITS_OF_JOINTS.items():
        values = list(getattr(message, field))
        if values:
            return sensor_outbound(sensor_of(values, unit), message.header)
    raise ConvertError('value_count', 'a JointState of no positions, velocities or efforts')


def sensor_to_temperature(content: codec.Sensor, context: Context) -> Temperature:
    """
    Return a temperature in degrees Celsius of one in kelvin; its variance is not known.

    Lost: the prefix of the unit, the status, and the last bits to the zero of Celsius.

    :raises ConvertError: ``unit``; ``value_count``: not 1; ``not_finite``.
    """
    (kelvin,) = values_in(content, 'K', 1)
    return Temperature(header=sensor_header(context), temperature=kelvin - _ZERO_CELSIUS)


def sensor_from_temperature(message: Temperature) -> Outbound:
    """
    Return a temperature in kelvin of one in degrees Celsius.

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

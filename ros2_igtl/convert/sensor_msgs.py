# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
IMAGE <-> sensor_msgs/Image, and SENSOR <-> the messages for what sensors measure.

Pixels are the same bytes on both sides: rows of i, without padding, in the byte order that the
message tells. They are passed on by reference wherever the two formats allow it. Where the slice
lies is no part of a sensor_msgs/Image: a ros2_igtl/ImageGeometry and tf say it.

A SENSOR has numbers of one unit, which tells what they are. Their frame is the sensor's own, the
child frame.

Encodings: sensor_msgs/image_encodings.hpp. Type codes: ``image.md``.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from geometry_msgs.msg import Vector3
from sensor_msgs.msg import FluidPressure, Image, JointState, MagneticField, Temperature
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec import ScalarType
from ros2_igtl.convert import naming, units
from ros2_igtl.convert.context import (
    Context,
    Outbound,
    outbound,
    sensor_header,
    sensor_outbound,
)
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_data
from ros2_igtl.convert.math import image_geometry
from ros2_igtl.convert.math.geometry import MM_PER_M
from ros2_igtl.convert.slices import slices_of

_NAMES = {
    (ScalarType.UINT8, 1): 'mono8',
    (ScalarType.UINT8, 3): 'rgb8',
    (ScalarType.UINT8, 4): 'rgba8',
    (ScalarType.UINT16, 1): 'mono16',
    (ScalarType.UINT16, 3): 'rgb16',
    (ScalarType.UINT16, 4): 'rgba16',
}
_LAYOUTS = {name: layout for layout, name in _NAMES.items()}
_LAYOUTS_BGR = {
    'bgr8': (ScalarType.UINT8, 3),
    'bgra8': (ScalarType.UINT8, 4),
    'bgr16': (ScalarType.UINT16, 3),
    'bgra16': (ScalarType.UINT16, 4),
}
_PREFIXES = {
    ScalarType.INT8: '8S',
    ScalarType.UINT8: '8U',
    ScalarType.INT16: '16S',
    ScalarType.UINT16: '16U',
    ScalarType.INT32: '32S',
    # ROS has no 32U, and a float32 would round. See image_to_ros.
    ScalarType.UINT32: '64F',
    ScalarType.FLOAT32: '32F',
    ScalarType.FLOAT64: '64F',
}
_SCALAR_TYPES = {
    prefix: scalar_type
    for scalar_type, prefix in _PREFIXES.items()
    if scalar_type is not ScalarType.UINT32
}
_ZERO_CELSIUS = 273.15  # kelvin
_UNITS_OF_JOINTS = {'position': 'rad', 'velocity': 'rad/s', 'effort': 'N*m'}
_GENERIC = re.compile(r'(8U|8S|16U|16S|32S|32F|64F)C([1-9][0-9]{0,2})')
# Bytes of one component in the ROS message.
_ITEM_SIZES = {scalar_type: int(prefix[:-1]) // 8 for scalar_type, prefix in _PREFIXES.items()}


def image_to_ros(content: codec.Image, context: Context) -> Image:
    """
    Return a slice as an image in the plane's frame, the child frame.

    Encodings: mono8, mono16, rgb8, rgba8, rgb16, rgba16 where they say it, else the generic ones
    such as 8SC1 and 32FC2. uint32 becomes 64FC: the values are exact, the bytes are not. The
    pixels are not copied if they are an array('B'), as they are when they came through a
    connection, and not uint32.

    Lost: the anatomical directions LPS, which become RAS; that numbers are uint32; the place,
    where ImageGeometry is not taken beside it.

    :raises ConvertError: ``image_size``: more than one slice; ``sub_volume``; and those of
        :func:`~.image_geometry.ijk_to_frame`: a slice that lies nowhere is refused.
    """
    if content.size[2] != 1:
        raise ConvertError('image_size', f'{content.size[2]} slices, 1 makes an image')
    image_geometry.check_whole(content.sub_size, content.size)
    image_geometry.check_axes(content.axes, content.position)
    scalar_type, components = content.scalar_type, content.components
    data = content.data
    if scalar_type == ScalarType.UINT32:
        order = '>' if content.endian == codec.Endian.BIG else '<'
        data = content.pixels.astype(f'{order}f8').view(np.uint8)
    encoding = _NAMES.get((scalar_type, components))
    width, height, _ = content.size
    return message_with_data(
        Image,
        data,
        header=Header(stamp=context.stamp, frame_id=context.child_frame_id),
        height=height,
        width=width,
        encoding=encoding or f'{_PREFIXES[scalar_type]}C{components}',
        is_bigendian=int(content.endian == codec.Endian.BIG),
        step=width * components * _ITEM_SIZES[scalar_type],
    )


def image_to_slices(content: codec.Image, context: Context) -> list[Image]:
    """
    Return one image a slice, from the first k on; a slice alone as :func:`image_to_ros` does.

    Lost: the anatomical directions LPS, which become RAS; that numbers are uint32, which become
    float64; the place, where ImageGeometry is not taken beside it; and of a volume that its slices
    are one.

    :raises ConvertError: those of :func:`~.slices.slices_of` and :func:`image_to_ros`.
    """
    if content.size[2] == 1:
        return [image_to_ros(content, context)]
    return [image_to_ros(*one) for one in slices_of(content, context)]


def image_from_ros(message: Image, geometry: Any | None = None) -> Outbound:
    """
    Return an image as a slice of one whole volume.

    The pixels are not copied unless rows are padded (``step``) or blue stands before red (bgr8,
    bgra8, bgr16, bgra16), which becomes RGB.

    :param geometry: the ros2_igtl/ImageGeometry with the same stamp: it gives axes, position and
        the parent frame. Without one the image lies along RAS with pixels of 1 mm, the centre of
        the first at the origin.
    :returns: the child frame is the image's frame.
    :raises ConvertError: ``encoding``; ``image_size``; ``size_mismatch``: data, step, height or
        the size of the geometry contradict one another; and those of
        :func:`~.image_geometry.axes_and_position`.
    """
    width, height = message.width, message.height
    size = (width, height, 1)
    image_geometry.check_size(size)
    scalar_type, components, bgr = _layout_of(message.encoding)
    item_size = _ITEM_SIZES[scalar_type]
    row_size = width * components * item_size
    if message.step < row_size or len(message.data) != message.step * height:
        raise ConvertError(
            'size_mismatch',
            f'{width} x {height} {message.encoding} takes {height} rows of {row_size} bytes or '
            f'more, got {len(message.data)} bytes in rows of {message.step}',
        )
    data: Any = memoryview(message.data)
    if bgr or message.step != row_size:
        rows = np.frombuffer(data, np.uint8).reshape(height, message.step)[:, :row_size].copy()
        if bgr:
            # Whole components change places, so their byte order does not matter. Two strided
            # copies take an eighth of the time of one by a list of indices.
            pixels = rows.view(f'u{item_size}').reshape(height, width, components)
            blue = pixels[:, :, 0].copy()
            pixels[:, :, 0] = pixels[:, :, 2]
            pixels[:, :, 2] = blue
        data = rows.data.cast('B')
    if geometry is None:
        matrix = [1 / MM_PER_M, 0, 0, 0, 0, 1 / MM_PER_M, 0, 0, 0, 0, 1 / MM_PER_M, 0]
        frame_id = ''
    else:
        if tuple(geometry.size) != size:
            raise ConvertError(
                'size_mismatch',
                f'an image of {size} with the geometry of one of {tuple(map(int, geometry.size))}',
            )
        matrix = geometry.ijk_to_frame
        frame_id = geometry.header.frame_id
    axes, position = image_geometry.axes_and_position(size, matrix)
    content = codec.Image(
        data,
        size,
        scalar_type,
        components,
        codec.Endian.BIG if message.is_bigendian else codec.Endian.LITTLE,
        codec.CoordinateSystem.RAS,
        axes,
        position,
    )
    sent = outbound(content, message.header, message.header.frame_id)
    return sent._replace(frame_id=frame_id)


def sensor_to_joint_state(content: codec.Sensor, context: Context) -> JointState:
    """
    Return the positions, velocities or efforts of joints, as the unit says: rad, rad/s or N*m.

    The joints are named after the device and counted: ``Arm0``, ``Arm1`` ...

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``: it is none of the three; ``not_finite``.
    """
    for field, unit in _UNITS_OF_JOINTS.items():
        factor = units.factor_to(content.unit, unit)
        if factor is not None:
            values = units.scaled(content, factor)
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
    Return the positions in rad; if there are none, the velocities in rad/s; else the efforts.

    Joints that slide, whose positions are metres, are not told from those that turn.

    Lost: the names of the joints, velocities beside positions, and efforts beside either.

    :raises ConvertError: ``value_count``: none of them, or more than 255; ``not_finite``.
    """
    for field, unit in _UNITS_OF_JOINTS.items():
        values = list(getattr(message, field))
        if values:
            return sensor_outbound(units.sensor_of(values, unit), message.header)
    raise ConvertError('value_count', 'a JointState of no positions, velocities or efforts')


def sensor_to_temperature(content: codec.Sensor, context: Context) -> Temperature:
    """
    Return a temperature in degrees Celsius of one in kelvin; its variance is not known.

    Lost: the prefix of the unit, the status, and the last bits to the zero of Celsius.

    :raises ConvertError: ``unit``; ``value_count``: not 1; ``not_finite``.
    """
    (kelvin,) = units.values_in(content, 'K', 1)
    return Temperature(header=sensor_header(context), temperature=kelvin - _ZERO_CELSIUS)


def sensor_from_temperature(message: Temperature) -> Outbound:
    """
    Return a temperature in kelvin of one in degrees Celsius.

    Lost: the variance.

    :raises ConvertError: ``not_finite``.
    """
    kelvin = message.temperature + _ZERO_CELSIUS
    return sensor_outbound(units.sensor_of([kelvin], 'K'), message.header)


def sensor_to_fluid_pressure(content: codec.Sensor, context: Context) -> FluidPressure:
    """
    Return a pressure in pascal; its variance is not known.

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``; ``value_count``: not 1; ``not_finite``.
    """
    (pascal,) = units.values_in(content, 'Pa', 1)
    return FluidPressure(header=sensor_header(context), fluid_pressure=pascal)


def sensor_from_fluid_pressure(message: FluidPressure) -> Outbound:
    """
    Return a pressure in pascal.

    Lost: the variance.

    :raises ConvertError: ``not_finite``.
    """
    return sensor_outbound(units.sensor_of([message.fluid_pressure], 'Pa'), message.header)


def sensor_to_magnetic_field(content: codec.Sensor, context: Context) -> MagneticField:
    """
    Return the field along x, y and z of the sensor in tesla; its covariance is not known.

    Lost: the prefix of the unit and the status.

    :raises ConvertError: ``unit``; ``value_count``: not 3; ``not_finite``.
    """
    x, y, z = units.values_in(content, 'T', 3)
    return MagneticField(header=sensor_header(context), magnetic_field=Vector3(x=x, y=y, z=z))


def sensor_from_magnetic_field(message: MagneticField) -> Outbound:
    """
    Return the field along x, y and z of the sensor in tesla.

    Lost: the covariance.

    :raises ConvertError: ``not_finite``.
    """
    field = message.magnetic_field
    return sensor_outbound(units.sensor_of([field.x, field.y, field.z], 'T'), message.header)


def _layout_of(encoding: str) -> tuple[ScalarType, int, bool]:
    """Return scalar type, components, and whether blue stands before red."""
    if encoding in _LAYOUTS:
        return *_LAYOUTS[encoding], False
    if encoding in _LAYOUTS_BGR:
        return *_LAYOUTS_BGR[encoding], True
    match = _GENERIC.fullmatch(encoding)
    if match is None or int(match[2]) > 255:
        allowed = ', '.join([*_LAYOUTS, *_LAYOUTS_BGR, *(f'{p}C1..255' for p in _SCALAR_TYPES)])
        raise ConvertError('encoding', f'encoding {encoding!r}; {allowed} are allowed')
    return _SCALAR_TYPES[match[1]], int(match[2]), False

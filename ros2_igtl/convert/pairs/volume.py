# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""IMAGE of several slices <-> ros2_igtl/Volume, and its voxels as a sensor_msgs/PointCloud2."""

from __future__ import annotations

import math

import numpy as np
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_data
from ros2_igtl.convert.math import image_geometry
from ros2_igtl.convert.pairs import point_cloud
from ros2_igtl.convert.pairs.image import ijk_to_frame_of
from ros2_igtl.msg import Volume

MAX_POINTS = 5_000_000
"""Of a cloud of voxels: 80 MB, more than a viewer draws. A volume may have fifty times as many."""


def image_to_volume(content: codec.Image, context: Context) -> Volume:
    """
    Return the voxels and where they lie, in the parent frame, metres, RAS.

    The voxels keep their bytes, and are not copied if they are an array('B').

    Lost: the anatomical directions LPS, which become RAS.

    :raises ConvertError: ``sub_volume``; those of :func:`~.image_geometry.ijk_to_frame`.
    """
    image_geometry.check_whole(content.sub_size, content.size)
    return message_with_data(
        Volume,
        content.data,
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        size=content.size,
        ijk_to_frame=ijk_to_frame_of(content),
        components=content.components,
        scalar_type=int(content.scalar_type),
        is_bigendian=content.endian == codec.Endian.BIG,
    )


def image_from_volume(message: Volume) -> Outbound:
    """
    Return the voxels, which are not copied, as a whole image in RAS.

    :raises ConvertError: ``scalar_type``: type or number of components; ``image_size``;
        ``size_mismatch``; those of :func:`~.image_geometry.axes_and_position`.
    """
    i, j, k = map(int, message.size)
    size = (i, j, k)
    image_geometry.check_size(size)
    if message.scalar_type not in codec.ScalarType._value2member_map_ or not message.components:
        raise ConvertError(
            'scalar_type',
            f'{message.components} x scalar type {message.scalar_type}: 1 to 255 x '
            f'{", ".join(f"{s} ({s.name})" for s in codec.ScalarType)} are allowed',
        )
    axes, position = image_geometry.axes_and_position(size, message.ijk_to_frame)
    content = codec.Image(
        memoryview(message.data),
        size,
        codec.ScalarType(message.scalar_type),
        message.components,
        codec.Endian.BIG if message.is_bigendian else codec.Endian.LITTLE,
        codec.CoordinateSystem.RAS,
        axes,
        position,
    )
    expected = math.prod(size) * message.components * content.dtype.itemsize
    if len(message.data) != expected:
        raise ConvertError(
            'size_mismatch',
            f'a volume of {size}, {message.components} x {content.dtype} takes {expected} bytes, '
            f'got {len(message.data)}',
        )
    return outbound(content, message.header)


def image_to_point_cloud(
    content: codec.Image, context: Context, *, threshold: float = 0.0
) -> PointCloud2:
    """
    Return the voxels above a threshold: their centres in the parent frame, and an intensity.

    Fields: x, y, z and intensity, float32. There is no way back: a cloud has no grid, and what is
    not above the threshold is not in it.

    Lost: all voxels up to the threshold, the grid, and digits that float32 does not have.

    :param threshold: a voxel of more than this is in the cloud. The default, which holds where
        nothing else is said, is right for what has a background of 0: label maps, and volumes
        that ultrasound images were put together to.
    :raises ConvertError: ``sub_volume``; ``scalar_type``: several components make no intensity;
        ``too_many_elements``: more than :data:`MAX_POINTS` are above the threshold; those of
        :func:`~.image_geometry.ijk_to_frame`.
    """
    image_geometry.check_whole(content.sub_size, content.size)
    if content.components != 1:
        raise ConvertError('scalar_type', f'{content.components} components, 1 makes an intensity')
    lps = content.coordinate == codec.CoordinateSystem.LPS
    numbers = image_geometry.ijk_to_frame(content.size, content.axes, content.position, lps=lps)
    pixels = content.pixels
    with np.errstate(invalid='ignore'):  # some NaN have numpy warn of them
        is_above = pixels > threshold
    count = np.count_nonzero(is_above)
    if count > MAX_POINTS:
        raise ConvertError(
            'too_many_elements',
            f'{count} voxels are above {threshold:g}, {MAX_POINTS} are allowed',
        )
    with np.errstate(over='ignore'):  # infinite as float32
        intensities = pixels[is_above].astype('<f4')
    matrix = np.array(numbers).reshape(3, 4)
    indices = np.stack(np.nonzero(is_above)[::-1], axis=1)
    return point_cloud.make_cloud(
        Header(stamp=context.stamp, frame_id=context.frame_id),
        indices @ matrix[:, :3].T + matrix[:, 3],
        {'intensity': intensities},
    )


def is_volume(content: codec.Image) -> bool:
    """Accept an image of several slices."""
    return bool(content.size[2] != 1)


CONVERSIONS = (
    Conversion(
        'IMAGE',
        'ros2_igtl/msg/Volume',
        one(image_to_volume),
        one(image_from_volume),
        default=True,
        latched=True,
        traffic='event',
        is_for=is_volume,
        is_bulk=True,
    ),
    Conversion(
        'IMAGE',
        'sensor_msgs/msg/PointCloud2',
        one(image_to_point_cloud),
        None,  # a cloud has no grid, and not all voxels
        traffic='event',
        options=('threshold',),
        is_bulk=True,
    ),
)

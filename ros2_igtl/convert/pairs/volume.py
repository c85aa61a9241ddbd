# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""IMAGE of several slices <-> ros2_igtl/Volume; its voxels -> sensor_msgs/PointCloud2."""

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
"""
The limit of a cloud of voxels: 80 MB, more than a viewer draws. A volume may have fifty times as
many voxels.
"""


def image_to_volume(content: codec.Image, context: Context) -> Volume:
    """
    Return the voxels and their geometry in the parent frame, metres, RAS.

    The bytes of the voxels stay the same; an array('B') is not copied.

    Lost: the anatomical directions LPS, which become RAS.

    :raises ConvertError: ``sub_volume``; and as :func:`~.image_geometry.ijk_to_frame`.
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
    Return a whole image in RAS, without copying the voxels.

    :raises ConvertError: ``scalar_type``: type or number of components; ``image_size``;
        ``size_mismatch``; and as :func:`~.image_geometry.axes_and_position`.
    """
    i, j, k = map(int, message.size)
    size = (i, j, k)
    image_geometry.check_size(size)
    if message.scalar_type not in codec.ScalarType._value2member_map_ or not message.components:
        raise ConvertError(
            'scalar_type',
            f'{message.components} x scalar type {message.scalar_type}; 1 to 255 x '
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
            f'a volume of {size}, {message.components} x {content.dtype} needs {expected} bytes, '
            f'got {len(message.data)}',
        )
    return outbound(content, message.header)


def image_to_point_cloud(
    content: codec.Image, context: Context, *, threshold: float = 0.0
) -> PointCloud2:
    """
    Return the centres of the voxels above a threshold, in the parent frame, with intensities.

    Fields: x, y, z and intensity, float32. There is no conversion back, because a cloud has no
    grid and lacks the voxels up to the threshold.

    Lost: all voxels up to the threshold, the grid, and digits beyond the precision of float32.

    :param threshold: the cloud contains the voxels greater than this. The default suits volumes
        with a background of 0: label maps, and volumes reconstructed from ultrasound images.
    :raises ConvertError: ``sub_volume``; ``scalar_type``: more than one component;
        ``too_many_elements``: more than :data:`MAX_POINTS` voxels are above the threshold; and as
        :func:`~.image_geometry.ijk_to_frame`.
    """
    image_geometry.check_whole(content.sub_size, content.size)
    if content.components != 1:
        raise ConvertError('scalar_type', f'{content.components} components; an intensity has 1')
    lps = content.coordinate == codec.CoordinateSystem.LPS
    numbers = image_geometry.ijk_to_frame(content.size, content.axes, content.position, lps=lps)
    pixels = content.pixels
    with np.errstate(invalid='ignore'):  # numpy would warn about some NaN
        is_above = pixels > threshold
    count = np.count_nonzero(is_above)
    if count > MAX_POINTS:
        raise ConvertError(
            'too_many_elements',
            f'{count} voxels are above {threshold:g}; {MAX_POINTS} are allowed',
        )
    with np.errstate(over='ignore'):  # too large for float32: infinity
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

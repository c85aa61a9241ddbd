# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
IMAGE <-> sensor_msgs/Image, with ros2_igtl/ImageGeometry and tf for its geometry.

Pixels are the same bytes on both sides: rows of i, without padding, in the byte order that the
message states. They are passed on by reference where the two formats allow it.

Encodings: sensor_msgs/image_encodings.hpp. Type codes: ``image.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec import ScalarType
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_data
from ros2_igtl.convert.math import image_geometry
from ros2_igtl.convert.math.geometry import MM_PER_M
from ros2_igtl.convert.math.stamps import join_stamp, split_stamp
from ros2_igtl.convert.pairs import parts
from ros2_igtl.msg import ImageGeometry

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
_GENERIC = re.compile(r'(8U|8S|16U|16S|32S|32F|64F)C([1-9][0-9]{0,2})')
# Bytes of one component in the ROS message.
_ITEM_SIZES = {scalar_type: int(prefix[:-1]) // 8 for scalar_type, prefix in _PREFIXES.items()}


def image_to_transform_stamped(
    content: codec.Image | codec.Video, context: Context
) -> list[TransformStamped]:
    """
    Return the pose of the plane of a slice or a video frame, for tf; empty for a volume.

    The child's origin is the centre of the first voxel, x points along i, y along j and z along
    x cross y: see :func:`~.image_geometry.plane_pose`.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_axis``; ``non_rigid``: the
        in-plane axes are not orthogonal; ``empty_frame``; ``same_frame``.
    """
    if content.size[2] != 1:
        return []
    lps = content.coordinate == codec.CoordinateSystem.LPS
    pose = image_geometry.plane_pose(content.size, content.axes, content.position, lps=lps)
    return [parts.transform_stamped(*pose, context)]


def image_to_image_geometry(content: codec.Image | codec.Video, context: Context) -> ImageGeometry:
    """
    Return the geometry of an image or a video frame, in the parent frame.

    A part of an image has the geometry of the whole.

    Lost: the pixels.

    :raises ConvertError: those of :func:`~.image_geometry.ijk_to_frame`.
    """
    return ImageGeometry(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        size=content.size,
        ijk_to_frame=ijk_to_frame_of(content),
    )


def image_to_slice_geometries(content: codec.Image, context: Context) -> list[ImageGeometry]:
    """
    Return the geometry of each slice of an image, with the stamps of :func:`slices_of`.

    Lost: the pixels.

    :raises ConvertError: as :func:`slices_of` and :func:`image_to_image_geometry`.
    """
    if content.size[2] == 1:
        return [image_to_image_geometry(content, context)]
    return [image_to_image_geometry(*one) for one in slices_of(content, context)]


def ijk_to_frame_of(content: codec.Image | codec.Video) -> list[float]:
    """
    Return the 3x4 matrix, metres and RAS, of an image or a video frame.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``zero_axis``.
    """
    lps = content.coordinate == codec.CoordinateSystem.LPS
    return image_geometry.ijk_to_frame(content.size, content.axes, content.position, lps=lps)


def slices_of(content: codec.Image, context: Context) -> Iterator[tuple[codec.Image, Context]]:
    """
    Return the slices of an image from the first k on, each as an image with its context.

    The pixels are not copied. The stamp of slice k is k nanoseconds later than that of the
    volume, so that a subscriber can match a slice and its ImageGeometry by their stamps.

    :raises ConvertError: ``sub_volume``; ``timestamp_range``: the stamps reach beyond 2038.
    """
    image_geometry.check_whole(content.sub_size, content.size)
    i, j, count = content.size
    data = memoryview(content.data).cast('B')
    slice_size = len(data) // count
    axis = content.axes[6:9]
    stamp_ns = join_stamp(context.stamp.sec, context.stamp.nanosec)
    for k in range(count):
        steps = k - (count - 1) / 2  # from the centre, which is the position
        sec, nanosec = split_stamp(stamp_ns + k)
        yield (
            codec.Image(
                data[k * slice_size : (k + 1) * slice_size],
                (i, j, 1),
                content.scalar_type,
                content.components,
                content.endian,
                content.coordinate,
                content.axes,
                tuple(
                    centre + steps * step
                    for centre, step in zip(content.position, axis, strict=True)
                ),
            ),
            replace(context, stamp=Time(sec=sec, nanosec=nanosec)),
        )


def image_to_ros(content: codec.Image, context: Context) -> Image:
    """
    Return a slice as an image in the plane's frame, the child frame.

    Encodings: mono8, mono16, rgb8, rgba8, rgb16 and rgba16 where they apply, else a generic one
    such as 8SC1 or 32FC2. uint32 becomes 64FC with the same values but other bytes. Pixels that
    are an array('B'), as received from a connection, are not copied unless they are uint32.

    Lost: the anatomical directions LPS, which become RAS; the type uint32; the geometry, unless
    ImageGeometry is used too.

    :raises ConvertError: ``image_size``: more than one slice; ``sub_volume``; and as
        :func:`~.image_geometry.check_axes`.
    """
    if content.size[2] != 1:
        raise ConvertError('image_size', f'{content.size[2]} slices; an image has 1')
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
    Return one image for each slice, from the first k on, as :func:`image_to_ros` does.

    Lost: the anatomical directions LPS, which become RAS; the type uint32, which becomes float64;
    the geometry, unless ImageGeometry is used too; and which slices form one volume.

    :raises ConvertError: as :func:`slices_of` and :func:`image_to_ros`.
    """
    if content.size[2] == 1:
        return [image_to_ros(content, context)]
    return [image_to_ros(*one) for one in slices_of(content, context)]


def image_from_ros(message: Image, geometry: Any | None = None) -> Outbound:
    """
    Return an image as an IMAGE of one slice.

    The pixels are copied only if rows are padded (``step``) or the order is BGR (bgr8, bgra8,
    bgr16, bgra16), which becomes RGB.

    :param geometry: the ros2_igtl/ImageGeometry with the same stamp, which provides axes, position
        and the parent frame. Without it the axes are those of RAS, pixels have 1 mm, and the
        centre of the first pixel is the origin.
    :returns: the child frame is the image's frame.
    :raises ConvertError: ``encoding``; ``image_size``; ``size_mismatch``: data, step, height or
        the size of the geometry contradict one another; and as
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
            f'{width} x {height} {message.encoding} needs {height} rows of {row_size} bytes or '
            f'more, got {len(message.data)} bytes in rows of {message.step}',
        )
    data: Any = memoryview(message.data)
    if bgr or message.step != row_size:
        rows = np.frombuffer(data, np.uint8).reshape(height, message.step)[:, :row_size].copy()
        if bgr:
            # Swapping whole components works in either byte order. Two strided copies take an
            # eighth of the time of one copy by a list of indices.
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
                f'the image has size {size}, its ImageGeometry {tuple(map(int, geometry.size))}',
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


def _layout_of(encoding: str) -> tuple[ScalarType, int, bool]:
    """Return scalar type, number of components, and whether the order is BGR."""
    if encoding in _LAYOUTS:
        return *_LAYOUTS[encoding], False
    if encoding in _LAYOUTS_BGR:
        return *_LAYOUTS_BGR[encoding], True
    match = _GENERIC.fullmatch(encoding)
    if match is None or int(match[2]) > 255:
        allowed = ', '.join([*_LAYOUTS, *_LAYOUTS_BGR, *(f'{p}C1..255' for p in _SCALAR_TYPES)])
        raise ConvertError('encoding', f'encoding {encoding!r}; {allowed} are allowed')
    return _SCALAR_TYPES[match[1]], int(match[2]), False


def is_slice(content: codec.Image) -> bool:
    """Accept an image of one slice."""
    return bool(content.size[2] == 1)


CONVERSIONS = (
    Conversion(
        'IMAGE',
        'sensor_msgs/msg/Image',
        image_to_slices,
        one(image_from_ros),
        default=True,
        is_for=is_slice,
        reads_sibling='geometry',
        to_tf=image_to_transform_stamped,
        is_bulk=True,
    ),
    Conversion(
        'IMAGE',
        'ros2_igtl/msg/ImageGeometry',
        image_to_slice_geometries,
        None,  # image_from_ros takes it with an image
        default=True,
        sibling='geometry',
        is_for=is_slice,
        is_bulk=True,
    ),
)

TYPES_IN_PARTS = frozenset({'IMAGE'})
"""Types whose messages may be parts; a ``streams.VolumeAssembler`` makes them whole."""

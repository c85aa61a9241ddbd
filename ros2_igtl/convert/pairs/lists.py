# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Descriptions that a peer sends: CAPABILITY, IMGMETA, LBMETA, VIDEOMETA and COLORT <-> ros2_igtl.

Units: millimetres on the OpenIGTLink side, metres on the ROS side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_arrays, number_array
from ros2_igtl.convert.math.geometry import MM_PER_M, check_distance, metres
from ros2_igtl.convert.math.stamps import join_stamp, split_stamp
from ros2_igtl.convert.pairs import parts
from ros2_igtl.msg import (
    Capability,
    ColorTable,
    ImageMeta,
    ImageMetaArray,
    LabelMeta,
    LabelMetaArray,
    VideoMeta,
    VideoMetaArray,
)

_COUNTS = (256, 65536)  # of entries, colortable.md
_ENTRIES = {  # dtype, and how many numbers an entry has
    ColorTable.UINT8: ('u1', 1),
    ColorTable.UINT16: ('u2', 1),
    ColorTable.RGB: ('u1', 3),
}


def capability_to_ros(content: codec.Capability, context: Context) -> Capability:
    """
    Return the type names that a peer can receive.

    :raises ConvertError: ``too_many_elements``.
    """
    parts.check_count(len(content.type_names))
    return Capability(
        header=Header(stamp=context.stamp),
        type_names=[naming.ros_text(name) for name in content.type_names],
    )


def capability_from_ros(message: Capability) -> Outbound:
    """
    Return the type names.

    :raises ConvertError: ``name_too_long``: a name of more than 12 bytes; ``too_many_elements``.
    """
    parts.check_count(len(message.type_names))
    for name in message.type_names:
        naming.content_name(name, codec.TYPE_NAME_SIZE + 1, 'type name')
    return outbound(codec.Capability(tuple(message.type_names)), message.header)


def image_meta_to_ros(content: codec.ImageMeta, context: Context) -> ImageMetaArray:
    """
    Return the images that a peer offers.

    Lost: fractions of a nanosecond in the time of a scan, and the reserved byte.

    :raises ConvertError: ``timestamp_range``: the time of a scan is after 2038;
        ``too_many_elements``.
    """
    images = []
    for image in _fields_of(content.images):
        sec, nanosec = split_stamp(codec.timestamp.to_nanoseconds(image.pop('timestamp')))
        images.append(ImageMeta(scan_time=Time(sec=sec, nanosec=nanosec), **image))
    return ImageMetaArray(header=Header(stamp=context.stamp), images=images)


def image_meta_from_ros(message: ImageMetaArray) -> Outbound:
    """
    Return the images that a peer offers.

    :raises ConvertError: ``name_too_long``: the device name may have 19 bytes, the modality 31
        and the others 63; ``timestamp_range``: a scan before 1970; ``too_many_elements``.
    """
    rows = [
        {
            **_names_of(image, codec.ImageMeta.dtype),
            'timestamp': codec.timestamp.from_nanoseconds(
                join_stamp(image.scan_time.sec, image.scan_time.nanosec)
            ),
            'size': image.size,
            'scalar_type': image.scalar_type,
        }
        for image in message.images
    ]
    return outbound(codec.ImageMeta(_array_of(rows, codec.ImageMeta.dtype)), message.header)


def label_meta_to_ros(content: codec.LabelMeta, context: Context) -> LabelMetaArray:
    """
    Return the labels that a peer offers.

    Lost: the reserved byte.

    :raises ConvertError: ``too_many_elements``.
    """
    labels = [
        LabelMeta(color=parts.make_color(label.pop('rgba')), **label)
        for label in _fields_of(content.labels)
    ]
    return LabelMetaArray(header=Header(stamp=context.stamp), labels=labels)


def label_meta_from_ros(message: LabelMetaArray) -> Outbound:
    """
    Return the labels that a peer offers.

    :raises ConvertError: ``name_too_long``: the name may have 63 bytes, device name and owner 19;
        ``color_range``; ``too_many_elements``.
    """
    rows = [
        {
            **_names_of(label, codec.LabelMeta.dtype),
            'label': label.label,
            'rgba': parts.rgba_of(label.color),
            'size': label.size,
        }
        for label in message.labels
    ]
    return outbound(codec.LabelMeta(_array_of(rows, codec.LabelMeta.dtype)), message.header)


def video_meta_to_ros(content: codec.VideoMeta, context: Context) -> VideoMetaArray:
    """
    Return the videos that a peer offers, metres in the parent frame.

    Lost: the last bit of a focal length, and the reserved byte.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad video rejects the message;
        ``too_many_elements``.
    """
    videos = []
    for video in _fields_of(content.videos):
        axes = [parts.make_vector(metres(*axis)) for axis in video.pop('axes')]
        focal_length = video.pop('focal_length')
        check_distance(focal_length)
        videos.append(
            VideoMeta(
                i_axis=axes[0],
                j_axis=axes[1],
                k_axis=axes[2],
                center=parts.make_point(metres(*video.pop('position'))),
                focal_length=focal_length / MM_PER_M,
                **video,
            )
        )
    header = Header(stamp=context.stamp, frame_id=context.frame_id)
    return VideoMetaArray(header=header, videos=videos)


def video_meta_from_ros(message: VideoMetaArray) -> Outbound:
    """
    Return the videos that a peer offers.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``name_too_long``: names may have 63
        bytes; ``too_many_elements``.
    """
    rows = [
        {
            **_names_of(video, codec.VideoMeta.dtype),
            'zoom_level': video.zoom_level,
            'focal_length': parts.size_mm(video.focal_length),
            'size': video.size,
            'axes': [
                parts.position_mm(axis) for axis in (video.i_axis, video.j_axis, video.k_axis)
            ],
            'position': parts.position_mm(video.center),
            'scalar_type': video.scalar_type,
        }
        for video in message.videos
    ]
    return outbound(codec.VideoMeta(_array_of(rows, codec.VideoMeta.dtype)), message.header)


def color_table_to_ros(content: codec.ColorTable, context: Context) -> ColorTable:
    """Return the entries of a table, in the order of the values they apply to."""
    table = content.table
    map_type = ColorTable.UINT8 if table.dtype.itemsize == 1 else ColorTable.UINT16
    return message_with_arrays(
        ColorTable,
        {'entries': number_array(table.astype('u2'))},
        header=Header(stamp=context.stamp),
        map_type=ColorTable.RGB if table.ndim == 2 else map_type,
    )


def color_table_from_ros(message: ColorTable) -> Outbound:
    """
    Return a table for voxels of uint8 (256 entries) or uint16 (65536 entries).

    :raises ConvertError: ``scalar_type``: an unknown type of entries; ``size_mismatch``: neither
        256 nor 65536 of them; ``color_range``: an entry exceeds its type.
    """
    if message.map_type not in _ENTRIES:
        allowed = ', '.join(map(str, _ENTRIES))
        raise ConvertError('scalar_type', f'map_type is {message.map_type}; {allowed} are allowed')
    dtype, parts = _ENTRIES[message.map_type]
    entries = np.frombuffer(message.entries, 'u2')
    if len(entries) not in (count * parts for count in _COUNTS):
        raise ConvertError(
            'size_mismatch',
            f'{len(entries)} numbers; {" or ".join(map(str, _COUNTS))} times {parts} are allowed',
        )
    table = entries.astype(dtype)
    if not np.array_equal(table, entries):
        raise ConvertError('color_range', f'entry {entries.max()} exceeds the type {dtype}')
    content = codec.ColorTable(table.reshape(-1, parts) if parts > 1 else table)
    return outbound(content, message.header)


def _fields_of(array: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """
    Return the fields of each element, names as text, without reserved ones.

    :raises ConvertError: ``too_many_elements``.
    """
    parts.check_count(len(array))
    names = array.dtype.names or ()
    kept = [name for name in names if name != 'reserved']
    columns = []
    for name in kept:
        values = array[name].tolist()
        if array.dtype[name].kind == 'S':
            values = [parts.ros_name(value) for value in values]
        columns.append(values)
    for row in zip(*columns, strict=True):
        yield dict(zip(kept, row, strict=True))


def _names_of(message: Any, dtype: np.dtype[Any]) -> dict[str, bytes]:
    """
    Return the fields of an element that are names.

    :raises ConvertError: ``name_too_long``.
    """
    fields = [name for name in dtype.names or () if dtype[name].kind == 'S']
    return {
        field: naming.content_name(getattr(message, field), dtype[field].itemsize, field)
        for field in fields
    }


def _array_of(rows: list[dict[str, Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """
    Return the array for elements given by field; reserved fields are 0.

    :raises ConvertError: ``too_many_elements``.
    """
    parts.check_count(len(rows))
    array = np.zeros(len(rows), dtype)
    for field in dtype.names or ():
        if field != 'reserved' and rows:
            array[field] = [row[field] for row in rows]
    return array


CONVERSIONS = (
    Conversion(
        'CAPABILITY',
        'ros2_igtl/msg/Capability',
        one(capability_to_ros),
        one(capability_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'IMGMETA',
        'ros2_igtl/msg/ImageMetaArray',
        one(image_meta_to_ros),
        one(image_meta_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'LBMETA',
        'ros2_igtl/msg/LabelMetaArray',
        one(label_meta_to_ros),
        one(label_meta_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'VIDEOMETA',
        'ros2_igtl/msg/VideoMetaArray',
        one(video_meta_to_ros),
        one(video_meta_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'COLORT',
        'ros2_igtl/msg/ColorTable',
        one(color_table_to_ros),
        one(color_table_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""IMAGE, TDATA and POINT <-> the package's own messages, for what no standard message says."""

from __future__ import annotations

import math

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA, Header

from ros2_igtl import codec
from ros2_igtl.convert import elements, image_geometry, naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.geometry import MM_PER_M, check_distance
from ros2_igtl.convert.interfaces import message_with_data
from ros2_igtl.msg import (
    ImageGeometry,
    LabeledPoint,
    PointArray,
    TrackedTool,
    TrackingData,
    Volume,
)

_NAME_SIZE, _GROUP_SIZE, _OWNER_SIZE = 64, 32, 20  # bytes, point.md


def image_to_image_geometry(content: codec.Image, context: Context) -> ImageGeometry:
    """
    Return where an image lies, in the parent frame.

    A part of an image has the geometry of the whole.

    :raises ConvertError: those of :func:`~.image_geometry.ijk_to_frame`.
    """
    return ImageGeometry(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        size=content.size,
        ijk_to_frame=_ijk_to_frame(content),
    )


def image_to_volume(content: codec.Image, context: Context) -> Volume:
    """
    Return the voxels and where they lie, in the parent frame, metres, RAS.

    The voxels keep their bytes, and are not copied if they are an array('B').

    :raises ConvertError: ``sub_volume``; those of :func:`~.image_geometry.ijk_to_frame`.
    """
    if not content.is_whole:
        raise ConvertError('sub_volume', f'part {content.sub_size} of an image {content.size}')
    return message_with_data(
        Volume,
        content.data,
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        size=content.size,
        ijk_to_frame=_ijk_to_frame(content),
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


def tracking_data_to_tracking_data(content: codec.TrackingData, context: Context) -> TrackingData:
    """
    Return the poses of all tools; an empty list says that all are lost.

    The frame is the one :func:`~.elements.tracking_data_frame` finds.

    :raises ConvertError: as :func:`~.elements.tools_of`: a single bad tool refuses all.
    """
    tools = elements.tools_of(content)
    message = TrackingData(
        header=Header(
            stamp=context.stamp,
            frame_id=elements.tracking_data_frame(tools, context.frame_id),
        )
    )
    for tool in tools:
        tracked = TrackedTool(name=naming.ros_text(tool.name), tool_type=tool.tool_type)
        elements.fill_pose(tracked.pose, tool.position, tool.orientation)
        message.tools.append(tracked)
    return message


def tracking_data_from_tracking_data(message: TrackingData) -> Outbound:
    """
    Return the tools, translations bit by bit as they came, rotations within 5e-7.

    :raises ConvertError: as :func:`~.elements.tracking_data_of`.
    """
    rows = ((tool.name, tool.tool_type, tool.pose) for tool in message.tools)
    return outbound(elements.tracking_data_of(rows), message.header)


def point_to_point_array(content: codec.Point, context: Context) -> PointArray:
    """
    Return the points with all that is known of them, in the parent frame, metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad point refuses all.
    """
    points = content.points
    sizes = points['size'].tolist()
    check_distance(*sizes)
    colors = (points['rgba'] / 255.0).tolist()
    rows = zip(
        *(map(_text, points[field].tolist()) for field in ('name', 'group', 'owner')),
        colors,
        elements.point_positions(content),
        sizes,
        strict=True,
    )
    return PointArray(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        points=[
            LabeledPoint(
                name=name,
                group=group,
                owner=owner,
                color=ColorRGBA(r=r, g=g, b=b, a=a),
                position=Point(x=x, y=y, z=z),
                size=size / MM_PER_M,
            )
            for name, group, owner, (r, g, b, a), (x, y, z), size in rows
        ],
    )


def point_from_point_array(message: PointArray) -> Outbound:
    """
    Return the points, every field as it came.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``color_range``; ``name_too_long``:
        name, group and owner have 63, 31 and 19 bytes at most.
    """
    rows = [_row(point) for point in message.points]
    return outbound(codec.Point(np.array(rows, codec.Point.dtype)), message.header)


def _ijk_to_frame(content: codec.Image) -> list[float]:
    lps = content.coordinate == codec.CoordinateSystem.LPS
    return image_geometry.ijk_to_frame(content.size, content.axes, content.position, lps=lps)


def _text(name: bytes) -> str:
    return naming.ros_text(codec.text(name))


def _row(point: LabeledPoint) -> tuple[object, ...]:
    size = point.size * MM_PER_M
    check_distance(size)
    color = point.color
    return (
        naming.content_name(point.name, _NAME_SIZE, 'point name'),
        naming.content_name(point.group, _GROUP_SIZE, 'point group'),
        tuple(map(_color_byte, (color.r, color.g, color.b, color.a))),
        elements.position_mm(point.position),
        size,
        naming.content_name(point.owner, _OWNER_SIZE, 'point owner'),
    )


def _color_byte(component: float) -> int:
    # float32 on the way rounds 1/255 by 1e-8: half a step is far enough
    scaled = component * 255.0
    if not -0.5 < scaled < 255.5:
        raise ConvertError('color_range', f'colour component {component:g}: 0 to 1 are allowed')
    return round(scaled)

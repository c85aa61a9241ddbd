# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
POINT, POLYDATA and the voxels of an IMAGE <-> sensor_msgs/PointCloud2.

A cloud has metres of float32, since RViz shows no others: millimetres of float32 come back within
one step of it. The frame of a cloud is the parent frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec import AttributeType
from ros2_igtl.convert import naming, point_cloud
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import image_geometry, positions

MAX_POINTS = 5_000_000
"""Of a cloud of voxels: 80 MB, more than a viewer draws. A volume may have fifty times as many."""

_CELL_ATTRIBUTES = 0x10  # and above: those of points are below, polydata.md
_NORMALS = ('normal_x', 'normal_y', 'normal_z')
_MAX_NAME_SIZE = 255  # bytes, polydata.md


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


def point_to_point_cloud(content: codec.Point, context: Context) -> PointCloud2:
    """
    Return the positions in the parent frame, with the field rgba.

    Lost: names, groups, sizes, owners, and the last bit of a position.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad point refuses all.
    """
    points = content.points
    return point_cloud.make_cloud(
        Header(stamp=context.stamp, frame_id=context.frame_id),
        positions.metres(points['position']),
        {'rgba': point_cloud.pack_colors(points['rgba'])},
    )


def point_from_point_cloud(message: PointCloud2) -> Outbound:
    """
    Return the points ``P0``, ``P1`` ... of size 0, white where the cloud has no colours.

    Points that are nowhere, having NaN, are left out, unless the cloud says that it is dense.

    Lost: all fields but x, y, z and rgba or rgb.

    :raises ConvertError: ``not_finite``; ``out_of_range``; those of
        :func:`~.point_cloud.read_cloud` and :func:`~.point_cloud.unpack_colors`.
    """
    cloud = point_cloud.read_cloud(message)
    colors = point_cloud.color_field(cloud.columns)
    points = np.zeros(len(cloud.positions), codec.Point.dtype)
    points['name'] = np.char.add(b'P', np.arange(len(points)).astype('S'))
    points['rgba'] = 255
    if colors is not None:
        points['rgba'] = point_cloud.unpack_colors(colors, cloud.columns[colors])
    points['position'] = positions.millimetres(cloud.positions)
    return outbound(codec.Point(points), message.header)


def poly_data_to_point_cloud(content: codec.PolyData, context: Context) -> PointCloud2:
    """
    Return the points in the parent frame, each attribute of points being a field.

    Colours are the field rgba, normals normal_x, normal_y and normal_z, which is how PCL and RViz
    have them; others have the name of the attribute and as many numbers as it has components. A
    name that is empty or taken gets underscores.

    Lost: cells and their attributes, the type of attributes other than colours and normals, and
    the last bit of a position.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``color_range``; ``size_mismatch``:
        an attribute has not a row for each point.
    """
    columns: dict[str, NDArray[Any]] = {}
    for attribute in content.attributes:
        if attribute.attribute_type < _CELL_ATTRIBUTES:
            _add_columns(columns, attribute, len(content.points))
    return point_cloud.make_cloud(
        Header(stamp=context.stamp, frame_id=context.frame_id),
        positions.metres(content.points),
        columns,
    )


def poly_data_from_point_cloud(message: PointCloud2) -> Outbound:
    """
    Return the points, each with a vertex, without which viewers would not show it.

    Fields become attributes: rgba or rgb colours, normal_x, normal_y and normal_z normals, all
    others scalars of their name, with a component for each number. Points that are nowhere,
    having NaN, are left out, unless the cloud says that it is dense.

    Lost: rows of organised clouds, and digits of fields that float32 does not have.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a position, or a number that is none of
        float32; ``name_too_long``; those of :func:`~.point_cloud.read_cloud` and
        :func:`~.point_cloud.unpack_colors`.
    """
    cloud = point_cloud.read_cloud(message)
    columns = cloud.columns
    colors = point_cloud.color_field(columns)
    has_normals = all(name in columns and columns[name].ndim == 1 for name in _NORMALS)
    attributes = []
    for name, column in columns.items():
        if name == colors:
            rgba = point_cloud.unpack_colors(name, column)
            attributes.append(codec.Attribute(AttributeType.POINT_RGBA, name, rgba / 255.0))
        elif not has_normals or name not in _NORMALS:
            naming.content_name(name, _MAX_NAME_SIZE + 1, 'field')
            values = _floats(name, column)
            attributes.append(codec.Attribute(AttributeType.POINT_SCALARS, name, values))
        elif name == 'normal_x':
            normals = np.stack([_floats(part, columns[part]) for part in _NORMALS], axis=1)
            attributes.append(codec.Attribute(AttributeType.POINT_NORMALS, 'normals', normals))
    content = codec.PolyData(
        positions.millimetres(cloud.positions),
        vertices=np.arange(len(cloud.positions)).reshape(-1, 1),
        attributes=attributes,
    )
    return outbound(content, message.header)


def _add_columns(columns: dict[str, NDArray[Any]], attribute: codec.Attribute, count: int) -> None:
    """Add the fields of a cloud that an attribute of points becomes."""
    values = attribute.values
    if len(values) != count:
        raise ConvertError(
            'size_mismatch', f'{len(values)} rows of an attribute of {count} points'
        )
    kind = attribute.attribute_type
    if kind == AttributeType.POINT_RGBA and 'rgba' not in columns:
        columns['rgba'] = point_cloud.pack_colors(point_cloud.color_bytes(values))
        return
    if kind == AttributeType.POINT_NORMALS and not columns.keys() & set(_NORMALS):
        columns.update(zip(_NORMALS, values.astype('<f4').T, strict=True))
        return
    name = naming.ros_text(attribute.name) or '_'
    while name in columns or name in ('x', 'y', 'z', 'rgb', 'rgba', *_NORMALS):
        name += '_'
    columns[name] = (values if attribute.components > 1 else values[:, 0]).astype('<f4')


def _floats(name: str, column: NDArray[Any]) -> NDArray[Any]:
    """Return numbers of any type as float32, NaN and infinity as they are."""
    with np.errstate(over='ignore', invalid='ignore'):
        floats = column.astype('>f4')
    if not np.array_equal(np.isfinite(floats), np.isfinite(column)):
        raise ConvertError(
            'out_of_range', f"field '{naming.escape(name)}' has numbers beyond those of float32"
        )
    return floats

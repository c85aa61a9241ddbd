# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
POLYDATA <-> visualization_msgs/Marker and sensor_msgs/PointCloud2, which RViz shows.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker

from ros2_igtl import codec
from ros2_igtl.codec import AttributeType
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import numbers_of
from ros2_igtl.convert.math import positions
from ros2_igtl.convert.math.clouds import color_bytes, color_field, pack_colors, unpack_colors
from ros2_igtl.convert.math.geometry import MM_PER_M
from ros2_igtl.convert.pairs import parts, point_cloud
from ros2_igtl.convert.pairs.triangles import Triangles, check_count, triangles_of

_CELL_ATTRIBUTES = 0x10  # and above: those of points are below, polydata.md
_NORMALS = ('normal_x', 'normal_y', 'normal_z')
_WHITE = (1.0, 1.0, 1.0, 1.0)


def poly_data_to_point_cloud(content: codec.PolyData, context: Context) -> PointCloud2:
    """
    Return the points in the parent frame, with a field for each attribute of points.

    As PCL and RViz expect, colours are in the field rgba and normals in normal_x, normal_y and
    normal_z. Other fields have the name of the attribute and as many numbers as it has
    components. An empty or duplicate name gets underscores.

    Lost: cells and their attributes, the type of attributes other than colours and normals, and
    the last bit of a position.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``color_range``; ``size_mismatch``:
        the number of rows of an attribute is not the number of points.
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
    Return the points, each with a vertex so that viewers show it.

    Fields become attributes: rgba or rgb becomes colours; normal_x, normal_y and normal_z become
    normals; each other field becomes scalars of the same name, with a component for each number.
    Points with NaN are left out, unless the cloud declares itself dense.

    Lost: rows of organised clouds, and digits beyond the precision of float32.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a position, or a number beyond
        float32; ``name_too_long``; and as :func:`~.point_cloud.read_cloud` and
        :func:`~.clouds.unpack_colors`.
    """
    cloud = point_cloud.read_cloud(message)
    columns = cloud.columns
    colors = color_field(columns)
    has_normals = all(name in columns and columns[name].ndim == 1 for name in _NORMALS)
    attributes = []
    for name, column in columns.items():
        if name == colors:
            rgba = unpack_colors(name, column)
            attributes.append(codec.Attribute(AttributeType.POINT_RGBA, name, rgba / 255.0))
        elif not has_normals or name not in _NORMALS:
            naming.content_name(name, codec.Attribute.max_name_size + 1, 'field')
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


def poly_data_to_marker(content: codec.PolyData, context: Context) -> Marker:
    """
    Return the triangles of a mesh; :func:`~.triangles.triangles_of` cuts larger cells.

    The colours are those of the points, else those of the cells, else white. The namespace is the
    device name. Triangles that share a point share one Point object, to save time.

    Lost: vertices, lines, attributes other than the colours, which triangles share a point, and
    which triangles formed larger polygons or strips.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``cell_index``; ``color_range``;
        ``size_mismatch``: the number of colours is not that of points or cells;
        ``too_many_elements``.
    """
    triangles = triangles_of(content)
    check_count(len(content.points), len(triangles.corners))
    points = parts.make_points(positions.metres(content.points))
    corners = triangles.corners.reshape(-1)
    return Marker(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        ns=naming.ros_text(context.device_name),
        type=Marker.TRIANGLE_LIST,
        action=Marker.ADD,
        scale=Vector3(x=1.0, y=1.0, z=1.0),
        color=_color(*_WHITE),
        points=[points[index] for index in corners.tolist()],
        colors=_corner_colors(content, triangles),
    )


def poly_data_from_marker(message: Marker) -> Outbound:
    """
    Return the triangles of a triangle list, three points each, in the frame of the header.

    If there is a colour for each point, the colours become those of the points; if there is one
    for each triangle, those of the cells. A single colour other than opaque white becomes that of
    every point.

    Lost: texture, lifetime, namespace and id.

    :raises ConvertError: ``marker_type``: another type or action; ``not_finite``;
        ``out_of_range``; ``zero_scale``; ``zero_quaternion``; ``quaternion_norm``;
        ``size_mismatch``; ``color_range``; ``too_many_elements``.
    """
    if (message.type, message.action) != (Marker.TRIANGLE_LIST, Marker.ADD):
        raise ConvertError(
            'marker_type',
            f'the marker has type {message.type} and action {message.action}; type TRIANGLE_LIST '
            f'({Marker.TRIANGLE_LIST}) and action ADD ({Marker.ADD}) are allowed',
        )
    count = len(message.points)
    if count % 3:
        raise ConvertError('size_mismatch', f'{count} points; a multiple of 3 is needed')
    check_count(count // 3, count // 3)
    points = numbers_of(message.points, 'x', 'y', 'z')
    scale = message.scale
    if not (scale.x and scale.y and scale.z):
        raise ConvertError('zero_scale', 'the scale of the marker is 0 along x, y or z')
    points *= (scale.x, scale.y, scale.z)
    if message.pose != Pose():  # otherwise keep even the sign of a zero
        columns = np.array(parts.columns_of_pose(message.pose)).reshape(4, 3)
        points = points @ columns[:3] + columns[3] / MM_PER_M
    content = codec.PolyData(
        positions.millimetres(points),
        polygons=np.arange(count).reshape(-1, 3),
        attributes=_attributes_of(message),
    )
    return outbound(content, message.header)


def _add_columns(columns: dict[str, NDArray[Any]], attribute: codec.Attribute, count: int) -> None:
    """Add the fields of a cloud for an attribute of points."""
    values = attribute.values
    if len(values) != count:
        raise ConvertError(
            'size_mismatch', f'an attribute has {len(values)} rows for {count} points'
        )
    kind = attribute.attribute_type
    if kind == AttributeType.POINT_RGBA and 'rgba' not in columns:
        columns['rgba'] = pack_colors(color_bytes(values))
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
            'out_of_range', f"field '{naming.escape(name)}' has numbers beyond float32"
        )
    return floats


def _corner_colors(content: codec.PolyData, triangles: Triangles) -> list[ColorRGBA]:
    """Return a colour for each corner; empty if the mesh has no colours."""
    by_type = {attribute.attribute_type: attribute for attribute in reversed(content.attributes)}
    attribute = by_type.get(AttributeType.POINT_RGBA)
    indices: NDArray[Any] = triangles.corners.reshape(-1)
    count = len(content.points)
    if attribute is None:
        attribute = by_type.get(AttributeType.CELL_RGBA)
        if attribute is None:
            return []
        indices = np.repeat(triangles.cells, 3)
        kinds = (content.vertices, content.lines, content.polygons, content.triangle_strips)
        count = sum(map(len, kinds))
    values = attribute.values
    if len(values) != count:
        raise ConvertError('size_mismatch', f'{len(values)} colours for {count} points or cells')
    _check_colors(values)
    colors = [_color(*row) for row in values.tolist()]
    return [colors[index] for index in indices.tolist()]


def _attributes_of(message: Marker) -> list[codec.Attribute]:
    """Return the colours of a triangle list."""
    count = len(message.points)
    colors = message.colors or [message.color]
    values = numbers_of(colors, 'r', 'g', 'b', 'a')
    _check_colors(values)
    if not message.colors:
        if np.array_equal(values[0], _WHITE):
            return []
        values = np.broadcast_to(values, (count, 4))
    kinds = {count: AttributeType.POINT_RGBA, count // 3: AttributeType.CELL_RGBA}
    if len(values) not in kinds:
        raise ConvertError(
            'size_mismatch', f'{len(values)} colours for {count} points or {count // 3} triangles'
        )
    return [codec.Attribute(kinds[len(values)], 'rgba', values)]


def _check_colors(values: NDArray[Any]) -> None:
    with np.errstate(invalid='ignore'):  # numpy would warn about some NaN
        is_color = np.all((values >= 0.0) & (values <= 1.0))
    if not is_color:
        raise ConvertError('color_range', 'a colour component is outside 0 to 1')


def _color(r: float, g: float, b: float, a: float) -> ColorRGBA:
    return ColorRGBA(r=r, g=g, b=b, a=a)


CONVERSIONS = (
    Conversion(
        'POLYDATA',
        'visualization_msgs/msg/Marker',
        one(poly_data_to_marker),
        one(poly_data_from_marker),
        traffic='event',
        is_bulk=True,
    ),
    Conversion(
        'POLYDATA',
        'sensor_msgs/msg/PointCloud2',
        one(poly_data_to_point_cloud),
        one(poly_data_from_point_cloud),
        traffic='event',
        is_bulk=True,
    ),
)

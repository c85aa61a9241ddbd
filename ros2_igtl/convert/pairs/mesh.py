# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""POLYDATA <-> ros2_igtl/PolyData, which keeps everything, and shape_msgs/Mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
from shape_msgs.msg import Mesh, MeshTriangle
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_arrays, number_array, numbers_of
from ros2_igtl.convert.math import positions
from ros2_igtl.convert.pairs import parts
from ros2_igtl.convert.pairs.triangles import check_cells, check_count, triangles_of
from ros2_igtl.msg import PolyData, PolyDataAttribute, PolyDataCells

_WORD = np.dtype('>u4')


def poly_data_to_mesh(content: codec.PolyData, context: Context) -> Mesh:
    """
    Return the triangles of a mesh, metres; :func:`~.triangles.triangles_of` cuts larger cells.

    Lost: stamp, frame, vertices, lines, attributes, and which triangles formed larger polygons or
    strips.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``cell_index``; ``too_many_elements``.
    """
    corners = triangles_of(content).corners
    check_count(len(content.points), len(corners))
    return Mesh(
        vertices=parts.make_points(positions.metres(content.points)),
        triangles=[MeshTriangle(vertex_indices=row) for row in corners],
    )


def poly_data_from_mesh(message: Mesh) -> Outbound:
    """
    Return the triangles as polygons, without stamp and frame.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``cell_index``; ``too_many_elements``.
    """
    check_count(len(message.vertices), len(message.triangles))
    corners = [triangle.vertex_indices for triangle in message.triangles]
    content = codec.PolyData(
        positions.millimetres(numbers_of(message.vertices, 'x', 'y', 'z')),
        polygons=np.array(corners, np.uint32).reshape(-1, 3),
    )
    check_cells(content)
    return Outbound(content)


def poly_data_to_poly_data(content: codec.PolyData, context: Context) -> PolyData:
    """
    Return the points in the parent frame, metres, with all cells and attributes.

    Lost: bytes that are not UTF-8 in the names of attributes.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad point rejects the message.
    """
    return message_with_arrays(
        PolyData,
        {'points': number_array(positions.metres(content.points).reshape(-1))},
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        vertices=_cells_to_ros(content.vertices),
        lines=_cells_to_ros(content.lines),
        polygons=_cells_to_ros(content.polygons),
        triangle_strips=_cells_to_ros(content.triangle_strips),
        attributes=[_attribute_to_ros(attribute) for attribute in content.attributes],
    )


def poly_data_from_poly_data(message: PolyData) -> Outbound:
    """
    Return the points with all cells and attributes.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``size_mismatch``: the number of
        points, offsets or values is wrong; ``cell_index``; ``attribute``; ``name_too_long``.
    """
    points = np.asarray(message.points, np.float64)
    if len(points) % 3:
        raise ConvertError(
            'size_mismatch', f'points has {len(points)} numbers; 3 for each point are needed'
        )
    content = codec.PolyData(
        positions.millimetres(points.reshape(-1, 3)),
        _cells_from_ros('vertices', message.vertices),
        _cells_from_ros('lines', message.lines),
        _cells_from_ros('polygons', message.polygons),
        _cells_from_ros('triangle_strips', message.triangle_strips),
        [_attribute_from_ros(attribute) for attribute in message.attributes],
    )
    check_cells(content)
    return outbound(content, message.header)


def _cells_to_ros(cells: codec.Cells) -> PolyDataCells:
    offsets = np.zeros(len(cells) + 1, np.uint32)
    np.cumsum(cells.counts, out=offsets[1:])
    return message_with_arrays(
        PolyDataCells, {'offsets': number_array(offsets), 'indices': number_array(cells.indices)}
    )


def _cells_from_ros(name: str, message: PolyDataCells) -> codec.Cells:
    offsets = np.asarray(message.offsets, np.int64)
    indices = np.asarray(message.indices, np.uint32)
    if not len(offsets):
        offsets = np.zeros(1, np.int64)
    counts = np.diff(offsets)
    if offsets[0] != 0 or offsets[-1] != len(indices) or np.any(counts < 0):
        raise ConvertError(
            'size_mismatch',
            f'the offsets of {name} must increase from 0 to {len(indices)}, the number of indices',
        )
    # a cell is its number of points, then their indices
    words = np.empty(len(counts) + len(indices), _WORD)
    starts = offsets[:-1] + np.arange(len(counts))
    is_index = np.ones(len(words), bool)
    is_index[starts] = False
    words[starts] = counts
    words[is_index] = indices
    return codec.Cells(words)


def _attribute_to_ros(attribute: codec.Attribute) -> PolyDataAttribute:
    return message_with_arrays(
        PolyDataAttribute,
        {'values': number_array(attribute.values.reshape(-1))},
        name=naming.ros_text(attribute.name),
        attribute_type=int(attribute.attribute_type),
        components=attribute.components,
    )


def _attribute_from_ros(message: PolyDataAttribute) -> codec.Attribute:
    naming.content_name(message.name, codec.Attribute.max_name_size + 1, 'attribute')
    values: Any = np.asarray(message.values, np.float32)
    components = message.components
    if not components or len(values) % components:
        raise ConvertError(
            'size_mismatch',
            f"attribute '{naming.escape(message.name)}' of {components} components has "
            f'{len(values)} numbers',
        )
    try:
        kind = codec.AttributeType(message.attribute_type)
        attribute = codec.Attribute(kind, message.name, values.reshape(-1, components))
        attribute.pack_header()
    except ValueError as error:  # from the codec, or from its enumeration
        raise ConvertError('attribute', str(error)) from None
    return attribute


CONVERSIONS = (
    Conversion(
        'POLYDATA',
        'ros2_igtl/msg/PolyData',
        one(poly_data_to_poly_data),
        one(poly_data_from_poly_data),
        default=True,
        traffic='event',
        is_bulk=True,
    ),
    Conversion(
        'POLYDATA',
        'shape_msgs/msg/Mesh',
        one(poly_data_to_mesh),
        one(poly_data_from_mesh),
        traffic='event',
        is_bulk=True,
    ),
)

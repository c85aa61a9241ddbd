# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""POLYDATA <-> shape_msgs."""

from __future__ import annotations

import numpy as np
from shape_msgs.msg import Mesh, MeshTriangle

from ros2_igtl import codec
from ros2_igtl.convert import elements
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.interfaces import numbers_of
from ros2_igtl.convert.math import meshes, positions


def poly_data_to_mesh(content: codec.PolyData, context: Context) -> Mesh:
    """
    Return the triangles of a mesh, metres; polygons and strips as :func:`~.meshes.triangles_of`.

    Lost: stamp, frame, vertices, lines, attributes, and that triangles were larger polygons or
    strips.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``cell_index``; ``too_many_elements``.
    """
    corners = meshes.triangles_of(content).corners
    meshes.check_count(len(content.points), len(corners))
    return Mesh(
        vertices=elements.make_points(positions.metres(content.points)),
        triangles=[MeshTriangle(vertex_indices=row) for row in corners],
    )


def poly_data_from_mesh(message: Mesh) -> Outbound:
    """
    Return the triangles as polygons, without stamp and frame.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``cell_index``; ``too_many_elements``.
    """
    meshes.check_count(len(message.vertices), len(message.triangles))
    corners = [triangle.vertex_indices for triangle in message.triangles]
    content = codec.PolyData(
        positions.millimetres(numbers_of(message.vertices, 'x', 'y', 'z')),
        polygons=np.array(corners, np.uint32).reshape(-1, 3),
    )
    meshes.check_cells(content)
    return Outbound(content)

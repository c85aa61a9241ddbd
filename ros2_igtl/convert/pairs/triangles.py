# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The triangles of a mesh, to which ROS reduces meshes; independent of ROS messages.

All functions work on whole arrays, never cell by cell.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec
from ros2_igtl.convert.errors import ConvertError

MAX_COUNT = 500_000
"""
The limit of points and of triangles in types where each is a message of its own, which takes some
microseconds: two seconds for all. ros2_igtl/PolyData keeps them in arrays and has no such limit.
"""


class Triangles(NamedTuple):
    """Triangles, each with its cell of the mesh."""

    corners: NDArray[np.uint32]  # (n, 3): indices of points
    cells: NDArray[np.intp]  # (n,): counted through all kinds of cells, as attributes do


def triangles_of(content: codec.PolyData) -> Triangles:
    """
    Return the triangles of the polygons, then those of the triangle strips.

    A polygon of more than three corners is cut into a fan about its first corner, which is exact
    for flat and convex polygons such as those of meshes. Every second triangle of a strip is
    reversed, so that all face the same way. A cell of fewer than three points has no triangles.

    :raises ConvertError: ``cell_index``: a cell refers to a missing point.
    """
    check_cells(content)
    first = len(content.vertices) + len(content.lines)
    polygons = _fans(content.polygons)
    strips = _strips(content.triangle_strips)
    return Triangles(
        np.concatenate((polygons.corners, strips.corners)),
        np.concatenate((polygons.cells + first, strips.cells + first + len(content.polygons))),
    )


def check_cells(content: codec.PolyData) -> None:
    """
    Check that cells refer only to existing points.

    :raises ConvertError: ``cell_index``.
    """
    count = len(content.points)
    for name in ('vertices', 'lines', 'polygons', 'triangle_strips'):
        if not getattr(content, name).within(count):
            raise ConvertError(
                'cell_index', f'{name} refer to points beyond the {count} of the mesh'
            )


def check_count(points: int, triangles: int) -> None:
    """
    Check that a mesh is not so large that converting it would take too long.

    :raises ConvertError: ``too_many_elements``.
    """
    if max(points, triangles) > MAX_COUNT:
        raise ConvertError(
            'too_many_elements',
            f'{points} points and {triangles} triangles; {MAX_COUNT} of each are allowed',
        )


def _fans(cells: codec.Cells) -> Triangles:
    """Return the triangles of polygons."""
    uniform = cells.uniform
    if uniform is not None and uniform.shape[1] == 3:
        return Triangles(uniform.astype(np.uint32), np.arange(len(uniform)))
    numbers, steps, starts = _split(cells)
    words = cells.words
    corners = (words[starts], words[starts + steps + 1], words[starts + steps + 2])
    return Triangles(np.stack(corners, axis=1).astype(np.uint32), numbers)


def _strips(cells: codec.Cells) -> Triangles:
    """Return the triangles of triangle strips."""
    numbers, steps, starts = _split(cells)
    words = cells.words
    firsts = starts + steps
    is_odd = steps & 1
    corners = (words[firsts + is_odd], words[firsts + 1 - is_odd], words[firsts + 2])
    return Triangles(np.stack(corners, axis=1).astype(np.uint32), numbers)


def _split(cells: codec.Cells) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """
    Return three numbers for each triangle.

    Its cell, the number of triangles before it in the cell, and the index of the cell's first
    point among the words.
    """
    counts = np.maximum(cells.counts.astype(np.intp) - 2, 0)
    numbers = np.repeat(np.arange(len(counts)), counts)
    steps = np.arange(len(numbers)) - np.repeat(np.cumsum(counts) - counts, counts)
    return numbers, steps, cells.starts[numbers] + 1

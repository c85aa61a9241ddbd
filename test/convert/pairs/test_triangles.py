# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.triangles against a plain walk over the cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs import triangles

cells = st.lists(st.lists(st.integers(0, 9), max_size=7), max_size=6)
triples = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), max_size=6)


@given(cells, cells | triples, cells, cells)
def test_triangles_are_those_of_a_walk_over_the_cells(
    vertices: list[list[int]],
    polygons: list[list[int]],
    strips: list[list[int]],
    lines: list[list[int]],
) -> None:
    content = codec.PolyData(np.zeros((10, 3)), vertices, lines, polygons, strips)
    expected = []
    for cell, polygon in enumerate(polygons, len(vertices) + len(lines)):
        expected += [
            ([polygon[0], polygon[n], polygon[n + 1]], cell) for n in range(1, len(polygon) - 1)
        ]
    for cell, strip in enumerate(strips, len(vertices) + len(lines) + len(polygons)):
        for n in range(len(strip) - 2):
            first, second = (n + 1, n) if n % 2 else (n, n + 1)
            expected.append(([strip[first], strip[second], strip[n + 2]], cell))
    found = triangles.triangles_of(content)
    assert found.corners.shape == (len(expected), 3)
    assert found.corners.dtype == np.uint32
    assert found.corners.tolist() == [corners for corners, _ in expected]
    assert found.cells.tolist() == [cell for _, cell in expected]


def test_all_triangles_of_a_strip_face_the_same_way() -> None:
    # a strip in the plane z = 0, its first triangle counter-clockwise
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0], [1, 2, 0]], float)
    content = codec.PolyData(points, triangle_strips=[[0, 1, 2, 3, 4, 5]])
    corners = points[triangles.triangles_of(content).corners]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert len(normals) == 4
    assert (normals[:, 2] > 0).all()


def test_a_convex_polygon_keeps_its_area() -> None:
    angles = np.linspace(0, 2 * np.pi, 7, endpoint=False)
    points = np.stack([np.cos(angles), np.sin(angles), np.zeros(7)], axis=1)
    content = codec.PolyData(points, polygons=[list(range(7))])
    corners = points[triangles.triangles_of(content).corners]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert normals[:, 2].sum() / 2 == pytest.approx(7 / 2 * np.sin(2 * np.pi / 7))


@pytest.mark.parametrize('kind', ['vertices', 'lines', 'polygons', 'triangle_strips'])
def test_b27_a_cell_with_a_point_that_is_not_there_is_refused(kind: str) -> None:
    cells: dict[str, Any] = {kind: [[0, 1, 3]]}
    content = codec.PolyData(np.zeros((3, 3)), **cells)
    with pytest.raises(ConvertError, match=f'{kind} refer to points beyond the 3') as refusal:
        triangles.triangles_of(content)
    assert refusal.value.cause == 'cell_index'


@pytest.mark.parametrize('counts', [(500_001, 0), (0, 500_001)])
def test_a_mesh_of_more_messages_than_can_be_made_in_time_is_refused(
    counts: tuple[int, int],
) -> None:
    triangles.check_count(500_000, 500_000)
    with pytest.raises(ConvertError, match='500000 of each are allowed') as refusal:
        triangles.check_count(*counts)
    assert refusal.value.cause == 'too_many_elements'

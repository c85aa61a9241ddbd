# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.mesh: POLYDATA, shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rclpy.serialization import deserialize_message, serialize_message
from shape_msgs.msg import Mesh, MeshTriangle

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.pairs.mesh import poly_data_from_mesh, poly_data_to_mesh

CONTEXT = Context('Liver', Time(sec=5), 'igtl_ras', 'Liver')
TO_ROS = poly_data_to_mesh
FROM_ROS = poly_data_from_mesh
triangles = arrays(np.uint32, st.tuples(st.integers(0, 5), st.just(3)), elements=st.integers(0, 3))


def mesh(*corners: tuple[int, int, int]) -> Mesh:
    """Return a mesh of three vertices."""
    return Mesh(
        vertices=[Point(x=1.0), Point(y=1.0), Point(z=1.0)],
        triangles=[MeshTriangle(vertex_indices=row) for row in corners],
    )


@given(arrays('>f4', (4, 3), elements=st.floats(-1e9, 1e9, width=32)), triangles)
def test_triangles_come_back_byte_by_byte(points: Any, corners: Any) -> None:
    content = codec.PolyData(points, polygons=corners)
    received = deserialize_message(serialize_message(TO_ROS(content, CONTEXT)), Mesh)
    sent = FROM_ROS(received)
    assert sent == Outbound(sent.content)
    assert codec.pack(codec.Message(sent.content)) == codec.pack(codec.Message(content))


@given(arrays(float, (4, 3), elements=st.floats(-1e6, 1e6)), triangles)
def test_any_mesh_comes_back_in_metres_of_float32_millimetres(points: Any, corners: Any) -> None:
    message = Mesh(
        vertices=[Point(x=x, y=y, z=z) for x, y, z in points.tolist()],
        triangles=[MeshTriangle(vertex_indices=row) for row in corners],
    )
    packed = codec.unpack(codec.pack(codec.Message(FROM_ROS(message).content))).content
    back = TO_ROS(packed, CONTEXT)
    assert [row.vertex_indices.tolist() for row in back.triangles] == corners.tolist()
    for vertex, (x, y, z) in zip(back.vertices, points.tolist(), strict=True):
        expected = pytest.approx((x, y, z), rel=2**-24, abs=1e-45)
        assert (vertex.x, vertex.y, vertex.z) == expected


def test_larger_polygons_and_strips_become_triangles_and_lines_are_left_out() -> None:
    content = codec.PolyData(
        np.zeros((5, 3)),
        vertices=[[0]],
        lines=[[0, 1]],
        polygons=[[0, 1, 2, 3], [4, 3]],
        triangle_strips=[[0, 1, 2, 3]],
    )
    seen = [row.vertex_indices.tolist() for row in TO_ROS(content, CONTEXT).triangles]
    assert seen == [[0, 1, 2], [0, 2, 3], [0, 1, 2], [2, 1, 3]]


def test_what_a_message_says_is_not_changed_by_its_mesh() -> None:
    content = codec.PolyData(np.zeros((3, 3)), polygons=[[0, 1, 2]])
    TO_ROS(content, CONTEXT).triangles[0].vertex_indices[0] = 2
    assert content.polygons.indices.tolist() == [0, 1, 2]


def test_an_empty_mesh_is_one() -> None:
    assert FROM_ROS(Mesh()).content == codec.PolyData()
    assert TO_ROS(codec.PolyData(), CONTEXT) == Mesh()


def test_b27_a_triangle_with_a_vertex_that_is_not_there_is_refused() -> None:
    FROM_ROS(mesh((0, 1, 2)))
    assert cause(FROM_ROS, mesh((0, 1, 2), (0, 1, 3))) == 'cell_index'
    content = codec.PolyData(np.zeros((3, 3)), polygons=[[0, 1, 3]])
    assert cause(TO_ROS, content, CONTEXT) == 'cell_index'


@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e7, 'out_of_range')])
def test_one_bad_vertex_refuses_the_mesh(value: float, expected: str) -> None:
    message = mesh()
    message.vertices[2].y = value
    assert cause(FROM_ROS, message) == expected
    content = codec.PolyData([[0, value * 1000, 0]])
    assert cause(TO_ROS, content, CONTEXT) == expected


def test_a_mesh_of_more_messages_than_can_be_made_in_time_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('ros2_igtl.convert.pairs.triangles.MAX_COUNT', 3)
    triangle = (0, 1, 2)
    FROM_ROS(mesh(*[triangle] * 3))
    assert cause(FROM_ROS, mesh(*[triangle] * 4)) == 'too_many_elements'
    content = codec.PolyData(np.zeros((4, 3)))
    assert cause(TO_ROS, content, CONTEXT) == 'too_many_elements'

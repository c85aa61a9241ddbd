# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.mesh_display: POLYDATA as RViz shows it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Quaternion
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.codec import AttributeType
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.mesh_display import poly_data_from_marker, poly_data_to_marker

CONTEXT = Context('Plan', Time(sec=5), 'igtl_ras', 'Plan')


WHITE = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
RED = ColorRGBA(r=1.0, g=0.0, b=0.0, a=0.5)
BLUE = ColorRGBA(r=0.0, g=0.0, b=1.0, a=1.0)


def to_marker(content: codec.PolyData) -> Marker:
    return poly_data_to_marker(content, CONTEXT)


def triangle_list(**fields: Any) -> Marker:
    """Return two triangles of white."""
    marker = Marker(type=Marker.TRIANGLE_LIST, color=WHITE)
    marker.points = [Point(x=float(n), y=float(n * n), z=-1.0) for n in range(6)]
    marker.scale.x = marker.scale.y = marker.scale.z = 1.0
    for name, value in fields.items():
        setattr(marker, name, value)
    return marker


def mesh_of(marker: Marker) -> Any:
    return poly_data_from_marker(marker).content


float32s = st.floats(-1e6, 1e6, width=32)
shares = st.floats(0, 1, width=32)


@given(st.data(), st.integers(0, 4), st.sampled_from(['', 'points', 'cells']))
def test_triangles_pass_through_a_marker_byte_by_byte(data: Any, count: int, colored: str) -> None:
    attributes = []
    if colored and count:
        kinds = {
            'points': (AttributeType.POINT_RGBA, 3 * count),
            'cells': (AttributeType.CELL_RGBA, count),
        }
        kind, rows = kinds[colored]
        values = data.draw(arrays('>f4', (rows, 4), elements=shares))
        attributes = [codec.Attribute(kind, 'rgba', values)]
    content = codec.PolyData(
        data.draw(arrays('>f4', (3 * count, 3), elements=float32s)),
        polygons=np.arange(3 * count).reshape(-1, 3),
        attributes=attributes,
    )
    received = deserialize_message(serialize_message(to_marker(content)), Marker)
    sent = poly_data_from_marker(received)
    assert (sent.stamp_ns, sent.frame_id) == (5 * 10**9, 'igtl_ras')
    if colored == 'cells' and count:  # each corner has the colour of its triangle
        (attribute,) = sent.content.attributes  # type: ignore[attr-defined]
        assert attribute.attribute_type == AttributeType.POINT_RGBA
        assert np.array_equal(attribute.values, values.repeat(3, axis=0))
        sent.content.attributes = content.attributes  # type: ignore[attr-defined]
    assert codec.pack(codec.Message(sent.content)) == codec.pack(codec.Message(content))


def test_a_mesh_is_a_triangle_list_of_its_device() -> None:
    content = codec.PolyData(
        [[1000, 0, 0], [0, 2000, 0], [0, 0, 3000], [4000, 0, 0]],
        lines=[[0, 1]],
        polygons=[[0, 1, 2, 3]],
        triangle_strips=[[3, 2, 1]],
    )
    marker = to_marker(content)
    assert (marker.type, marker.action, marker.ns) == (Marker.TRIANGLE_LIST, Marker.ADD, 'Plan')
    assert (marker.scale.x, marker.scale.y, marker.scale.z) == (1.0, 1.0, 1.0)
    assert (marker.color, marker.colors) == (WHITE, [])
    heights = [point.x + point.y + point.z for point in marker.points]
    assert heights == [1, 2, 3, 1, 3, 4, 4, 3, 2]


def test_colours_are_those_of_the_points_or_else_of_the_cells_counted_through_all_kinds() -> None:
    cells = [[n / 8, 0, 0, 1] for n in range(4)]
    points = [[0, n / 8, 0, 1] for n in range(4)]
    attributes = [
        codec.Attribute(AttributeType.CELL_RGBA, 'c', cells),
        codec.Attribute(AttributeType.CELL_RGBA, 'd', np.zeros((4, 4))),
        codec.Attribute(AttributeType.POINT_RGBA, 'p', points),
    ]
    fields: dict[str, Any] = {
        'vertices': [[0]],
        'lines': [[0, 1]],
        'polygons': [[0, 1, 2]],
        'triangle_strips': [[3, 2, 1]],
    }
    marker = to_marker(codec.PolyData(np.zeros((4, 3)), attributes=attributes[:2], **fields))
    assert [color.r for color in marker.colors] == [2 / 8] * 3 + [3 / 8] * 3
    marker = to_marker(codec.PolyData(np.zeros((4, 3)), attributes=attributes, **fields))
    assert [color.g for color in marker.colors] == [n / 8 for n in (0, 1, 2, 3, 2, 1)]


@pytest.mark.parametrize(
    ('attribute', 'expected'),
    [
        (codec.Attribute(AttributeType.POINT_RGBA, 'a', [[0, 0, 0, 1]] * 2), 'size_mismatch'),
        (codec.Attribute(AttributeType.CELL_RGBA, 'a', [[0, 0, 0, 1]] * 3), 'size_mismatch'),
        (codec.Attribute(AttributeType.POINT_RGBA, 'a', [[0, 0, 0, 255]] * 3), 'color_range'),
        (codec.Attribute(AttributeType.CELL_RGBA, 'a', [[0, 0, math.nan, 1]]), 'color_range'),
    ],
)
def test_colours_that_are_none_are_refused(attribute: codec.Attribute, expected: str) -> None:
    content = codec.PolyData(np.zeros((3, 3)), polygons=[[0, 1, 2]], attributes=[attribute])
    assert cause(to_marker, content) == expected


def test_a_mesh_that_is_none_is_refused() -> None:
    assert cause(to_marker, codec.PolyData([[0, math.nan, 0]])) == 'not_finite'
    content = codec.PolyData(np.zeros((3, 3)), polygons=[[0, 1, 3]])
    assert cause(to_marker, content) == 'cell_index'


def test_a_triangle_list_is_read_at_its_scale_in_the_frame_of_its_pose() -> None:
    marker = triangle_list()
    marker.scale.y = 2.0
    marker.pose.position.z = 0.5
    marker.pose.orientation = Quaternion(x=0.0, y=0.0, z=math.sqrt(0.5), w=math.sqrt(0.5))
    # a quarter of a turn about z: x to y, y to -x
    expected = [(-2000.0 * n * n, 1000.0 * n, -500.0) for n in range(6)]
    content = mesh_of(marker)
    assert content.points.ravel() == pytest.approx(np.ravel(expected), abs=1e-2)
    assert content.polygons.uniform.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_colour_of_the_whole_is_that_of_each_point_unless_it_is_white() -> None:
    assert mesh_of(triangle_list()).attributes == ()
    (attribute,) = mesh_of(triangle_list(color=RED)).attributes
    assert attribute.attribute_type == AttributeType.POINT_RGBA
    assert attribute.values.tolist() == [[1.0, 0.0, 0.0, 0.5]] * 6


def test_colours_of_corners_and_of_triangles_are_told_apart() -> None:
    (attribute,) = mesh_of(triangle_list(colors=[RED, BLUE])).attributes
    assert attribute.attribute_type == AttributeType.CELL_RGBA
    assert attribute.values.tolist() == [[1.0, 0.0, 0.0, 0.5], [0.0, 0.0, 1.0, 1.0]]
    (attribute,) = mesh_of(triangle_list(colors=[RED] * 6, color=BLUE)).attributes
    assert attribute.attribute_type == AttributeType.POINT_RGBA


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'type': Marker.SPHERE}, 'marker_type'),
        ({'action': Marker.DELETE}, 'marker_type'),
        ({'action': Marker.DELETEALL}, 'marker_type'),
        ({'points': [Point()] * 4}, 'size_mismatch'),
        ({'colors': [RED]}, 'size_mismatch'),
        ({'colors': [RED] * 5}, 'size_mismatch'),
        ({'colors': [ColorRGBA(r=1.5)] * 6}, 'color_range'),
        ({'color': ColorRGBA(r=math.nan)}, 'color_range'),
        ({'points': [Point(), Point(), Point(y=math.inf)]}, 'not_finite'),
        ({'points': [Point(), Point(), Point(y=1e7)]}, 'out_of_range'),
    ],
)
def test_a_marker_that_is_no_mesh_is_refused(fields: dict[str, Any], expected: str) -> None:
    assert cause(mesh_of, triangle_list(**fields)) == expected


@pytest.mark.parametrize('axis', ['x', 'y', 'z'])
def test_a_marker_of_no_size_is_refused(axis: str) -> None:
    marker = triangle_list()
    setattr(marker.scale, axis, 0.0)
    assert cause(mesh_of, marker) == 'zero_scale'
    setattr(marker.scale, axis, math.nan)
    assert cause(mesh_of, marker) == 'not_finite'


def test_a_marker_of_no_orientation_is_refused() -> None:
    marker = triangle_list()
    marker.pose.orientation.w = 0.0
    assert cause(mesh_of, marker) == 'zero_quaternion'


def test_no_triangles_are_an_empty_mesh_and_an_empty_mesh_has_none() -> None:
    assert mesh_of(triangle_list(points=[])) == codec.PolyData()
    assert to_marker(codec.PolyData()).points == []


def test_a_mesh_of_more_triangles_than_can_be_made_in_time_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('ros2_igtl.convert.pairs.triangles.MAX_COUNT', 1)
    assert cause(mesh_of, triangle_list()) == 'too_many_elements'
    assert cause(to_marker, codec.PolyData(np.zeros((2, 3)))) == 'too_many_elements'

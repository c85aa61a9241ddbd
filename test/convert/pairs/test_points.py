# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.points: POINT."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PointStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from visualization_msgs.msg import Marker, MarkerArray

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs import parts
from ros2_igtl.convert.pairs.points import (
    point_from_marker_array,
    point_from_point_stamped,
    point_positions,
    point_to_marker_array,
)
from ros2_igtl.convert.pairs.pose import position_from_point_stamped


def test_b26_one_bad_point_refuses_all() -> None:
    rows: list[dict[str, Any]] = [{'position': (1, 2, 3)}, {'position': (1, np.nan, 3)}]
    with pytest.raises(ConvertError) as refusal:
        point_positions(codec.Point.from_points(rows))
    assert refusal.value.cause == 'not_finite'


def test_positions_of_points_are_in_metres() -> None:
    rows = [{'position': (1000, 2000, -500)}, {'position': (0, 0, 0)}]
    positions = point_positions(codec.Point.from_points(rows))
    assert positions == [(1.0, 2.0, -0.5), (0.0, 0.0, 0.0)]
    assert parts.position_mm(Point(x=1.0, y=2.0, z=-0.5)) == (1000.0, 2000.0, -500.0)


CONTEXT = Context('Plan', Time(sec=5), 'igtl_ras', 'Plan')


def points_of(*markers: Marker) -> Any:
    convert = point_from_marker_array
    return convert(MarkerArray(markers=list(markers))).content


def sphere(**fields: Any) -> Marker:
    """Return a sphere of 1 cm that names a frame."""
    marker = Marker(type=Marker.SPHERE, **fields)
    marker.header.frame_id = 'base'
    marker.scale.x = 0.01
    return marker


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': st.text('abc é', min_size=1, max_size=10),
                'group': st.text('abc é', max_size=5),
                'rgba': st.tuples(*[st.integers(0, 255)] * 4),
                'position': st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3),
                'size': st.floats(2.0**-10, 1e3, width=32),
            }
        ),
        max_size=4,
    )
)
def test_points_pass_through_markers_byte_by_byte(rows: Any) -> None:
    content = codec.Point.from_points(rows)
    message = point_to_marker_array(content, CONTEXT)
    received = deserialize_message(serialize_message(message), MarkerArray)
    sent = point_from_marker_array(received)
    assert sent.content == content
    assert (sent.stamp_ns, sent.frame_id) == ((5 * 10**9, 'igtl_ras') if rows else (0, ''))


def test_a_point_is_a_sphere_of_its_size_in_its_colour() -> None:
    point = {'name': 'Nasion', 'group': 'Fiducial', 'rgba': (255, 0, 51, 102), 'size': 4.0}
    content = codec.Point.from_points([{**point, 'position': (1, 2, 3)}])
    first, marker = point_to_marker_array(content, CONTEXT).markers
    assert (first.action, marker.action) == (Marker.DELETEALL, Marker.ADD)
    assert (marker.type, marker.ns, marker.text) == (Marker.SPHERE, 'Fiducial', 'Nasion')
    assert marker.pose.position == Point(x=0.001, y=0.002, z=0.003)
    assert (marker.scale.x, marker.scale.y, marker.scale.z) == (0.004, 0.004, 0.004)
    assert (marker.color.r, marker.color.b) == (1.0, 0.2)
    assert marker.pose.orientation.w == 1.0


@pytest.mark.parametrize(('size', 'width'), [(0.0, 0.001), (-1.0, 0.001), (3.0, 0.003)])
def test_a_point_of_no_size_is_shown_all_the_same(size: float, width: float) -> None:
    content = codec.Point.from_points([{'size': size}])
    _, marker = point_to_marker_array(content, CONTEXT).markers
    assert (marker.scale.x, marker.scale.y, marker.scale.z) == (width, width, width)


def test_spheres_are_points_named_by_their_text_or_by_their_number() -> None:
    content = points_of(Marker(action=Marker.DELETEALL), sphere(text='A', ns='Plan'), sphere(id=7))
    assert content.points['name'].tolist() == [b'A', b'P1']
    assert content.points['group'].tolist() == [b'Plan', b'']
    assert content.points['size'].tolist() == [10.0, 10.0]


def test_no_markers_are_no_points() -> None:
    assert points_of() == codec.Point.from_points([])


@pytest.mark.parametrize(
    ('field', 'value', 'expected'),
    [
        ('type', Marker.CUBE, 'marker_type'),
        ('type', Marker.TEXT_VIEW_FACING, 'marker_type'),
        ('ns', 'a' * 32, 'name_too_long'),
        ('text', 'a' * 64, 'name_too_long'),
    ],
)
def test_a_marker_that_is_no_point_is_refused(field: str, value: Any, expected: str) -> None:
    marker = sphere()
    setattr(marker, field, value)
    assert cause(points_of, sphere(), marker) == expected


def test_b26_one_bad_marker_refuses_all() -> None:
    marker = sphere()
    marker.pose.position.y = math.nan
    assert cause(points_of, sphere(), marker) == 'not_finite'
    marker = sphere()
    marker.scale.x = 1e7
    assert cause(points_of, sphere(), marker) == 'out_of_range'
    marker = sphere()
    marker.color.g = -0.5
    assert cause(points_of, sphere(), marker) == 'color_range'
    marker = sphere()
    marker.header.frame_id = 'tool'
    assert cause(points_of, sphere(), marker) == 'several_frames'
    content = codec.Point.from_points([{}, {'position': (0, math.nan, 0)}])
    assert cause(point_to_marker_array, content, CONTEXT) == 'not_finite'


def test_more_points_than_anybody_sets_are_refused() -> None:
    many = parts.MAX_ELEMENTS + 1
    content = codec.Point(np.zeros(many, codec.Point.dtype))
    convert = point_to_marker_array
    assert cause(convert, content, CONTEXT) == 'too_many_elements'
    assert cause(points_of, *[sphere()] * many) == 'too_many_elements'


NAN, INF = math.nan, math.inf


def test_a_point_that_is_nowhere_is_refused() -> None:
    message = PointStamped()
    message.point.z = NAN
    assert cause(position_from_point_stamped, message) == 'not_finite'
    assert cause(point_from_point_stamped, message) == 'not_finite'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.visualization_msgs."""

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
from visualization_msgs.msg import Marker, MarkerArray

from ros2_igtl import codec
from ros2_igtl.codec import AttributeType, TrajectoryType
from ros2_igtl.convert import elements, visualization_msgs
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import meshes

CONTEXT = Context('Plan', Time(sec=5), 'igtl_ras', 'Plan')
TO_ROS = visualization_msgs.trajectory_to_marker_array
FROM_ROS = visualization_msgs.trajectory_from_marker_array

positions = st.tuples(*[st.floats(-1e6, 1e6, width=32).map(lambda number: number + 0.0)] * 3)


def cause(convert: Any, *arguments: Any) -> str:
    with pytest.raises(ConvertError) as refusal:
        convert(*arguments)
    return refusal.value.cause


def trajectories(*rows: dict[str, Any]) -> codec.Trajectory:
    return codec.Trajectory.from_trajectories(
        {'trajectory_type': TrajectoryType.ENTRY_TARGET, **row} for row in rows
    )


def arrow(**fields: Any) -> Marker:
    """Return an arrow of 1 m along x that names a frame."""
    marker = Marker(type=Marker.ARROW, points=[Point(), Point(x=1.0)], **fields)
    marker.header.frame_id = 'base'
    return marker


def sent_of(*markers: Marker) -> Any:
    return FROM_ROS(MarkerArray(markers=list(markers))).content


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': st.text('abc é', min_size=1, max_size=10),
                'group': st.text('abc é', max_size=5),
                'rgba': st.tuples(*[st.integers(0, 255)] * 4),
                'entry': positions,
                'target': positions,
                'size': st.floats(2.0**-10, 1e3, width=32),
            }
        ),
        max_size=4,
    )
)
def test_trajectories_pass_through_markers_byte_by_byte(rows: Any) -> None:
    content = trajectories(*rows)
    message = deserialize_message(serialize_message(TO_ROS(content, CONTEXT)), MarkerArray)
    assert FROM_ROS(message).content == content


def test_a_new_list_takes_the_place_of_the_last() -> None:
    markers = TO_ROS(trajectories({'name': 'A'}, {'name': 'B'}), CONTEXT).markers
    assert [marker.action for marker in markers] == [Marker.DELETEALL, Marker.ADD, Marker.ADD]
    assert [marker.id for marker in markers[1:]] == [0, 1]
    assert {marker.header.frame_id for marker in markers} == {'igtl_ras'}
    (marker,) = TO_ROS(trajectories(), CONTEXT).markers
    assert marker.action == Marker.DELETEALL


@pytest.mark.parametrize('trajectory_type', [TrajectoryType.ENTRY, TrajectoryType.TARGET])
def test_a_trajectory_of_one_end_is_a_sphere_there(trajectory_type: int) -> None:
    row = {'trajectory_type': trajectory_type, 'entry': (1, 2, 3), 'target': (4, 5, 6)}
    _, marker = TO_ROS(trajectories(row), CONTEXT).markers
    assert marker.type == Marker.SPHERE
    heights = {TrajectoryType.ENTRY: 0.003, TrajectoryType.TARGET: 0.006}
    assert marker.pose.position.z == heights[TrajectoryType(trajectory_type)]
    (element,) = sent_of(marker).trajectories
    assert element['trajectory_type'] == TrajectoryType.TARGET
    assert element['entry'].tolist() == element['target'].tolist()


@pytest.mark.parametrize(('size', 'width'), [(0.0, 0.001), (-1.0, 0.001), (3.0, 0.003)])
def test_what_has_no_size_is_shown_all_the_same(size: float, width: float) -> None:
    _, marker = TO_ROS(trajectories({'size': size}), CONTEXT).markers
    assert (marker.scale.x, marker.scale.y) == (width, 2 * width)


@pytest.mark.parametrize('field', ['entry', 'target', 'size'])
@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e38, 'out_of_range')])
def test_one_bad_trajectory_refuses_all(field: str, value: float, expected: str) -> None:
    array = np.zeros(2, codec.Trajectory.dtype)
    array[field][1] = value
    assert cause(TO_ROS, codec.Trajectory(array), CONTEXT) == expected


def test_a_marker_is_read_in_the_frame_of_its_pose() -> None:
    marker = arrow()
    marker.pose.position.z = 0.5
    marker.pose.orientation = Quaternion(x=0.0, y=0.0, z=math.sqrt(0.5), w=math.sqrt(0.5))
    (element,) = sent_of(marker).trajectories
    assert element['entry'].tolist() == [0.0, 0.0, 500.0]
    assert element['target'].tolist() == pytest.approx([0.0, 1000.0, 500.0], abs=1e-3)


def test_a_line_is_a_trajectory_too_and_what_deletes_is_none() -> None:
    markers = [
        Marker(action=Marker.DELETEALL),
        arrow(text='A', ns='Plan'),
        Marker(action=Marker.DELETE),
        arrow(),
    ]
    markers[3].type = Marker.LINE_STRIP
    first, second = sent_of(*markers).trajectories
    assert (first['name'], first['group']) == (b'A', b'Plan')
    assert (second['name'], second['group']) == (b'T1', b'')
    assert second['target'].tolist() == [1000.0, 0.0, 0.0]


def test_no_markers_are_no_trajectories() -> None:
    assert FROM_ROS(MarkerArray()) == Outbound(trajectories())


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'type': Marker.CUBE}, 'marker_type'),
        ({'type': Marker.LINE_LIST}, 'marker_type'),
        ({'points': []}, 'marker_type'),
        ({'points': [Point()] * 3}, 'marker_type'),
        ({'points': [Point(), Point(y=math.nan)]}, 'not_finite'),
        ({'points': [Point(), Point(y=1e7)]}, 'out_of_range'),
        ({'ns': 'a' * 32}, 'name_too_long'),
        ({'text': 'a' * 64}, 'name_too_long'),
    ],
)
def test_a_marker_that_is_no_trajectory_is_refused(fields: dict[str, Any], expected: str) -> None:
    marker = arrow()
    for name, value in fields.items():
        setattr(marker, name, value)
    assert cause(sent_of, marker) == expected


def test_a_marker_with_bad_parts_is_refused() -> None:
    marker = arrow()
    marker.pose.orientation.w = 0.0
    assert cause(sent_of, marker) == 'zero_quaternion'
    marker = arrow()
    marker.color.a = 2.0
    assert cause(sent_of, marker) == 'color_range'
    marker = arrow()
    marker.scale.x = math.nan
    assert cause(sent_of, marker) == 'not_finite'


def test_markers_in_two_frames_are_refused() -> None:
    marker = arrow()
    marker.header.frame_id = 'tool'
    assert cause(sent_of, arrow(), marker) == 'several_frames'


def test_a_longer_list_than_anybody_makes_is_refused() -> None:
    many = elements.MAX_ELEMENTS + 1
    content = codec.Trajectory(np.zeros(many, codec.Trajectory.dtype))
    assert cause(TO_ROS, content, CONTEXT) == 'too_many_elements'
    assert cause(sent_of, *[arrow()] * many) == 'too_many_elements'


# POINT


def points_of(*markers: Marker) -> Any:
    convert = visualization_msgs.point_from_marker_array
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
    message = visualization_msgs.point_to_marker_array(content, CONTEXT)
    received = deserialize_message(serialize_message(message), MarkerArray)
    sent = visualization_msgs.point_from_marker_array(received)
    assert sent.content == content
    assert (sent.stamp_ns, sent.frame_id) == ((5 * 10**9, 'igtl_ras') if rows else (0, ''))


def test_a_point_is_a_sphere_of_its_size_in_its_colour() -> None:
    point = {'name': 'Nasion', 'group': 'Fiducial', 'rgba': (255, 0, 51, 102), 'size': 4.0}
    content = codec.Point.from_points([{**point, 'position': (1, 2, 3)}])
    first, marker = visualization_msgs.point_to_marker_array(content, CONTEXT).markers
    assert (first.action, marker.action) == (Marker.DELETEALL, Marker.ADD)
    assert (marker.type, marker.ns, marker.text) == (Marker.SPHERE, 'Fiducial', 'Nasion')
    assert marker.pose.position == Point(x=0.001, y=0.002, z=0.003)
    assert (marker.scale.x, marker.scale.y, marker.scale.z) == (0.004, 0.004, 0.004)
    assert (marker.color.r, marker.color.b) == (1.0, 0.2)
    assert marker.pose.orientation.w == 1.0


@pytest.mark.parametrize(('size', 'width'), [(0.0, 0.001), (-1.0, 0.001), (3.0, 0.003)])
def test_a_point_of_no_size_is_shown_all_the_same(size: float, width: float) -> None:
    content = codec.Point.from_points([{'size': size}])
    _, marker = visualization_msgs.point_to_marker_array(content, CONTEXT).markers
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
    assert cause(visualization_msgs.point_to_marker_array, content, CONTEXT) == 'not_finite'


def test_more_points_than_anybody_sets_are_refused() -> None:
    many = elements.MAX_ELEMENTS + 1
    content = codec.Point(np.zeros(many, codec.Point.dtype))
    convert = visualization_msgs.point_to_marker_array
    assert cause(convert, content, CONTEXT) == 'too_many_elements'
    assert cause(points_of, *[sphere()] * many) == 'too_many_elements'


# POLYDATA

WHITE = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
RED = ColorRGBA(r=1.0, g=0.0, b=0.0, a=0.5)
BLUE = ColorRGBA(r=0.0, g=0.0, b=1.0, a=1.0)


def to_marker(content: codec.PolyData) -> Marker:
    return visualization_msgs.poly_data_to_marker(content, CONTEXT)


def triangle_list(**fields: Any) -> Marker:
    """Return two triangles of white."""
    marker = Marker(type=Marker.TRIANGLE_LIST, color=WHITE)
    marker.points = [Point(x=float(n), y=float(n * n), z=-1.0) for n in range(6)]
    marker.scale.x = marker.scale.y = marker.scale.z = 1.0
    for name, value in fields.items():
        setattr(marker, name, value)
    return marker


def mesh_of(marker: Marker) -> Any:
    return visualization_msgs.poly_data_from_marker(marker).content


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
    sent = visualization_msgs.poly_data_from_marker(received)
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
    monkeypatch.setattr(meshes, 'MAX_COUNT', 1)
    assert cause(mesh_of, triangle_list()) == 'too_many_elements'
    assert cause(to_marker, codec.PolyData(np.zeros((2, 3)))) == 'too_many_elements'

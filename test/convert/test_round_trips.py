# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Each row of the table there and back, with anything that both sides can hold.

What the ROS type holds of a content stands in HELD, which says what ``Lost:`` in a row's
docstrings says: it comes back as the same bytes, numbers of ROUNDED within the bound. A ROS
message comes back with lengths in metres that are those of float32 millimetres: within half a
step, 2**-24 of the length. A row that is not in HELD fails the suite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from convert.math.test_geometry import rotation
from convert.math.test_image_geometry import spacing_axes
from convert.test_conversions import CONTEXT, METADATA, PLAIN, STAMP_NS, key, leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as numpy_arrays
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message, serialize_message

from helpers.strategies import color_tables, poly_data, raws, sensors, unknowns
from ros2_igtl import codec
from ros2_igtl.convert.conversions import CONVERSIONS, Conversion

Contents = st.SearchStrategy[Any]

EXAMPLES = 30  # of each row, each way
HALF_STEP = 2.0**-24
"""Of a float32: how far a number lies from the nearest, as a part of it."""

# Parts ----------------------------------------------------------------------

millimetres = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
places = st.tuples(*[millimetres] * 3)
sizes_mm = st.floats(2.0**-10, 1e3, width=32)
steps_of_125 = st.integers(-8000, 8000).map(lambda count: 125.0 * count)  # exact in metres too
colors = st.tuples(*[st.integers(0, 255)] * 4)
bytes_ = st.integers(0, 255)
# w > 0: q and -q are one rotation
quaternions = (
    st.tuples(*[st.floats(-1.0, 1.0)] * 3, st.floats(0.01, 1.0))
    .filter(lambda q: math.hypot(*q) > 0.1)
    .map(lambda q: tuple(number / math.hypot(*q) for number in q))
)
finite = st.floats(allow_nan=False, allow_infinity=False)


def texts(size: int) -> st.SearchStrategy[str]:
    """Texts of at most so many bytes of UTF-8, without NUL."""
    return st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=size // 4)


def matrix(quaternion: Any, place: Any) -> NDArray[np.float64]:
    return np.column_stack([rotation(quaternion), place])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return lists of rows with these fields."""
    return st.lists(st.fixed_dictionaries(fields), max_size=4)


def numbered(rows: Sequence[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    return [{**row, 'name': f'{prefix}{index}'} for index, row in enumerate(rows)]


poses = st.lists(st.tuples(quaternions, places, bytes_, texts(16)), max_size=4)


def tracking_data(tools: Any, *, named: bool) -> codec.TrackingData:
    return codec.TrackingData.from_tools(
        (f'{index}{name}' if named else f'Tool{index}', kind if named else 2, matrix(q, place))
        for index, (q, place, kind, name) in enumerate(tools)
    )


def quaternion_tracking_data(tools: Any, *, named: bool) -> codec.QuaternionTrackingData:
    return codec.QuaternionTrackingData.from_tools(
        (f'{index}{name}' if named else f'Tool{index}', kind if named else 2, place, q)
        for index, (q, place, kind, name) in enumerate(tools)
    )


@st.composite
def images(draw: st.DrawFn, depths: st.SearchStrategy[int], *but: codec.ScalarType) -> Any:
    """Return whole images in RAS, of any numbers but these."""
    size = (draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(depths))
    kinds = [kind for kind in codec.ScalarType if kind not in but]
    image = codec.Image(
        b'',
        size,
        draw(st.sampled_from(kinds)),
        draw(st.integers(1, 5)),
        draw(st.sampled_from(codec.Endian)),
        axes=draw(spacing_axes),
        position=draw(places),
    )
    count = math.prod(size) * image.components * image.dtype.itemsize
    image.data = draw(st.binary(min_size=count, max_size=count))
    return image


@st.composite
def videos(draw: st.DrawFn) -> codec.Video:
    """Return whole frames in RAS of which no more is known than what a CompressedImage says."""
    fourcc = draw(st.sampled_from(['H264', 'VP90', 'X265', 'AV10', 'I420']))
    return codec.Video(
        draw(raws),
        draw(st.tuples(*[st.integers(1, 5000)] * 3)),
        fourcc,
        codec.FrameType.KEY if fourcc == 'I420' else codec.FrameType.UNKNOWN,
        axes=draw(spacing_axes),
        position=draw(places),
    )


@st.composite
def grey_frames(draw: st.DrawFn) -> codec.Video:
    width, height = 2 * draw(st.integers(1, 4)), 2 * draw(st.integers(1, 4))
    count = width * height
    return codec.Video(
        draw(st.binary(min_size=count, max_size=count)) + bytes([128]) * (count // 2),
        (width, height, 1),
        'I420',
        codec.FrameType.KEY,
        is_grayscale=True,
        axes=draw(spacing_axes),
        position=draw(places),
    )


@st.composite
def meshes(draw: st.DrawFn) -> codec.PolyData:
    """Return meshes that lie somewhere, with names that are text."""
    mesh: codec.PolyData = draw(poly_data())
    mesh.points = draw(numpy_arrays('>f4', mesh.points.shape, elements=millimetres))
    for attribute in mesh.attributes:
        attribute.name = draw(texts(40))
    return mesh


@st.composite
def triangles(draw: st.DrawFn) -> codec.PolyData:
    corners = draw(st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=4))
    points = draw(numpy_arrays('>f4', (4, 3), elements=millimetres))
    return codec.PolyData(points, polygons=np.array(corners, np.uint32).reshape(-1, 3))


@st.composite
def lone_triangles(draw: st.DrawFn) -> codec.PolyData:
    """Return triangles that share no points, each corner with a colour or none."""
    count = 3 * draw(st.integers(1, 3))
    shares = st.floats(0, 1, width=32)
    values = draw(st.none() | numpy_arrays('>f4', (count, 4), elements=shares))
    kind = codec.AttributeType.POINT_RGBA
    return codec.PolyData(
        draw(numpy_arrays('>f4', (count, 3), elements=millimetres)),
        polygons=np.arange(count).reshape(-1, 3),
        attributes=[] if values is None else [codec.Attribute(kind, 'rgba', values)],
    )


@st.composite
def clouds(draw: st.DrawFn) -> codec.PolyData:
    """Return points that float32 metres hold too, with a number and a colour each."""
    count = draw(st.integers(1, 4))
    numbers = st.floats(width=32, allow_nan=False)
    rgba = draw(numpy_arrays('u1', (count, 4))) / 255
    return codec.PolyData(
        draw(numpy_arrays('>f4', (count, 3), elements=steps_of_125)),
        vertices=np.arange(count).reshape(-1, 1),
        attributes=[
            codec.Attribute(
                codec.AttributeType.POINT_SCALARS,
                'depth',
                draw(numpy_arrays('>f4', (count, 1), elements=numbers)),
            ),
            codec.Attribute(codec.AttributeType.POINT_RGBA, 'rgba', rgba),
        ],
    )


def arrays_of(dtype: str) -> Contents:
    shapes = array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)
    return numpy_arrays(dtype, shapes).map(codec.NDArray)


def sensors_of(unit: str, count: int) -> Contents:
    numbers = st.lists(finite, min_size=count, max_size=count)
    return numbers.map(lambda values: codec.Sensor(values, unit))


# The tables -----------------------------------------------------------------

TEXT = {'name': texts(63), 'group': texts(31), 'owner': texts(19)}
SHOWN = {
    'name': texts(63).filter(bool), 'group': texts(31), 'rgba': colors, 'size': sizes_mm,
}  # fmt: skip
LINE = {'trajectory_type': st.just(3), 'entry': places, 'target': places}

HELD: dict[tuple[str, str], Contents] = {
    ('TRANSFORM', 'geometry_msgs/msg/TransformStamped'): st.builds(
        lambda *pose: codec.Transform.from_matrix(matrix(*pose)), quaternions, places
    ),
    ('TRANSFORM', 'geometry_msgs/msg/PoseStamped'): st.builds(
        lambda *pose: codec.Transform.from_matrix(matrix(*pose)), quaternions, places
    ),
    ('POSITION', 'geometry_msgs/msg/PoseStamped'): st.builds(
        lambda q, place: codec.Position(*place, *q), quaternions, places
    ),
    ('POSITION', 'geometry_msgs/msg/PointStamped'): places.map(
        lambda place: codec.Position(*place)
    ),
    ('POSITION', 'geometry_msgs/msg/TransformStamped'): st.builds(
        lambda q, place: codec.Position(*place, *q), quaternions, places
    ),
    ('TDATA', 'ros2_igtl/msg/TrackingData'): poses.map(lambda p: tracking_data(p, named=True)),
    ('TDATA', 'geometry_msgs/msg/PoseArray'): poses.map(lambda p: tracking_data(p, named=False)),
    ('QTDATA', 'ros2_igtl/msg/TrackingData'): poses.map(
        lambda p: quaternion_tracking_data(p, named=True)
    ),
    ('QTDATA', 'geometry_msgs/msg/PoseArray'): poses.map(
        lambda p: quaternion_tracking_data(p, named=False)
    ),
    ('IMAGE', 'sensor_msgs/msg/Image'): images(st.just(1), codec.ScalarType.UINT32),
    ('IMAGE', 'ros2_igtl/msg/Volume'): images(st.integers(1, 4)),
    ('POINT', 'geometry_msgs/msg/PoseArray'): some(position=places).map(
        lambda rows: codec.Point.from_points({**PLAIN, **row} for row in numbered(rows, 'P'))
    ),
    ('POINT', 'ros2_igtl/msg/PointArray'): some(
        **TEXT, rgba=colors, position=places, size=millimetres
    ).map(codec.Point.from_points),
    ('POINT', 'geometry_msgs/msg/PointStamped'): places.map(
        lambda place: codec.Point.from_points([{**PLAIN, 'name': 'P0', 'position': place}])
    ),
    ('POINT', 'visualization_msgs/msg/MarkerArray'): some(**SHOWN, position=places).map(
        codec.Point.from_points
    ),
    ('POINT', 'sensor_msgs/msg/PointCloud2'): some(
        position=st.tuples(*[steps_of_125] * 3), rgba=colors
    ).map(lambda rows: codec.Point.from_points({**PLAIN, **row} for row in numbered(rows, 'P'))),
    ('POLYDATA', 'ros2_igtl/msg/PolyData'): meshes(),
    ('POLYDATA', 'shape_msgs/msg/Mesh'): triangles(),
    ('POLYDATA', 'visualization_msgs/msg/Marker'): lone_triangles(),
    ('POLYDATA', 'sensor_msgs/msg/PointCloud2'): clouds(),
    ('VIDEO', 'sensor_msgs/msg/CompressedImage'): videos(),
    ('VIDEO', 'sensor_msgs/msg/Image'): grey_frames(),
    ('STRING', 'std_msgs/msg/String'): texts(60).map(
        lambda text: codec.String.from_raw(text.encode(), 3 if text.isascii() else 106)
    ),
    ('STATUS', 'diagnostic_msgs/msg/DiagnosticStatus'): st.builds(
        codec.Status,
        st.integers(0, 65535),
        st.integers(-(2**63), 2**63 - 1),
        texts(20),
        texts(60),
    ),
    ('CAPABILITY', 'ros2_igtl/msg/Capability'): st.lists(texts(12), max_size=4).map(
        lambda names: codec.Capability(tuple(names))
    ),
    ('SENSOR', 'ros2_igtl/msg/Sensor'): sensors(),
    ('SENSOR', 'geometry_msgs/msg/WrenchStamped'): sensors_of('N', 6),
    ('SENSOR', 'sensor_msgs/msg/JointState'): st.one_of(
        *(sensors_of(unit, 3) for unit in ('rad', 'rad/s', 'N*m'))
    ),
    ('SENSOR', 'sensor_msgs/msg/Temperature'): st.floats(0.0, 1e4).map(
        lambda kelvin: codec.Sensor([kelvin], 'K')
    ),
    ('SENSOR', 'sensor_msgs/msg/FluidPressure'): sensors_of('Pa', 1),
    ('SENSOR', 'sensor_msgs/msg/MagneticField'): sensors_of('T', 3),
    ('NDARRAY', 'std_msgs/msg/Float64MultiArray'): arrays_of('>f8') | arrays_of('>c16'),
    ('NDARRAY', 'std_msgs/msg/Float32MultiArray'): arrays_of('>f4'),
    ('NDARRAY', 'std_msgs/msg/Int8MultiArray'): arrays_of('i1'),
    ('NDARRAY', 'std_msgs/msg/UInt8MultiArray'): arrays_of('u1'),
    ('NDARRAY', 'std_msgs/msg/Int16MultiArray'): arrays_of('>i2'),
    ('NDARRAY', 'std_msgs/msg/UInt16MultiArray'): arrays_of('>u2'),
    ('NDARRAY', 'std_msgs/msg/Int32MultiArray'): arrays_of('>i4'),
    ('NDARRAY', 'std_msgs/msg/UInt32MultiArray'): arrays_of('>u4'),
    ('TRAJ', 'ros2_igtl/msg/TrajectoryArray'): some(
        **TEXT, **{**LINE, 'trajectory_type': bytes_}, rgba=colors, size=millimetres
    ).map(codec.Trajectory.from_trajectories),
    ('TRAJ', 'nav_msgs/msg/Path'): st.fixed_dictionaries(LINE).map(
        lambda line: codec.Trajectory.from_trajectories([{**PLAIN, 'name': 'T0', **line}])
    ),
    ('TRAJ', 'visualization_msgs/msg/MarkerArray'): some(**SHOWN, **LINE).map(
        codec.Trajectory.from_trajectories
    ),
    ('IMGMETA', 'ros2_igtl/msg/ImageMetaArray'): some(
        name=texts(63),
        device_name=texts(19),
        modality=texts(31),
        patient_name=texts(63),
        patient_id=texts(63),
        timestamp=st.integers(0, 2**31 * 10**9 - 1).map(codec.timestamp.from_nanoseconds),
        size=st.tuples(*[st.integers(0, 65535)] * 3),
        scalar_type=bytes_,
    ).map(codec.ImageMeta.from_images),
    ('LBMETA', 'ros2_igtl/msg/LabelMetaArray'): some(
        name=texts(63),
        device_name=texts(19),
        label=bytes_,
        rgba=colors,
        size=st.tuples(*[st.integers(0, 65535)] * 3),
        owner=texts(19),
    ).map(codec.LabelMeta.from_labels),
    ('VIDEOMETA', 'ros2_igtl/msg/VideoMetaArray'): some(
        name=texts(63),
        device_name=texts(63),
        patient_name=texts(63),
        patient_id=texts(63),
        zoom_level=st.integers(-(2**15), 2**15 - 1),
        focal_length=st.integers(-100, 100).map(lambda metres: 1000.0 * metres),
        size=st.tuples(*[st.integers(0, 65535)] * 3),
        axes=st.tuples(*[places] * 3),
        position=places,
        scalar_type=bytes_,
    ).map(codec.VideoMeta.from_videos),
    ('COLORT', 'ros2_igtl/msg/ColorTable'): color_tables(),
    ('*', 'ros2_igtl/msg/RawMessage'): unknowns,
}
"""What of the contents of a row's type its ROS type holds, so that it comes back."""


class Rounded(NamedTuple):
    """
    Numbers of a body that come back within a bound.

    :ivar begin: their first byte, of each element of a list.
    :ivar end: the byte behind them.
    :ivar step: bytes of an element; 0: the body is none.
    """

    begin: int
    end: int
    bound: float
    step: int = 0
    dtype: str = '>f4'


ROUNDED: dict[str, Rounded] = {
    'TRANSFORM': Rounded(0, 36, 5e-7),  # a rotation, which is made one
    'TDATA': Rounded(22, 58, 5e-7, codec.TrackingData.dtype.itemsize),
    'POSITION': Rounded(12, 28, 2e-7),  # a quaternion, which is made one of length 1
    'QTDATA': Rounded(34, 50, 2e-7, codec.QuaternionTrackingData.dtype.itemsize),
    'IMAGE': Rounded(48, 60, 1e-9),  # the centre, which is found again from the first voxel
    'VIDEO': Rounded(52, 64, 1e-9),
    'sensor_msgs/msg/Temperature': Rounded(10, 18, 1e-11, dtype='>f8'),  # from Celsius
}
"""By type name or ROS type."""

LENGTHS = {
    *('Point.x', 'Point.y', 'Point.z', 'Transform.translation', 'LabeledPoint.size'),
    *('Trajectory.size', 'VideoMeta.focal_length', 'PolyData.points', 'Marker.scale'),
    *('Volume.ijk_to_frame', 'ImageGeometry.ijk_to_frame'),
    *('VideoMeta.i_axis', 'VideoMeta.j_axis', 'VideoMeta.k_axis'),
}
"""Fields of ROS messages that are metres, numbers of float64."""

OF_LENGTH = re.compile(
    r'\.(position|point|translation|entry|target|points\.\d+|vertices\.\d+|scale|center|[ijk]_axis)'
    r'\.[xyz]$'
    r'|\.(size|focal_length|points\.\d+)$'
)
OF_ROTATION = re.compile(r'\.(orientation|rotation)\.[xyzw]$')
ROTATION_BOUND = 5e-7


# There and back -------------------------------------------------------------


def body(content: codec.Content) -> bytearray:
    return bytearray(codec.pack(codec.Message(content, 'Stylus'))[58:])


def received(content: codec.Content) -> Any:
    """Return a content as it is when it comes from a peer."""
    return codec.unpack(codec.pack(codec.Message(content, 'Stylus'))).content


def through_dds(message: Any) -> Any:
    return deserialize_message(serialize_message(message), type(message))


def companion_of(row: Conversion) -> Conversion | None:
    for other in CONVERSIONS:
        if row.reads_sibling and (other.type_name, other.sibling) == (
            row.type_name,
            row.reads_sibling,
        ):
            return other
    return None


def to_ros(row: Conversion, content: codec.Content) -> list[Any]:
    """Return the one message that a content becomes, and its companion if it has one."""
    messages = []
    for one in (row, companion_of(row)):
        if one is not None:
            assert one.to_ros is not None
            (message,) = one.to_ros(content, CONTEXT)
            messages.append(through_dds(message))
    return messages


def from_ros(row: Conversion, messages: Sequence[Any]) -> codec.Content:
    assert row.from_ros is not None
    (sent,) = row.from_ros(*messages)
    assert sent.stamp_ns in (0, STAMP_NS)
    assert sent.metadata in ({}, METADATA)
    return sent.content


def assert_same_bytes(row: Conversion, content: codec.Content, back: codec.Content) -> None:
    """Compare two contents by what they are packed to, but for what is rounded."""
    expected, actual = body(content), body(back)
    rounded = ROUNDED.get(row.ros_type_name) or ROUNDED.get(row.type_name)
    if rounded is not None:
        for start in range(0, len(expected), rounded.step or len(expected)):
            place = slice(start + rounded.begin, start + rounded.end)
            numbers = [
                np.frombuffer(bytes(data[place]), rounded.dtype) for data in (expected, actual)
            ]
            np.testing.assert_allclose(numbers[1], numbers[0], rtol=0.0, atol=rounded.bound)
            actual[place] = expected[place]
    assert actual == expected


def scale_lengths(message: Any, factor: float) -> None:
    """Multiply all metres of a message, so that few are float32 millimetres any more."""
    for name in message.get_fields_and_field_types():
        value = getattr(message, name)
        if f'{type(message).__name__}.{name}' not in LENGTHS:
            for part in value if isinstance(value, list) else [value]:
                if hasattr(part, 'get_fields_and_field_types'):
                    scale_lengths(part, factor)
        elif isinstance(value, float):
            setattr(message, name, value * factor)
        elif hasattr(value, 'x'):
            value.x, value.y, value.z = (value.x * factor, value.y * factor, value.z * factor)
        else:
            setattr(message, name, [number * factor for number in value])


def bounds_of_matrix(size: Sequence[int], numbers: Any) -> NDArray[np.float64]:
    """
    Return how far each number of an ijk_to_frame may lie from where it was, metres.

    The origin is told by the centre, and so is as exact as the centre and half of the axes are.
    """
    matrix = np.abs(np.reshape(numbers, (3, 4)))
    half = np.maximum(np.array(size, float) - 1, 0) / 2
    centre = np.abs(np.reshape(numbers, (3, 4)) @ [*half, 1.0])
    matrix[:, 3] = centre + matrix[:, :3] @ half
    return (HALF_STEP * matrix).ravel()


def assert_same_message(actual: Any, expected: Any) -> None:
    """Compare two messages; what is no length and no rotation is the same."""
    if actual == expected:
        return
    actual_leaves, expected_leaves = dict(leaves(actual)), dict(leaves(expected))
    assert actual_leaves.keys() == expected_leaves.keys()
    matrix = getattr(expected, 'ijk_to_frame', ())
    bounds = bounds_of_matrix(expected.size, matrix) if len(matrix) else ()
    matrices = {f'.ijk_to_frame.{place}': bound for place, bound in enumerate(bounds)}
    for path, value in expected_leaves.items():
        back = actual_leaves[path]
        if not isinstance(value, (float, np.floating)) or back == value:
            assert back == value, path
        elif math.isnan(value):
            assert math.isnan(back), path
        else:
            bound = matrices.get(path, 0.0)
            if OF_LENGTH.search(path):
                bound = HALF_STEP * abs(value)
            elif OF_ROTATION.search(path):
                bound = ROTATION_BOUND
            # numbers of float64 are rounded on the way too; the least float32 is 1e-45
            assert abs(back - value) <= bound * (1 + 1e-6) + 1e-15 * abs(value) + 1e-48, path


TWO_WAYS = [row for row in CONVERSIONS if row.from_ros is not None]
rows = pytest.mark.parametrize('row', TWO_WAYS, ids=lambda row: '-'.join(key(row)))


def test_no_row_is_without_contents_that_it_holds() -> None:
    assert [*HELD.keys() - map(key, TWO_WAYS), *map(key, TWO_WAYS) - HELD.keys()] == []


@rows
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_what_a_row_holds_comes_back_from_ros_byte_by_byte(
    row: Conversion, data: st.DataObject
) -> None:
    content = received(data.draw(HELD[key(row)]))
    assert_same_bytes(row, content, from_ros(row, to_ros(row, content)))


@rows
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_a_message_comes_back_from_the_wire_in_metres_of_float32_millimetres(
    row: Conversion, data: st.DataObject
) -> None:
    messages = to_ros(row, received(data.draw(HELD[key(row)])))
    factor = data.draw(st.floats(0.999, 1.001))
    for message in messages:
        if row.ros_type_name != 'visualization_msgs/msg/Marker':  # whose scale is of its points
            scale_lengths(message, factor)
    back = to_ros(row, received(from_ros(row, messages)))
    for actual, expected in zip(back, messages, strict=True):
        assert_same_message(actual, expected)

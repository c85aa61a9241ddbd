# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.mesh_display: POLYDATA as RViz shows it, clouds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from helpers.conversions import assert_within_a_step, cause, make_cloud, positions_m
from helpers.strategies import poly_data
from ros2_igtl import codec
from ros2_igtl.codec import AttributeType
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs import point_cloud
from ros2_igtl.convert.pairs.mesh_display import (
    poly_data_from_point_cloud,
    poly_data_to_point_cloud,
)
from ros2_igtl.convert.pairs.points import point_from_point_cloud

CONTEXT = Context('Scan', Time(sec=5, nanosec=6), 'igtl_ras', 'Scan')
HEADER = Header(stamp=CONTEXT.stamp, frame_id='igtl_ras')


def cloud(positions: Any, **columns: Any) -> PointCloud2:
    return make_cloud(HEADER, positions, **columns)


def test_b35_a_dense_cloud_with_a_point_that_is_nowhere_is_refused() -> None:
    message = cloud([[0, 0, 0], [math.nan, 0, 0]])
    assert cause(point_from_point_cloud, message) == 'not_finite'
    assert cause(poly_data_from_point_cloud, message) == 'not_finite'
    message.is_dense = False
    sent: Any = point_from_point_cloud(message).content
    assert sent.points['position'].tolist() == [[0, 0, 0]]
    message = cloud([[1.1e6, 0, 0]])
    assert cause(point_from_point_cloud, message) == 'out_of_range'


@given(poly_data())
def test_any_mesh_that_has_a_cloud_becomes_one_or_is_refused(content: codec.PolyData) -> None:
    refused = ''
    try:
        message = poly_data_to_point_cloud(content, CONTEXT)
    except ConvertError as error:
        refused = error.cause
    if refused:
        assert refused in ('not_finite', 'out_of_range', 'color_range', 'size_mismatch')
        return
    assert message.width == len(content.points)
    back: Any = poly_data_from_point_cloud(message).content
    assert_within_a_step(back.points, content.points)


def attributes(count: int) -> list[codec.Attribute]:
    """Return one attribute of each kind of points that a cloud has a place for."""
    numbers = np.arange(count * 4).reshape(count, 4)
    return [
        codec.Attribute(AttributeType.POINT_SCALARS, 'depth', numbers[:, 0] / 8),
        codec.Attribute(AttributeType.POINT_NORMALS, 'normals', numbers[:, 1:] / 16),
        codec.Attribute(AttributeType.POINT_SCALARS, 'pair', numbers[:, :2] - 0.5),
        codec.Attribute(AttributeType.POINT_RGBA, 'rgba', numbers % 256 / 255),
    ]


@given(
    arrays(
        '>f4',
        st.tuples(st.integers(0, 5), st.just(3)),
        # metres of float32 without rounding: eighths of a metre
        elements=st.integers(-8000, 8000).map(lambda number: 125.0 * number),
    ),
    st.permutations(range(4)),
)
def test_what_a_cloud_has_a_place_for_comes_back_byte_by_byte(points: Any, order: Any) -> None:
    content = codec.PolyData(
        points,
        vertices=np.arange(len(points)).reshape(-1, 1),
        attributes=[attributes(len(points))[index] for index in order],
    )
    message = poly_data_to_point_cloud(content, CONTEXT)
    sent = poly_data_from_point_cloud(message)
    assert sent.content == content
    assert sent[1:4] == (5_000_000_006, 'igtl_ras', '')


@given(
    positions_m,
    st.dictionaries(
        st.text("xyz é'/", min_size=1, max_size=4).filter(lambda name: name not in 'xyz'),
        st.sampled_from(['<f4', '<u2', 'i1', '>f8']),
        max_size=3,
    ),
)
def test_any_cloud_comes_back_with_all_its_fields(positions: Any, kinds: Any) -> None:
    columns = {
        name: np.arange(len(positions)).astype(code.replace('>', '<'))
        for name, code in kinds.items()
    }
    sent = poly_data_from_point_cloud(cloud(positions, **columns))
    packed = codec.unpack(codec.pack(codec.Message(sent.content))).content
    message = poly_data_to_point_cloud(packed, CONTEXT)
    read = point_cloud.read_cloud(message)
    assert_within_a_step(read.positions, positions)
    assert list(read.columns) == list(columns)
    for name, column in columns.items():
        assert np.array_equal(read.columns[name], column)


def test_normals_are_three_fields_as_pcl_has_them() -> None:
    content = codec.PolyData(np.zeros((2, 3)), attributes=[attributes(2)[1]])
    message = poly_data_to_point_cloud(content, CONTEXT)
    names = [field.name for field in message.fields]
    assert names == ['x', 'y', 'z', 'normal_x', 'normal_y', 'normal_z']
    assert {field.datatype for field in message.fields} == {PointField.FLOAT32}


def test_some_of_three_normals_are_numbers_like_others() -> None:
    numbers = np.arange(2, dtype='<f4')
    message = cloud(np.zeros((2, 3)), normal_x=numbers, normal_y=numbers)
    sent: Any = poly_data_from_point_cloud(message).content
    assert [(a.attribute_type, a.name) for a in sent.attributes] == [
        (AttributeType.POINT_SCALARS, 'normal_x'),
        (AttributeType.POINT_SCALARS, 'normal_y'),
    ]


def test_names_that_are_empty_or_taken_get_underscores() -> None:
    names = ['', 'x', 'a', 'a', 'rgb', 'rgba', 'normal_y']
    content = codec.PolyData(
        np.zeros((1, 3)),
        attributes=[
            *(codec.Attribute(AttributeType.POINT_VECTORS, name, [[1, 2, 3]]) for name in names),
            codec.Attribute(AttributeType.POINT_RGBA, 'b', [[0, 0, 0, 1]]),
            codec.Attribute(AttributeType.POINT_RGBA, 'b', [[0, 0, 0, 1]]),
            codec.Attribute(AttributeType.POINT_NORMALS, 'n', [[1, 0, 0]]),
            codec.Attribute(AttributeType.POINT_NORMALS, 'n', [[0, 1, 0]]),
        ],
    )
    message = poly_data_to_point_cloud(content, CONTEXT)
    assert [(field.name, field.count) for field in message.fields[3:]] == [
        ('_', 3),
        ('x_', 3),
        ('a', 3),
        ('a_', 3),
        ('rgb_', 3),
        ('rgba_', 3),
        ('normal_y_', 3),
        ('rgba', 1),
        ('b', 4),
        ('normal_x', 1),
        ('normal_y', 1),
        ('normal_z', 1),
        ('n', 3),
    ]


def test_what_belongs_to_cells_is_left_out_whatever_its_length() -> None:
    attribute = codec.Attribute(AttributeType.CELL_SCALARS, 'area', [1, 2, 3, 4, 5])
    content = codec.PolyData(np.zeros((3, 3)), polygons=[[0, 1, 2]], attributes=[attribute])
    message = poly_data_to_point_cloud(content, CONTEXT)
    assert [field.name for field in message.fields] == ['x', 'y', 'z']


@pytest.mark.parametrize(
    ('attribute', 'expected'),
    [
        (codec.Attribute(AttributeType.POINT_SCALARS, 'a', [1, 2]), 'size_mismatch'),
        (codec.Attribute(AttributeType.POINT_RGBA, 'a', [[0, 0, 0, 2]] * 3), 'color_range'),
    ],
)
def test_an_attribute_that_is_none_of_the_points_is_refused(
    attribute: codec.Attribute, expected: str
) -> None:
    content = codec.PolyData(np.zeros((3, 3)), attributes=[attribute])
    assert cause(poly_data_to_point_cloud, content, CONTEXT) == expected


def test_numbers_that_float32_does_not_have_are_refused_and_nan_is_a_number() -> None:
    column = np.array([1e39, math.nan])
    message = cloud(np.zeros((2, 3)), time=column)
    assert cause(poly_data_from_point_cloud, message) == 'out_of_range'
    message = cloud(np.zeros((2, 3)), time=np.array([math.inf, math.nan]))
    sent: Any = poly_data_from_point_cloud(message).content
    assert sent.attributes[0].values.tolist()[0] == [math.inf]
    assert math.isnan(sent.attributes[0].values[1, 0])


def test_a_name_that_no_attribute_can_have_is_refused() -> None:
    column = np.zeros(1, '<f4')
    longest = cloud(np.zeros((1, 3)), **{'é' * 127: column})
    codec.pack(codec.Message(poly_data_from_point_cloud(longest).content))
    message = cloud(np.zeros((1, 3)), **{'é' * 128: column})
    assert cause(poly_data_from_point_cloud, message) == 'name_too_long'

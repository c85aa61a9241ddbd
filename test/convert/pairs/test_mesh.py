# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.mesh: POLYDATA."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from helpers.strategies import poly_data
from ros2_igtl import codec
from ros2_igtl.codec import AttributeType
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.mesh import poly_data_from_poly_data, poly_data_to_poly_data
from ros2_igtl.msg import PolyData, PolyDataAttribute, PolyDataCells

CONTEXT = Context('Liver', Time(sec=5, nanosec=6), 'igtl_ras', 'Liver')
TO_ROS = poly_data_to_poly_data
FROM_ROS = poly_data_from_poly_data
KINDS = ('vertices', 'lines', 'polygons', 'triangle_strips')


def cause(message: PolyData) -> str:
    with pytest.raises(ConvertError) as refusal:
        FROM_ROS(message)
    return refusal.value.cause


def mesh(**fields: Any) -> PolyData:
    """Return a valid mesh of three points."""
    return PolyData(**{'points': [0.001 * number for number in range(9)], **fields})


def is_text(name: str) -> bool:
    return name.isprintable() and '\ufffd' not in name


@given(poly_data())
def test_any_mesh_comes_back_byte_by_byte(content: codec.PolyData) -> None:
    is_near = np.isfinite(content.points) & (np.abs(content.points) < 1e9)
    content.points = np.where(is_near, content.points, np.array(7, '>f4'))
    for number, attribute in enumerate(content.attributes):
        if not is_text(attribute.name):  # bytes that are no UTF-8, which no ROS string has
            attribute.name = f'é{number}'
    message = TO_ROS(content, CONTEXT)
    received = deserialize_message(serialize_message(message), PolyData)
    assert received.header.frame_id == 'igtl_ras'
    sent = FROM_ROS(received)
    assert sent[1:4] == (5_000_000_006, 'igtl_ras', '')
    assert codec.pack(codec.Message(sent.content)) == codec.pack(codec.Message(content))


rows = st.lists(st.lists(st.integers(0, 2), max_size=4), max_size=4)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=9),
    st.fixed_dictionaries(dict.fromkeys(KINDS, rows)),
    st.lists(st.floats(width=32, allow_nan=False), max_size=6),
)
def test_any_message_comes_back_in_metres_of_float32_millimetres(
    points: list[float], cells: dict[str, list[list[int]]], values: list[float]
) -> None:
    message = PolyData(
        points=points,
        **{
            name: PolyDataCells(
                offsets=[0, *np.cumsum([len(row) for row in given_rows], dtype=int).tolist()],
                indices=[index for row in given_rows for index in row],
            )
            for name, given_rows in cells.items()
        },
        attributes=[PolyDataAttribute(name='a', attribute_type=0, components=1, values=values)],
    )
    packed = codec.unpack(codec.pack(codec.Message(FROM_ROS(message).content))).content
    for name, given_rows in cells.items():
        assert [row.tolist() for row in getattr(packed, name).rows()] == given_rows
    back = TO_ROS(packed, CONTEXT)
    assert list(back.points) == pytest.approx(points, rel=2**-24, abs=1e-45)
    assert all(getattr(back, name) == getattr(message, name) for name in (*KINDS, 'attributes'))


def test_bulk_data_are_arrays_and_not_copies_made_one_by_one() -> None:
    content = codec.PolyData(
        [[1, 2, 3]] * 3,
        polygons=[[0, 1, 2]],
        attributes=[codec.Attribute(AttributeType.POINT_SCALARS, 'a', [1, 2, 3])],
    )
    message = TO_ROS(content, CONTEXT)
    assert isinstance(message.points, array)
    assert isinstance(message.polygons.indices, array)
    assert isinstance(message.attributes[0].values, array)
    assert message.points.tolist() == [0.001, 0.002, 0.003] * 3


def test_the_constants_are_those_of_the_protocol() -> None:
    for kind in AttributeType:
        assert getattr(PolyDataAttribute, kind.name) == kind


def test_an_empty_mesh_is_one() -> None:
    assert FROM_ROS(PolyData()).content == codec.PolyData()
    assert FROM_ROS(TO_ROS(codec.PolyData(), CONTEXT)).content == codec.PolyData()


@pytest.mark.parametrize(('value', 'expected'), [(math.nan, 'not_finite'), (1e7, 'out_of_range')])
def test_one_bad_point_refuses_the_mesh(value: float, expected: str) -> None:
    assert cause(mesh(points=[0.0, 0.0, value])) == expected
    content = codec.PolyData([[0.0, 0.0, value * 1000]])
    with pytest.raises(ConvertError) as refusal:
        TO_ROS(content, CONTEXT)
    assert refusal.value.cause == expected


@pytest.mark.parametrize(
    'cells',
    [
        {'offsets': [], 'indices': [0]},
        {'offsets': [0], 'indices': [0]},
        {'offsets': [1, 3], 'indices': [0, 1, 2]},
        {'offsets': [0, 2], 'indices': [0, 1, 2]},
        {'offsets': [0, 4], 'indices': [0, 1, 2]},
        {'offsets': [0, 2, 1, 3], 'indices': [0, 1, 2]},
        {'offsets': [0, 2**32 - 1, 3], 'indices': [0, 1, 2]},
    ],
)
@pytest.mark.parametrize('kind', KINDS)
def test_offsets_that_do_not_fit_the_indices_are_refused(kind: str, cells: dict[str, Any]) -> None:
    FROM_ROS(mesh(**{kind: PolyDataCells(offsets=[0, 3], indices=[0, 1, 2])}))
    assert cause(mesh(**{kind: PolyDataCells(**cells)})) == 'size_mismatch'


@pytest.mark.parametrize('index', [3, 2**32 - 1])
@pytest.mark.parametrize('kind', KINDS)
def test_b27_a_cell_with_a_point_that_is_not_there_is_refused(kind: str, index: int) -> None:
    cells = PolyDataCells(offsets=[0, 3], indices=[0, 1, index])
    assert cause(mesh(**{kind: cells})) == 'cell_index'


@pytest.mark.parametrize('count', [1, 8, 10])
def test_points_of_less_than_three_numbers_are_refused(count: int) -> None:
    assert cause(PolyData(points=[0.0] * count)) == 'size_mismatch'


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'components': 0}, 'size_mismatch'),
        ({'components': 2}, 'size_mismatch'),
        ({'attribute_type': 6}, 'attribute'),
        ({'attribute_type': PolyDataAttribute.POINT_RGBA}, 'attribute'),
        ({'attribute_type': PolyDataAttribute.CELL_VECTORS, 'components': 1}, 'attribute'),
        ({'name': 'x' * 256}, 'name_too_long'),
    ],
)
def test_an_attribute_that_openigtlink_does_not_have_is_refused(
    fields: dict[str, Any], expected: str
) -> None:
    valid = {'name': 'x' * 255, 'components': 3, 'values': [1.0, 2.0, 3.0]}
    FROM_ROS(mesh(attributes=[PolyDataAttribute(**valid)]))
    assert cause(mesh(attributes=[PolyDataAttribute(**{**valid, **fields})])) == expected

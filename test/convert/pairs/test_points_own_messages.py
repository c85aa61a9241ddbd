# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.points: POINT, own messages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.points import point_from_point_array, point_to_point_array
from ros2_igtl.msg import LabeledPoint, PointArray

CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': st.text(max_size=10).filter(lambda t: t.isprintable()),
                'group': st.text(max_size=5).filter(lambda t: t.isprintable()),
                'rgba': st.tuples(*[st.integers(0, 255)] * 4),
                'position': st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3),
                'size': st.floats(0, 1e3, width=32),
                'owner': st.text(max_size=4).filter(lambda t: t.isprintable()),
            }
        ),
        max_size=4,
    )
)
def test_b26_points_pass_through_ros_byte_by_byte(points: list[dict[str, Any]]) -> None:
    content = codec.Point.from_points(points)
    message = point_to_point_array(content, CONTEXT)
    assert point_from_point_array(message).content == content


def test_b26_every_colour_survives_float32() -> None:
    for value in range(256):
        message = LabeledPoint()
        message.color.r = float(np.float32(value / 255.0))
        sent: Any = point_from_point_array(PointArray(points=[message]))
        assert sent.content.points['rgba'][0].tolist() == [value, 0, 0, 0]


@pytest.mark.parametrize(('value', 'byte'), [(0.999, 255), (0.001, 0), (0.25, 64), (0.2, 51)])
def test_a_colour_between_two_steps_takes_the_nearer(value: float, byte: int) -> None:
    message = LabeledPoint()
    message.color.g = value
    sent: Any = point_from_point_array(PointArray(points=[message]))
    assert sent.content.points['rgba'][0].tolist() == [0, byte, 0, 0]


@pytest.mark.parametrize('component', ['r', 'g', 'b', 'a'])
@pytest.mark.parametrize('value', [-0.01, 1.01, math.nan, math.inf])
def test_a_colour_that_is_none_is_refused(component: str, value: float) -> None:
    message = LabeledPoint()
    setattr(message.color, component, value)
    convert = point_from_point_array
    assert cause(convert, PointArray(points=[message])) == 'color_range'


@pytest.mark.parametrize(('field', 'size'), [('name', 64), ('group', 32), ('owner', 20)])
def test_a_name_that_fills_its_field_is_refused(field: str, size: int) -> None:
    convert = point_from_point_array
    longest = LabeledPoint(**{field: 'a' * (size - 1)})
    sent: Any = convert(PointArray(points=[longest]))
    assert sent.content.points[field][0] == b'a' * (size - 1)
    message = PointArray(points=[LabeledPoint(**{field: 'a' * size})])
    assert cause(convert, message) == 'name_too_long'


@pytest.mark.parametrize(
    ('field', 'value'), [('position', (1.0, math.nan, 3.0)), ('size', math.nan)]
)
def test_b26_nan_in_one_point_refuses_the_list(field: str, value: Any) -> None:
    rows: list[dict[str, Any]] = [{'name': 'A'}, {'name': 'B', field: value}]
    content = codec.Point.from_points(rows)
    assert cause(point_to_point_array, content, CONTEXT) == 'not_finite'
    message = LabeledPoint()
    if field == 'size':
        message.size = math.nan
    else:
        message.position.y = math.nan
    points = PointArray(points=[message])
    assert cause(point_from_point_array, points) == 'not_finite'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.math.positions against the same for one position."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import geometry, positions

float32s = st.floats(-1e9, 1e9, width=32)


@given(arrays('>f4', st.tuples(st.integers(0, 5), st.just(3)), elements=float32s))
def test_many_positions_are_converted_as_one_is_and_come_back_bit_by_bit(values: Any) -> None:
    metres = positions.metres(values)
    assert metres.shape == values.shape
    assert metres.tolist() == [list(geometry.metres(*row)) for row in values.tolist()]
    back = positions.millimetres(metres)
    assert back.tolist() == [list(geometry.millimetres(*row)) for row in metres.tolist()]
    assert back.astype('>f4').tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ('value', 'cause'),
    [
        (math.nan, 'not_finite'),
        (math.inf, 'not_finite'),
        (-math.inf, 'not_finite'),
        (1.1e9, 'out_of_range'),
        (-1.1e9, 'out_of_range'),
    ],
)
@pytest.mark.parametrize('place', [0, 4, 8])
def test_b26_one_bad_number_refuses_all(place: int, value: float, cause: str) -> None:
    numbers = np.zeros(9)
    numbers[place] = value
    for convert, values in ((positions.metres, numbers), (positions.millimetres, numbers / 1000)):
        with pytest.raises(ConvertError) as refusal:
            convert(values.reshape(3, 3))
        assert refusal.value.cause == cause


def test_a_number_that_only_float64_has_is_out_of_range() -> None:
    with pytest.raises(ConvertError, match=r'1\.7e\+308|inf mm') as refusal:
        positions.millimetres(np.array([[1.7e308, 0.0, 0.0]]))
    assert refusal.value.cause == 'out_of_range'


def test_a_signalling_nan_is_refused_without_a_warning() -> None:
    numbers = np.frombuffer(bytes.fromhex('7fa00000') * 3, '>f4').reshape(1, 3)
    for convert in (positions.metres, positions.millimetres):
        with pytest.raises(ConvertError) as refusal:
            convert(numbers)
        assert refusal.value.cause == 'not_finite'

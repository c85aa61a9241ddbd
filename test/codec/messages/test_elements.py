# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.contents import content_bytes
from ros2_igtl import codec


def test_the_elements_view_the_received_bytes() -> None:
    data = bytearray(codec.pack(codec.Message(codec.Point.from_points([{'size': 1.0}]))))
    message = codec.unpack(data)
    assert np.shares_memory(message.content.elements, np.frombuffer(data, np.uint8))


@pytest.mark.parametrize('repeats', [1, 100])
def test_elements_are_packed_as_they_are_without_their_gaps(repeats: int) -> None:
    few = codec.Point.from_points([{'size': float(index)} for index in range(6)]).points
    elements = np.tile(few, repeats)
    assert content_bytes(codec.Point(elements)) == few.tobytes() * repeats
    assert content_bytes(codec.Point(elements[::2])) == repeats * b''.join(
        few[index].tobytes() for index in (0, 2, 4)
    )


def test_many_elements_are_packed_without_a_copy() -> None:
    elements = np.zeros(1000, codec.Point.dtype)
    (part,) = codec.Point(elements).pack_parts()
    assert np.shares_memory(part, elements)


def test_a_field_that_the_type_lacks_is_refused() -> None:
    with pytest.raises(
        codec.ValueRangeError, match="POINT has no field 'colour'; name, group, rgba"
    ):
        codec.Point.from_points([{'name': 'a'}, {'colour': (1, 2, 3, 4)}])


@pytest.mark.parametrize(
    'elements',
    [
        np.zeros((2, 2), codec.Point.dtype),
        np.zeros((), codec.Point.dtype),
        np.zeros(2, codec.TrackingData.dtype),
        np.zeros(2, np.uint8),
    ],
    ids=['two dimensions', 'none', 'another type', 'bytes'],
)
def test_an_array_of_another_shape_or_dtype_is_refused(elements: NDArray[Any]) -> None:
    with pytest.raises(codec.ValueRangeError, match=r'POINT takes an array of shape \(n,\)'):
        codec.Point(elements)


def test_lists_are_equal_by_type_and_bytes() -> None:
    empty = codec.Point.from_points([])
    assert empty == codec.Point(np.zeros(0, codec.Point.dtype))
    assert empty != codec.TrackingData.from_tools([])
    assert empty != codec.Point.from_points([{}])
    assert empty != []
    assert len(codec.Point.from_points([{}, {}])) == 2
    assert repr(empty).startswith('Point(array([]')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
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


def test_what_is_not_given_is_empty_or_zero_in_that_element_alone() -> None:
    array = codec.ImageMeta.array_of([{'name': 'a'}, {'timestamp': 5}, {}])
    assert array['name'].tolist() == [b'a', b'', b'']
    assert array['timestamp'].tolist() == [0, 5, 0]
    assert array.dtype == codec.ImageMeta.dtype


@pytest.mark.parametrize('others', [[], [0], [2**63], [0.0]])
def test_whole_numbers_are_kept_exactly_whatever_stands_beside_them(others: list[float]) -> None:
    numbers = [2**64 - 1, 2**53 + 1, *others]
    array = codec.ImageMeta.array_of({'timestamp': number} for number in numbers)
    assert array['timestamp'].tolist() == numbers


def test_texts_may_be_given_as_bytes_that_end_at_the_nul() -> None:
    array = codec.Point.array_of([{'name': b'a\0b'}, {'name': '\u00e9'}, {'name': '\udcff'}])
    assert array['name'].tolist() == [b'a', b'\xc3\xa9', b'\xff']


def test_floats_are_rounded_to_their_field_and_may_be_none() -> None:
    array = codec.Point.array_of([{'size': 0.1}, {'size': math.inf}, {'size': math.nan}])
    assert array['size'].tobytes() == np.array([0.1, math.inf, math.nan], '>f4').tobytes()


@pytest.mark.parametrize(
    ('content_class', 'row'),
    [
        (codec.Point, {'rgba': (256, 0, 0, 0)}),
        (codec.Point, {'rgba': (0.5, 0, 0, 0)}),
        (codec.Point, {'rgba': (1, 2, 3)}),
        (codec.Point, {'rgba': 255}),
        (codec.Point, {'position': (1, 2, 'x')}),
        (codec.Point, {'size': 1e39}),
        (codec.Point, {'size': (1, 2)}),
        (codec.Point, {'size': 10**400}),
        (codec.ImageMeta, {'timestamp': -1}),
        (codec.ImageMeta, {'timestamp': 2**64}),
        (codec.ImageMeta, {'timestamp': 1.5}),
        (codec.ImageMeta, {'timestamp': math.nan}),
        (codec.VideoMeta, {'zoom_level': 32768}),
    ],
)
def test_a_value_that_its_field_cannot_hold_is_refused(
    content_class: type[codec.ElementList], row: dict[str, Any]
) -> None:
    for rows in ([row], [{}, row], [row, {}]):
        with pytest.raises(
            codec.ValueRangeError,
            match=rf'{content_class.type_name} {next(iter(row))} .*: shape .* of .* is allowed',
        ):
            content_class.array_of(rows)


def test_a_name_that_fills_its_field_is_refused() -> None:
    assert codec.Point.array_of([{'owner': 'x' * 19}])['owner'][0] == b'x' * 19
    with pytest.raises(codec.NameTooLongError, match='20 bytes, 19 are allowed'):
        codec.Point.array_of([{}, {'owner': 'x' * 20}])


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

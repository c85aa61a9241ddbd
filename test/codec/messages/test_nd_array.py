# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from ros2_igtl import codec

CASES = [
    (np.array([1, -1], 'i1'), b'\2\1\0\2\1\xff'),
    (np.array([[1, 2, 3], [4, 5, 6]], 'u1'), b'\3\2\0\2\0\3\1\2\3\4\5\6'),
    (np.array([258], '<i2'), b'\4\1\0\1\1\2'),
    (np.array([258], '>u2'), b'\5\1\0\1\1\2'),
    (np.array([-2], '>i4'), b'\6\1\0\1\xff\xff\xff\xfe'),
    (np.array([2**32 - 1], '<u4'), b'\7\1\0\1\xff\xff\xff\xff'),
    (np.array([1.0], '<f4'), b'\x0a\1\0\1\x3f\x80\0\0'),
    (np.array([math.nan], '>f8'), b'\x0b\1\0\1\x7f\xf8' + bytes(6)),
    (np.array([1 - 2j], '<c16'), b'\x0d\1\0\1\x3f\xf0' + bytes(6) + b'\xc0' + bytes(7)),
    (np.array(7, 'u1'), b'\3\0\7'),
    (np.zeros((2, 0), 'u1'), b'\3\2\0\2\0\0'),
    (np.zeros((1,) * 32, 'u1'), b'\3\x20' + b'\0\1' * 32 + b'\0'),
]


@pytest.mark.parametrize(('array', 'data'), CASES)
def test_an_array_packs_to_its_bytes(array: npt.NDArray[Any], data: bytes) -> None:
    assert content_bytes(codec.NDArray(array)) == data


@pytest.mark.parametrize(('array', 'data'), CASES)
def test_an_array_is_read_from_its_bytes(array: npt.NDArray[Any], data: bytes) -> None:
    received = receive_content('NDARRAY', data)
    assert received == codec.NDArray(array)
    assert received.array.shape == array.shape
    assert received.array.dtype == array.dtype.newbyteorder('>')


def test_the_last_index_is_the_fastest_whatever_the_order_in_memory() -> None:
    array = np.arange(6, dtype='u1').reshape(2, 3)
    assert content_bytes(codec.NDArray(array.T))[-6:] == bytes((0, 3, 1, 4, 2, 5))
    assert content_bytes(codec.NDArray(np.asfortranarray(array)))[-6:] == bytes(range(6))


def test_the_array_views_the_received_bytes_and_is_packed_without_a_copy() -> None:
    data = codec.pack(codec.Message(codec.NDArray(np.ones((40, 50), '>f8'))))
    message = codec.unpack(data)
    assert np.shares_memory(message.content.array, np.frombuffer(data, np.uint8))
    assert np.shares_memory(codec.pack_parts(message)[-1], message.content.array)


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (b'', codec.NoDataError, 'empty content'),
        (b'\3', codec.ContentSizeError, '2 bytes or more, got 1'),
        (b'\3\2\0\1', codec.ContentSizeError, '6 bytes or more, got 4'),
        (b'\3\1\0\2\1', codec.ContentSizeError, 'takes 6 bytes, got 5'),
        (b'\3\1\0\2\1\2\3', codec.ContentSizeError, 'takes 6 bytes, got 7'),
        (b'\x0b\4' + b'\xff' * 8, codec.ContentSizeError, 'got 10'),
        (b'\0\1\0\1\1', codec.ContentValueError, 'scalar type 0'),
        (b'\x0c\1\0\1\1', codec.ContentValueError, 'scalar type 12'),
        (b'\3\x21' + b'\0\1' * 33 + b'\0', codec.ContentValueError, '33 dimensions'),
        (b'\3\xff' + b'\0\1' * 255 + b'\0', codec.ContentValueError, '255 dimensions'),
        (b'\3\x08\0\0' + b'\xff' * 14, codec.ContentValueError, 'NDARRAY of'),
    ],
)
def test_b31_an_array_that_is_none_is_refused(
    data: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('NDARRAY', data, error, match)


@pytest.mark.parametrize(
    ('array', 'match'),
    [
        (np.zeros(1, 'i8'), 'NDARRAY of int64'),
        (np.zeros(1, 'c8'), 'NDARRAY of complex64'),
        (np.zeros(1, 'f2'), 'NDARRAY of float16'),
        (np.zeros(1, 'S3'), 'NDARRAY of'),
        (np.zeros(65536, 'u1'), 'at most 65535'),
    ],
)
def test_an_array_that_does_not_fit_is_not_packed(array: npt.NDArray[Any], match: str) -> None:
    assert_not_packed(codec.NDArray(array), codec.ValueRangeError, match)


def test_arrays_are_equal_by_type_shape_and_bytes() -> None:
    value = codec.NDArray(np.array([1, 2], '<u2'))
    assert value == codec.NDArray(np.array([1, 2], '>u2'))
    assert value != codec.NDArray(np.array([1, 2], '<i2'))
    assert value != codec.NDArray(np.array([[1, 2]], '<u2'))
    assert value != codec.NDArray(np.array([1, 3], '<u2'))
    assert value != [1, 2]
    assert repr(value) == 'NDArray(array([1, 2], dtype=uint16))'

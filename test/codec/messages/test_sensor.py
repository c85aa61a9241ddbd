# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from ros2_igtl import codec

CASES = [
    (codec.Sensor([]), bytes(10)),
    (
        codec.Sensor([1.0, -2.0], 'N*m', 3),
        b'\2\3\x02\xc4\x11' + bytes(5) + b'\x3f\xf0' + bytes(6) + b'\xc0' + bytes(7),
    ),
    (codec.Sensor([math.nan], 2**64 - 1), b'\1\0' + b'\xff' * 8 + b'\x7f\xf8' + bytes(6)),
    (codec.Sensor(np.zeros(255)), b'\xff' + bytes(9 + 2040)),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_sensor_packs_to_its_bytes(value: codec.Sensor, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize('dtype', ['<f8', '>f8', 'f4', 'i2'])
def test_values_that_are_assigned_later_are_packed_as_what_they_are(dtype: str) -> None:
    value, data = CASES[1]
    assigned = codec.Sensor([], value.unit, value.status)
    assigned.values = np.array([1, -2], dtype)
    assert content_bytes(assigned) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_sensor_is_read_from_its_bytes(value: codec.Sensor, data: bytes) -> None:
    received = receive_content('SENSOR', data)
    assert received == value
    assert isinstance(received.unit, codec.Unit)


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (b'', codec.NoDataError, 'empty content'),
        (bytes(9), codec.ContentSizeError, '10 bytes or more'),
        (bytes(11), codec.ContentSizeError, '0 numbers takes 10 bytes, got 11'),
        (b'\2' + bytes(17), codec.ContentSizeError, '2 numbers takes 26 bytes, got 18'),
        (b'\1' + bytes(25), codec.ContentSizeError, '1 numbers takes 18 bytes, got 26'),
    ],
)
def test_a_sensor_of_another_size_is_refused(
    data: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('SENSOR', data, error, match)


@pytest.mark.parametrize(
    ('value', 'match'),
    [
        (codec.Sensor(np.zeros(256)), r'shape \(256,\); a list of 0 to 255 is allowed'),
        (codec.Sensor(np.zeros((2, 2))), r'shape \(2, 2\)'),
        (codec.Sensor(1.0), r'shape \(\)'),
        (codec.Sensor([], 2**64), 'unit 18446744073709551616'),
        (codec.Sensor([], -1), 'unit -1'),
        (codec.Sensor([], 0, 256), 'status 256'),
        (codec.Sensor([], 0, -1), 'status -1'),
    ],
)
def test_a_sensor_that_does_not_fit_is_not_packed(value: codec.Sensor, match: str) -> None:
    assert_not_packed(value, codec.ValueRangeError, match)


@pytest.mark.parametrize('values', ['x', ['1', 'b'], [[1], [1, 2]], [None, object()]])
def test_values_that_are_no_numbers_are_refused(values: Any) -> None:
    with pytest.raises(codec.ValueRangeError, match='SENSOR values'):
        codec.Sensor(values)


def test_a_unit_that_is_none_is_refused() -> None:
    with pytest.raises(codec.ValueRangeError, match="'inch' is unknown"):
        codec.Sensor([1], 'inch')


def test_sensors_are_equal_by_values_unit_and_status() -> None:
    assert codec.Sensor([1], 'm') == codec.Sensor(np.array([1.0]), codec.Unit.parse('m'))
    assert codec.Sensor([1], 'm') != codec.Sensor([1], 's')
    assert codec.Sensor([1], 'm') != codec.Sensor([1], 'm', 1)
    assert codec.Sensor([1], 'm') != codec.Sensor([1, 2], 'm')
    assert codec.Sensor([1], 'm') != 1
    assert repr(codec.Sensor([1], 'm')) == "Sensor([1.0], 'm', status=0)"


@pytest.mark.parametrize(
    ('value', 'data'),
    [
        (codec.StartSensor(), b''),
        (codec.StartSensor(0), b'\0'),
        (codec.StartSensor(255), b'\xff'),
    ],
)
def test_b29_a_start_is_empty_or_a_status(value: codec.StartSensor, data: bytes) -> None:
    assert content_bytes(value) == data
    assert receive_content('STT_SENSOR', data) == value


def test_b29_a_start_of_any_other_size_is_refused() -> None:
    assert_content_refused('STT_SENSOR', bytes(2), codec.ContentSizeError, '0 or 1 byte, got 2')


@pytest.mark.parametrize('status', [-1, 256])
def test_a_start_with_a_status_that_does_not_fit_is_not_packed(status: int) -> None:
    assert_not_packed(codec.StartSensor(status), codec.ValueRangeError, f'status {status}')

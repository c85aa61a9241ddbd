# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

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

IDENTITY = np.eye(4)
MOVED = np.array([[0, -1, 0, 10], [1, 0, 0, 20], [0, 0, 1, -0.5]])
ONE = b'\x3f\x80\0\0'
IDENTITY_BYTES = ONE + bytes(12) + ONE + bytes(12) + ONE + bytes(12)
MOVED_BYTES = bytes.fromhex(
    '00000000 3f800000 00000000 bf800000 00000000 00000000'
    '00000000 00000000 3f800000 41200000 41a00000 bf000000'
)

CASES = [
    (codec.TrackingData.from_tools([]), b''),
    (
        codec.TrackingData.from_tools([('Probe', codec.ToolType.INSTRUMENT_6D, IDENTITY)]),
        b'Probe'.ljust(20, b'\0') + b'\2\0' + IDENTITY_BYTES,
    ),
    (
        codec.TrackingData.from_tools([('', 1, MOVED), ('nineteen_bytes_long', 255, IDENTITY)]),
        bytes(20) + b'\1\0' + MOVED_BYTES + b'nineteen_bytes_long\0' + b'\xff\0' + IDENTITY_BYTES,
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_tracking_data_pack_to_their_bytes(value: codec.TrackingData, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_tracking_data_are_read_from_their_bytes(value: codec.TrackingData, data: bytes) -> None:
    received = receive_content('TDATA', data)
    assert received == value
    assert len(received) == len(data) // 70


def test_a_tool_has_its_matrix_column_by_column() -> None:
    tools = receive_content('TDATA', CASES[2][1]).tools
    assert tools['name'].tolist() == [b'', b'nineteen_bytes_long']
    assert tools['tool_type'].tolist() == [1, 255]
    assert np.array_equal(tools['matrix'][0].T, MOVED)


@pytest.mark.parametrize('size', [1, 69, 71, 139])
def test_b18_a_broken_tool_is_refused(size: int) -> None:
    assert_content_refused('TDATA', bytes(size), codec.ContentSizeError, 'a multiple of 70 bytes')


def test_b18_any_tool_type_and_names_that_repeat_are_passed_on() -> None:
    tool = b'Probe'.ljust(20, b'\0') + b'\0\7' + IDENTITY_BYTES
    tools = receive_content('TDATA', tool * 2).tools
    assert tools['tool_type'].tolist() == [0, 0]
    assert tools['reserved'].tolist() == [7, 7]


def test_b18_a_name_that_fills_its_field_is_read_and_passed_on_unchanged() -> None:
    data = b'exactly_20_bytes_lng' + b'\1\0' + IDENTITY_BYTES
    value = receive_content('TDATA', data)
    assert codec.text(value.tools['name'][0]) == 'exactly_20_bytes_lng'
    assert content_bytes(value) == data


def test_a_name_that_fills_its_field_is_not_written() -> None:
    with pytest.raises(codec.NameTooLongError, match='20 bytes, 19 are allowed'):
        codec.TrackingData.from_tools([('exactly_20_bytes_lng', 1, IDENTITY)])


@pytest.mark.parametrize('tool_type', [-1, 256, 1.5, '1', None, np.int64(300)])
def test_a_tool_type_that_does_not_fit_is_not_written(tool_type: Any) -> None:
    with pytest.raises(codec.ValueRangeError, match='TDATA tool_type'):
        codec.TrackingData.from_tools([('Probe', tool_type, IDENTITY)])


def test_a_matrix_that_is_none_or_does_not_fit_is_not_written() -> None:
    with pytest.raises(codec.ValueRangeError, match='matrix has shape'):
        codec.TrackingData.from_tools([('Probe', 1, np.eye(3))])
    with pytest.raises(codec.ValueRangeError, match='TDATA matrix'):
        codec.TrackingData.from_tools([('Probe', 1, np.diag((1e39, 1, 1, 1)))])


START_CASES = [
    (codec.StartTrackingData(), bytes(36)),
    (codec.StartTrackingData(50, 'Patient'), b'\0\0\0\x32' + b'Patient'.ljust(32, b'\0')),
    (codec.StartTrackingData(-1, 'x' * 31), b'\xff\xff\xff\xff' + b'x' * 31 + b'\0'),
]


@pytest.mark.parametrize(('value', 'data'), START_CASES)
def test_a_start_packs_to_its_bytes(value: codec.StartTrackingData, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), START_CASES)
def test_a_start_is_read_from_its_bytes(value: codec.StartTrackingData, data: bytes) -> None:
    assert receive_content('STT_TDATA', data) == value


@pytest.mark.parametrize('size', [1, 35, 37])
def test_b29_a_start_of_any_other_size_is_refused(size: int) -> None:
    assert_content_refused('STT_TDATA', bytes(size), codec.ContentSizeError, '36 bytes')


def test_b2_a_start_without_content_has_no_data() -> None:
    assert_content_refused('STT_TDATA', b'', codec.NoDataError, 'empty content')


@pytest.mark.parametrize('resolution', [-(2**31) - 1, 2**31, 2**32 - 1])
def test_b18_a_resolution_that_does_not_fit_is_not_packed(resolution: int) -> None:
    value = codec.StartTrackingData(resolution)
    assert_not_packed(value, codec.ValueRangeError, r'2\*\*31 - 1 are allowed')


def test_a_coordinate_name_that_fills_its_field_is_not_packed() -> None:
    value = codec.StartTrackingData(0, 'x' * 32)
    assert_not_packed(value, codec.NameTooLongError, '32 bytes, 31 are allowed')


def test_there_are_four_kinds_of_tools() -> None:
    assert [kind.value for kind in codec.ToolType] == [1, 2, 3, 4]


QUATERNION_CASES = [
    (codec.QuaternionTrackingData.from_tools([]), b''),
    (
        codec.QuaternionTrackingData.from_tools(
            [
                ('Probe', codec.ToolType.INSTRUMENT_3D, (1, 0, -0.5), (0, 0, 0, 1)),
                ('', 255, (0, 0, 0), (0, 0, 0, 0)),
            ]
        ),
        b'Probe'.ljust(20, b'\0')
        + b'\3\0'
        + bytes.fromhex('3f800000 00000000 bf000000')
        + bytes(12)
        + ONE
        + bytes(20)
        + b'\xff'
        + bytes(29),
    ),
]


@pytest.mark.parametrize(('value', 'data'), QUATERNION_CASES)
def test_quaternion_tracking_data_pack_to_their_bytes(
    value: codec.QuaternionTrackingData, data: bytes
) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), QUATERNION_CASES)
def test_quaternion_tracking_data_are_read_from_their_bytes(
    value: codec.QuaternionTrackingData, data: bytes
) -> None:
    received = receive_content('QTDATA', data)
    assert received == value
    assert len(received.tools) == len(data) // 50


@pytest.mark.parametrize('size', [1, 49, 51, 99])
def test_a_broken_tool_with_a_quaternion_is_refused(size: int) -> None:
    assert_content_refused('QTDATA', bytes(size), codec.ContentSizeError, 'a multiple of 50 bytes')


@pytest.mark.parametrize(
    'tool',
    [
        ('a', 1, (0, 0), (0, 0, 0, 1)),
        ('a', 1, (0, 0, 0), (0, 0, 1)),
        ('a', 256, (0,) * 3, (0,) * 4),
    ],
)
def test_a_tool_with_a_quaternion_that_does_not_fit_is_not_written(tool: Any) -> None:
    with pytest.raises(codec.ValueRangeError, match='QTDATA'):
        codec.QuaternionTrackingData.from_tools([tool])


def test_a_start_with_quaternions_is_as_one_with_matrices_but_another() -> None:
    value = codec.StartQuaternionTrackingData(50, 'Patient')
    assert content_bytes(value) == START_CASES[1][1]
    assert receive_content('STT_QTDATA', START_CASES[1][1]) == value
    assert value != START_CASES[1][0]
    # qtrackingdata.md has a status before it, which no program sends
    assert_content_refused('STT_QTDATA', bytes(37), codec.ContentSizeError, 'STT_QTDATA takes 36')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from ros2_igtl import codec

BYTES = np.arange(256, dtype=np.uint8)
WORDS = np.arange(65536, dtype=np.uint16)
CASES = [
    (codec.ColorTable(BYTES), b'\3\3' + bytes(range(256))),
    (codec.ColorTable(WORDS[:256]), b'\3\5' + bytes(n for k in range(256) for n in (0, k))),
    (
        codec.ColorTable(np.repeat(BYTES, 3).reshape(256, 3)),
        b'\3\x13' + bytes(n for k in range(256) for n in (k, k, k)),
    ),
    (codec.ColorTable(np.zeros(65536, np.uint8)), b'\5\3' + bytes(65536)),
    (codec.ColorTable(WORDS), b'\5\5' + b''.join(n.to_bytes(2, 'big') for n in range(65536))),
    (codec.ColorTable(np.zeros((65536, 3), np.uint8)), b'\5\x13' + bytes(196608)),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_table_packs_to_its_bytes(value: codec.ColorTable, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
@pytest.mark.parametrize('type_name', ['COLORT', 'COLORTABLE'])
def test_a_table_is_read_from_its_bytes(
    type_name: str, value: codec.ColorTable, data: bytes
) -> None:
    received = codec.unpack(codec.pack(codec.Message(codec.Unknown(type_name, data)))).content
    assert received == value
    assert received.table.tolist() == value.table.tolist()


def test_a_table_arrives_in_any_pieces() -> None:
    assert receive_content('COLORT', CASES[2][1]) == CASES[2][0]


def test_the_table_views_the_received_bytes_and_is_packed_without_a_copy() -> None:
    data = codec.pack(codec.Message(CASES[4][0]))
    message = codec.unpack(data)
    assert np.shares_memory(message.content.table, np.frombuffer(data, np.uint8))
    assert any(
        np.shares_memory(part, message.content.table) for part in codec.pack_parts(message)[1:]
    )


@pytest.mark.parametrize(
    ('start', 'error', 'match'),
    [
        (b'', codec.NoDataError, 'empty content'),
        (b'\3', codec.ContentSizeError, '2 bytes or more'),
        (b'\3\3', codec.ContentSizeError, 'takes 258 bytes, got 2'),
        (b'\3\3' + bytes(257), codec.ContentSizeError, 'takes 258 bytes, got 259'),
        (b'\5\3' + bytes(256), codec.ContentSizeError, 'takes 65538 bytes, got 258'),
        (b'\4\3' + bytes(256), codec.ContentValueError, 'index type 4'),
        (b'\3\4' + bytes(256), codec.ContentValueError, 'map type 4'),
        (b'\0\0' + bytes(256), codec.ContentValueError, 'index type 0'),
    ],
)
def test_a_table_that_is_none_is_refused(
    start: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('COLORT', start, error, match)


@pytest.mark.parametrize(
    'table',
    [
        np.zeros(255, np.uint8),
        np.zeros(256, np.int8),
        np.zeros(256, np.float32),
        np.zeros((256, 4), np.uint8),
        np.zeros((256, 3), np.uint16),
        np.zeros((3, 256), np.uint8),
    ],
)
def test_an_array_that_is_no_table_is_refused(table: NDArray[Any]) -> None:
    with pytest.raises(codec.ValueRangeError, match='COLORT takes 256 or 65536 entries'):
        codec.ColorTable(table)
    value = codec.ColorTable(BYTES)
    value.table = table
    assert_not_packed(value, codec.ValueRangeError, 'COLORT has a table of')


def test_tables_are_equal_by_type_and_values() -> None:
    assert codec.ColorTable(BYTES) == codec.ColorTable(BYTES.copy())
    assert codec.ColorTable(WORDS) == codec.ColorTable(WORDS.astype('>u2'))
    assert codec.ColorTable(BYTES) != codec.ColorTable(WORDS[:256])
    assert codec.ColorTable(BYTES) != 1
    assert repr(codec.ColorTable(BYTES)).startswith('ColorTable(array([')

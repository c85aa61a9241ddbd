# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from ros2_igtl import codec

CASES = [
    (codec.Query(), bytes(38)),
    (
        codec.Query(5, 'TRANSFORM', 'Probe'),
        b'\0\0\0\5' + b'TRANSFORM'.ljust(32, b'\0') + b'\0\5Probe',
    ),
    (codec.Query(2**32 - 1, 'x' * 31, '\udcff'), b'\xff' * 4 + b'x' * 31 + b'\0\0\1\xff'),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_query_packs_to_its_bytes(value: codec.Query, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_query_is_read_from_its_bytes(value: codec.Query, data: bytes) -> None:
    assert receive_content('QUERY', data) == value


def test_what_the_reference_leaves_behind_the_nul_is_not_read() -> None:
    data = bytes(4) + b'IMAGE\0' + b'\xaa' * 26 + bytes(2)
    assert receive_content('QUERY', data) == codec.Query(0, 'IMAGE')


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (b'', codec.NoDataError, 'empty content'),
        (bytes(37), codec.ContentSizeError, '38 bytes or more'),
        (bytes(39), codec.ContentSizeError, 'announces 0 bytes, got 1'),
        (bytes(36) + b'\0\5abc', codec.ContentSizeError, 'announces 5 bytes, got 3'),
    ],
)
def test_a_query_of_another_size_is_refused(
    data: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('QUERY', data, error, match)


@pytest.mark.parametrize(
    ('value', 'error', 'match'),
    [
        (codec.Query(-1), codec.ValueRangeError, 'query_id -1'),
        (codec.Query(2**32), codec.ValueRangeError, 'query_id 4294967296'),
        (codec.Query(0, 'x' * 32), codec.NameTooLongError, '31 are allowed'),
        (codec.Query(0, '', 'x' * 65536), codec.ValueRangeError, '65535 are allowed'),
    ],
)
def test_a_query_that_does_not_fit_is_not_packed(
    value: codec.Query, error: type[codec.EncodeError], match: str
) -> None:
    assert_not_packed(value, error, match)

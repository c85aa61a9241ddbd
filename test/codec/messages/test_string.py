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
    (codec.String(), b'\0\3\0\0'),
    (codec.String('Welcome'), b'\0\3\0\7Welcome'),
    (codec.String('\u00e9'), b'\0\x6a\0\2\xc3\xa9'),
    (codec.String('\u00e9', 4), b'\0\4\0\1\xe9'),
    (codec.String('A', 1013), b'\x03\xf5\0\2\0A'),
    (codec.String('\0'), b'\0\3\0\1\0'),
    (codec.String.from_raw(b'\xff\0\xfe', 9999), b'\x27\x0f\0\3\xff\0\xfe'),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_string_packs_to_its_bytes(value: codec.String, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_string_is_read_from_its_bytes(value: codec.String, data: bytes) -> None:
    received = receive_content('STRING', data)
    assert received == value
    assert received.text == value.text


@pytest.mark.parametrize('announced', [0, 1, 3, 65535])
def test_b24_a_length_that_is_not_the_texts_is_refused(announced: int) -> None:
    data = b'\0\3' + announced.to_bytes(2, 'big') + b'ok'
    assert_content_refused(
        'STRING', data, codec.ContentSizeError, f'announces {announced} bytes of text, got 2'
    )


@pytest.mark.parametrize('size', [1, 3])
def test_a_string_shorter_than_its_fixed_part_is_refused(size: int) -> None:
    assert_content_refused('STRING', bytes(size), codec.ContentSizeError, '4 bytes or more')


def test_b2_a_string_without_content_has_no_data() -> None:
    assert_content_refused('STRING', b'', codec.NoDataError, 'empty content')


@pytest.mark.parametrize(
    ('encoding', 'raw', 'text'),
    [
        (0, b'caf\xe9', 'caf\u00e9'),
        (9999, b'caf\xe9', 'caf\u00e9'),
        (106, b'caf\xe9', 'caf\ufffd'),
        (3, b'caf\xe9', 'caf\ufffd'),
        (3, b'a\0b', 'a\0b'),
    ],
)
def test_b24_any_text_is_read_and_its_bytes_are_kept(encoding: int, raw: bytes, text: str) -> None:
    data = encoding.to_bytes(2, 'big') + len(raw).to_bytes(2, 'big') + raw
    value = receive_content('STRING', data)
    assert (value.text, value.raw, value.encoding) == (text, raw, encoding)
    assert content_bytes(value) == data


def test_a_text_of_65535_bytes_is_the_longest() -> None:
    value = codec.String('x' * 65535)
    assert receive_content('STRING', content_bytes(value)) == value
    assert_not_packed(codec.String('x' * 65536), codec.ValueRangeError, '65535 are allowed')


def test_an_encoding_beyond_its_field_is_not_packed() -> None:
    value = codec.String.from_raw(b'x', 65536)
    assert_not_packed(value, codec.ValueRangeError, '65535')


def test_strings_are_equal_by_bytes_and_encoding() -> None:
    assert codec.String('x') == codec.String('x', 3)
    assert codec.String('x') != codec.String('x', 106)
    assert codec.String('x') != 'x'
    assert repr(codec.String('x')) == "String('x', encoding=3)"

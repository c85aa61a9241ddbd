# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec


@given(st.binary(max_size=30))
def test_every_byte_before_the_nul_survives_as_text(data: bytes) -> None:
    before = data.partition(b'\0')[0]
    assert codec.pack_name(codec.text(data), 30, 'name') == before


def test_a_name_may_fill_its_field_in_the_header_but_not_inside_a_content() -> None:
    assert codec.pack_name('abcd', 4, 'name') == b'abcd'
    assert codec.pack_inner_name('abc', 4, 'name') == b'abc'
    with pytest.raises(codec.NameTooLongError, match="name 'abcde' has 5 bytes, 4 are allowed"):
        codec.pack_name('abcde', 4, 'name')
    with pytest.raises(codec.NameTooLongError, match="name 'abcd' has 4 bytes, 3 are allowed"):
        codec.pack_inner_name('abcd', 4, 'name')


def test_a_names_length_is_that_of_its_bytes() -> None:
    with pytest.raises(codec.NameTooLongError, match='has 4 bytes, 3 are allowed'):
        codec.pack_name('\u00e9\u00e9', 3, 'name')


def test_a_name_with_a_nul_is_refused() -> None:
    with pytest.raises(codec.NameTooLongError, match='NUL'):
        codec.pack_name('a\0b', 20, 'name')


@pytest.mark.parametrize(
    ('text', 'escaped'),
    [
        ('Größe 3', 'Größe 3'),
        ('\x1b[2J', r'\x1b[2J'),
        ('a\nb\r\t', r'a\nb\r\t'),
        ('\0\x7f', r'\x00\x7f'),
        ('\u202e\u2028', r'\u202e\u2028'),
        ('\udcff\udc80', r'\xff\x80'),
        ('\ud800', r'\ud800'),
        (r'C:\new', r'C:\\new'),
        ('\\x1b', r'\\x1b'),
        ('caf\udce9 é', r'caf\xe9 é'),
    ],
)
def test_what_cannot_be_printed_is_escaped(text: str, escaped: str) -> None:
    assert codec.escape(text) == escaped


@given(st.text() | st.text(st.characters(categories=['Cs', 'Cc', 'Cf'])))
def test_b9_any_text_in_a_log_is_one_printable_line(text: str) -> None:
    assert codec.escape(text).isprintable()

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

# value, code, subcode, error name, message
CASES = [
    (codec.Status(), bytes.fromhex('0001') + bytes(8) + bytes(20) + b'\0'),
    (
        codec.Status(codec.StatusCode.DISABLED, 0x0A, 'ACTUATOR_DISABLED', "Actuator A's off"),
        b'\0\x0f' + b'\0\0\0\0\0\0\0\x0a' + b'ACTUATOR_DISABLED\0\0\0' + b"Actuator A's off\0",
    ),
    (
        codec.Status(65535, -1, 'exactly_20_bytes_lng', '\u00e9'),
        b'\xff\xff' + b'\xff' * 8 + b'exactly_20_bytes_lng' + b'\xc3\xa9\0',
    ),
    (
        codec.Status(0, -(2**63), '\udcff', '\udc80'),
        b'\0\0' + b'\x80' + bytes(7) + b'\xff' + bytes(19) + b'\x80\0',
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_status_packs_to_its_bytes(value: codec.Status, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_status_is_read_from_its_bytes(value: codec.Status, data: bytes) -> None:
    assert receive_content('STATUS', data) == value


@pytest.mark.parametrize('size', [1, 29])
def test_b25_a_status_of_less_than_30_bytes_is_refused(size: int) -> None:
    assert_content_refused('STATUS', bytes(size), codec.ContentSizeError, f'more, got {size}')


def test_b2_a_status_without_content_has_no_data() -> None:
    assert_content_refused('STATUS', b'', codec.NoDataError, 'empty content')


@pytest.mark.parametrize('code', [0, 19, 20, 65535])
def test_b25_any_code_is_passed_on(code: int) -> None:
    value = receive_content('STATUS', code.to_bytes(2, 'big') + bytes(29))
    assert value == codec.Status(code)
    assert (value.code in list(codec.StatusCode)) == (code < 20)


@pytest.mark.parametrize(
    ('tail', 'message'),
    [(b'', ''), (b'no NUL', 'no NUL'), (b'two\0\0', 'two'), (b'a\0b\0', 'a'), (b'\0', '')],
)
def test_b25_a_message_is_read_with_or_without_its_nul(tail: bytes, message: str) -> None:
    assert receive_content('STATUS', b'\0\1' + bytes(28) + tail).message == message


@pytest.mark.parametrize('code', [-1, 65536])
def test_a_code_that_does_not_fit_is_not_packed(code: int) -> None:
    assert_not_packed(codec.Status(code), codec.ValueRangeError, f'code {code}: 0 to 65535')


@pytest.mark.parametrize('subcode', [-(2**63) - 1, 2**63])
def test_a_subcode_that_does_not_fit_is_not_packed(subcode: int) -> None:
    assert_not_packed(codec.Status(1, subcode), codec.ValueRangeError, r'2\*\*63 - 1 are allowed')


def test_an_error_name_that_does_not_fit_is_not_packed() -> None:
    value = codec.Status(error_name='x' * 21)
    assert_not_packed(value, codec.NameTooLongError, '21 bytes, 20 are allowed')


def test_a_message_that_a_reader_would_cut_is_not_packed() -> None:
    value = codec.Status(message='motor\0off')
    assert_not_packed(value, codec.ValueRangeError, 'NUL')


def test_a_message_that_utf_8_cannot_express_is_not_packed() -> None:
    value = codec.Status(message='\ud800')
    assert_not_packed(value, codec.ValueRangeError, 'surrogates not allowed')

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
    (codec.Command(0, ''), bytes(4) + bytes(128) + b'\0\3' + bytes(4)),
    (
        codec.Command(5, 'Get parameter', '<Command/>'),
        b'\0\0\0\5' + b'Get parameter'.ljust(128, b'\0') + b'\0\3' + b'\0\0\0\x0a<Command/>',
    ),
    (
        codec.Command(2**32 - 1, '\u00e9' * 63, '\u00e9'),
        b'\xff' * 4 + b'\xc3\xa9' * 63 + bytes(2) + b'\0\x6a' + b'\0\0\0\2\xc3\xa9',
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_command_packs_to_its_bytes(value: codec.Command, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_command_is_read_from_its_bytes(value: codec.Command, data: bytes) -> None:
    received = receive_content('COMMAND', data)
    assert received == value
    assert received.text == value.text


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_reply_has_the_same_layout(value: codec.Command, data: bytes) -> None:
    reply = receive_content('RTS_COMMAND', data)
    assert isinstance(reply, codec.CommandReply)
    assert reply == codec.CommandReply(value.command_id, value.name, value.text)
    assert reply != value
    assert content_bytes(reply) == data


def test_a_name_that_fills_its_field_is_read_but_not_written() -> None:
    value = receive_content('COMMAND', bytes(4) + b'n' * 128 + b'\0\3' + bytes(4))
    assert value.name == 'n' * 128
    assert_not_packed(value, codec.NameTooLongError, '128 bytes, 127 are allowed')


@pytest.mark.parametrize('announced', [0, 3, 2**32 - 1])
def test_a_length_that_is_not_the_texts_is_refused(announced: int) -> None:
    data = bytes(132) + b'\0\3' + announced.to_bytes(4, 'big') + b'ok'
    assert_content_refused('COMMAND', data, codec.ContentSizeError, 'COMMAND announces')
    assert_content_refused('RTS_COMMAND', data, codec.ContentSizeError, 'RTS_COMMAND announces')


@pytest.mark.parametrize('size', [1, 137])
def test_a_command_shorter_than_its_fixed_part_is_refused(size: int) -> None:
    assert_content_refused('COMMAND', bytes(size), codec.ContentSizeError, '138 bytes or more')


def test_b2_a_command_without_content_has_no_data() -> None:
    assert_content_refused('COMMAND', b'', codec.NoDataError, 'empty content')


def test_a_text_longer_than_a_string_may_be_is_read() -> None:
    value = codec.Command(1, 'Set', 'x' * 70000)
    assert receive_content('COMMAND', content_bytes(value)) == value


def test_b24_a_text_of_unknown_encoding_keeps_its_bytes() -> None:
    data = bytes(132) + b'\x27\x0f' + b'\0\0\0\3' + b'\xff\0\xfe'
    value = receive_content('COMMAND', data)
    assert (value.raw, value.encoding, value.text) == (b'\xff\0\xfe', 9999, '\u00ff\0\u00fe')
    assert content_bytes(value) == data


@pytest.mark.parametrize('command_id', [-1, 2**32])
def test_a_number_that_does_not_fit_is_not_packed(command_id: int) -> None:
    value = codec.Command(command_id, 'Get')
    assert_not_packed(value, codec.ValueRangeError, f'command_id {command_id}')


def test_a_command_is_sent_in_header_version_2_by_convention() -> None:
    assert codec.Command.default_header_version == 2
    assert codec.CommandReply.default_header_version == 2
    assert codec.String.default_header_version == 1


def test_commands_are_equal_by_every_field() -> None:
    value = codec.Command(1, 'Get', 'x')
    assert value == codec.Command(1, 'Get', 'x', 3)
    for other in (
        codec.Command(2, 'Get', 'x'),
        codec.Command(1, 'Set', 'x'),
        codec.Command(1, 'Get', 'y'),
        codec.Command(1, 'Get', 'x', 106),
        'Get',
    ):
        assert value != other
    assert repr(value) == "Command(1, 'Get', 'x')"

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from helpers.feeding import receive_every_way
from helpers.wire_bytes import message_bytes
from ros2_igtl import codec
from ros2_igtl.codec.header import EXTENDED_HEADER, HEADER, Header

STRING = b'\0\3\0\2ok'

FIELDS = Header(1, b'STRING'.ljust(12, b'\0'), b'Robot'.ljust(20, b'\0'), 0x1_8000_0000, 6, 7)
BYTES = bytes.fromhex(
    '0001'
    '535452494e47000000000000'
    '526f626f74000000000000000000000000000000'
    '0000000180000000'
    '0000000000000006'
    '0000000000000007'
)


def test_a_header_has_58_bytes_and_an_extended_header_12() -> None:
    assert (HEADER.size, EXTENDED_HEADER.size) == (58, 12)
    assert (codec.HEADER_SIZE, codec.TYPE_NAME_SIZE, codec.DEVICE_NAME_SIZE) == (58, 12, 20)


def test_a_header_stands_as_header_md_prints_it() -> None:
    assert HEADER.pack(*FIELDS) == BYTES
    assert Header._make(HEADER.unpack(BYTES)) == FIELDS


def test_an_extended_header_stands_as_the_reference_packs_it() -> None:
    data = bytes.fromhex('000c 0012 00000027 01020304')
    assert EXTENDED_HEADER.unpack(data) == (12, 18, 39, 0x01020304)


def test_names_end_at_the_first_nul() -> None:
    header = FIELDS._replace(type_bytes=b'STRING\0junk!', device_bytes=b'Robot\0' + b'x' * 14)
    assert (header.type_name, header.device_name) == ('STRING', 'Robot')


@pytest.mark.parametrize(
    ('device_name', 'text'),
    [
        (b'', ''),
        (b'  spaced name  ', '  spaced name  '),
        (b'../../etc/passwd', '../../etc/passwd'),
        (b'exactly_20_bytes_lng', 'exactly_20_bytes_lng'),
        ('N\u00e4del'.encode(), 'N\u00e4del'),
        (b'\x1b[31m\r\n', '\x1b[31m\r\n'),
        (b'\xff\xfe\x80', '\udcff\udcfe\udc80'),
        (b'\xc3', '\udcc3'),
    ],
)
def test_b9_every_byte_of_a_device_name_survives(device_name: bytes, text: str) -> None:
    data = message_bytes(b'STRING', STRING, device_name=device_name)
    message = receive_every_way(data)
    assert isinstance(message, codec.Message)
    assert message.device_name == text
    assert codec.pack(message) == data


def test_b9_what_stands_behind_the_nul_of_a_device_name_means_nothing() -> None:
    message = codec.unpack(message_bytes(b'STRING', STRING, device_name=b'a\0b'))
    assert message.device_name == 'a'

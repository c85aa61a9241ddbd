# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from helpers.feeding import assert_refused, receive_every_way
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


@pytest.mark.parametrize('version', [0, 3, 65535])
def test_b1_a_header_version_with_a_type_name_that_is_none_loses_the_stream(version: int) -> None:
    data = message_bytes(b'\x01\x02', STRING, version=version)
    assert_refused(data, codec.HeaderVersionError, f'version is {version}, 1 or 2')


def test_b1_header_version_0_loses_the_stream_whatever_the_type_name() -> None:
    assert_refused(message_bytes(b'STRING', STRING, version=0), codec.HeaderVersionError)


@pytest.mark.parametrize('version', [3, 4, 65535])
@pytest.mark.parametrize('type_name', [b'STRING', b'NEW_TYPE'])
def test_b1_a_newer_header_version_with_a_type_name_is_skipped(
    version: int, type_name: bytes
) -> None:
    data = message_bytes(type_name, STRING, version=version)
    assert_refused(data, codec.UnsupportedVersionError, f'version is {version}, 1 or 2')


@pytest.mark.parametrize('version', [1, 2, 3])
@pytest.mark.parametrize('type_name', [b'IMAGE', b'NEW_TYPE'])
@pytest.mark.parametrize('size', [1001, 2**31, 2**63, 2**64 - 1])
def test_b3_a_body_over_the_limit_loses_the_stream_before_it_comes(
    version: int, type_name: bytes, size: int
) -> None:
    data = message_bytes(type_name, version=version, body_size=size)
    outcome = receive_every_way(data, codec.Limits(max_body_size=1000))
    assert isinstance(outcome, codec.BodyTooLargeError)
    assert str(outcome) == f'body of {size} bytes announced, 1000 are allowed'
    assert outcome.header is not None
    assert outcome.header.body_size == size


def test_b3_a_body_of_the_limit_is_taken() -> None:
    data = message_bytes(b'NEW_TYPE', bytes(1000))
    outcome = receive_every_way(data, codec.Limits(max_body_size=1000))
    assert isinstance(outcome, codec.Message)


@pytest.mark.parametrize(
    'data',
    [
        b'GET / HTTP/1.1\r\nHost: localhost:18944\r\nUser-Agent: curl/7.88.1\r\n\r\n',
        b'POST /api/v1/data HTTP/1.1\r\nHost: localhost:18944\r\nAccept: */*\r\n\r\n',
        b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(range(100, 200)),
        b'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
        bytes(range(255, 100, -1)),
        bytes(58),
    ],
    ids=['http_get', 'http_post', 'tls', 'ssh', 'noise', 'zeros'],
)
def test_b7_what_is_no_openigtlink_loses_the_stream_within_one_header(data: bytes) -> None:
    assert isinstance(receive_every_way(data[:58]), codec.FramingError)


@pytest.mark.parametrize('type_name', [b'STR\x01NG', b'\xc3\x84', b'', b'\x7f', b'\0STRING'])
@pytest.mark.parametrize('version', [1, 2])
def test_b8_a_type_name_that_is_not_printable_ascii_is_refused(
    type_name: bytes, version: int
) -> None:
    data = message_bytes(type_name, STRING, version=version)
    assert_refused(data, codec.TypeNameError, '1 to 12 printable ASCII')


@pytest.mark.parametrize('type_name', ['GET_ANYTHING', 'string', 'A B', 'X'])
def test_b8_any_other_type_name_is_kept_as_unknown(type_name: str) -> None:
    data = message_bytes(type_name.encode(), b'anything')
    message = receive_every_way(data)
    assert isinstance(message, codec.Message)
    assert message.content == codec.Unknown(type_name, b'anything')
    assert message.type_name == type_name
    assert codec.pack(message) == data


@pytest.mark.parametrize('type_name', [b'STRING\0x', b'NEW\0x'])
def test_b8_what_stands_behind_the_nul_of_a_type_name_means_nothing(type_name: bytes) -> None:
    message = receive_every_way(message_bytes(type_name, STRING))
    assert isinstance(message, codec.Message)
    assert message.type_name == type_name.partition(b'\0')[0].decode()
    assert isinstance(message.content, codec.String if type_name[0] == ord('S') else codec.Unknown)


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

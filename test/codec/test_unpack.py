# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from helpers.feeding import assert_refused, receive_every_way
from helpers.golden import golden
from helpers.message_cases import CASES, STRING
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec


@pytest.mark.parametrize(('message', 'data'), CASES)
def test_a_message_is_read_from_its_bytes(message: codec.Message, data: bytes) -> None:
    assert codec.unpack(data) == message
    assert receive_every_way(data) == message
    assert codec.unpack(data).crc_ok


@pytest.mark.parametrize(
    'wrap',
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: array('B', data),
        lambda data: np.frombuffer(data, np.uint8),
        lambda data: np.frombuffer(data, np.uint16),
        lambda data: np.frombuffer(data, np.uint8).reshape(2, -1),
        lambda data: memoryview(b'x' + data)[1:],
    ],
)
def test_any_contiguous_buffer_is_unpacked(wrap: Any) -> None:
    assert codec.pack(codec.unpack(wrap(golden('image')))) == golden('image')


@pytest.mark.parametrize('size', [0, 1, 57])
def test_less_than_a_header_is_truncated_and_has_none(size: int) -> None:
    with pytest.raises(codec.TruncatedError, match=f'takes 58 bytes, got {size}') as caught:
        codec.unpack(bytes(size))
    assert caught.value.header is None


def test_a_body_shorter_than_announced_is_truncated() -> None:
    with pytest.raises(codec.TruncatedError, match='body has 48 bytes, got 47') as caught:
        codec.unpack(golden('transform')[:-1])
    assert caught.value.header is not None
    assert caught.value.header.type_name == 'TRANSFORM'


def test_what_follows_a_message_is_refused() -> None:
    with pytest.raises(codec.ContentSizeError, match='body has 48 bytes, got 49'):
        codec.unpack(golden('transform') + b'x')


@pytest.mark.parametrize('crc', [0, 1, 2**64 - 1])
@pytest.mark.parametrize('version', [1, 2])
def test_b6_a_wrong_crc_is_refused(crc: int, version: int) -> None:
    body = STRING if version == 1 else extended_body(STRING)
    data = message_bytes(b'STRING', body, version=version, crc=crc, device_name=b'Robot')
    assert_refused(data, codec.CrcError, f"STRING 'Robot': header has CRC {crc:016x}, body has")
    message = codec.unpack(data, check_crc=False)
    assert message.content == codec.String('ok')
    assert not message.crc_ok


def test_b6_a_wrong_crc_is_the_cause_whatever_else_is_wrong() -> None:
    assert_refused(message_bytes(b'TRANSFORM', bytes(3), crc=1), codec.CrcError)
    data = message_bytes(b'TRANSFORM', b'\xff' * 14, version=2, crc=1)
    assert_refused(data, codec.CrcError)


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


def test_b11_a_longer_extended_header_is_honoured() -> None:
    body = extended_body(STRING, ((b'a', 3, b'b'),), extended_size=16, message_id=9)
    message = receive_every_way(message_bytes(b'STRING', body, version=2))
    assert isinstance(message, codec.Message)
    assert message.content == codec.String('ok')
    assert (message.metadata, message.message_id) == ({'a': 'b'}, 9)


@pytest.mark.parametrize('extended_size', [0, 11, 21, 65535])
def test_b11_an_extended_header_shorter_than_12_or_longer_than_the_body_is_refused(
    extended_size: int,
) -> None:
    body = bytearray(extended_body(STRING))
    body[:2] = extended_size.to_bytes(2, 'big')
    data = message_bytes(b'STRING', bytes(body), version=2)
    assert_refused(data, codec.ExtendedHeaderError, f'extended header of {extended_size}')


@pytest.mark.parametrize('size', [1, 11])
def test_b11_a_body_too_short_for_an_extended_header_is_refused(size: int) -> None:
    data = message_bytes(b'STRING', bytes(size), version=2)
    assert_refused(data, codec.ExtendedHeaderError, f'takes 12 bytes, got {size}')


@pytest.mark.parametrize(
    'sizes',
    [
        {'header_size': 9},
        {'header_size': 65535},
        {'metadata_size': 7},
        {'metadata_size': 2**32 - 1},
        {'header_size': 2, 'metadata_size': 2**31},
    ],
)
def test_b11_metadata_that_overlap_what_is_before_them_are_refused(sizes: dict[str, int]) -> None:
    body = extended_body(b'', (), **sizes)
    assert_refused(message_bytes(b'STP_TDATA', body, version=2), codec.ExtendedHeaderError)


def test_b2_header_version_2_without_a_body_has_no_data() -> None:
    assert_refused(message_bytes(b'STRING', version=2), codec.NoDataError, '14 bytes or more')


def large(version: int) -> codec.Message:
    """Return a message whose pixels a connection receives into a buffer of their own."""
    image = codec.Image(bytes(range(256)) * 256, (256, 256, 1))
    if version == 1:
        return codec.Message(image, 'Probe', 1)
    return codec.Message(image, 'Probe', 1, 2, 7, {'a': 'b'})


@pytest.mark.parametrize('version', [1, 2])
def test_a_large_message_is_read_like_a_small_one(version: int) -> None:
    message = large(version)
    assert receive_every_way(codec.pack(message)) == message


@pytest.mark.parametrize('version', [1, 2])
def test_a_large_message_whose_content_is_one_buffer_is_read_like_a_small_one(
    version: int,
) -> None:
    message = codec.Message(codec.Unknown('NEW', bytes(70_000)), header_version=version)
    assert receive_every_way(codec.pack(message)) == message


@pytest.mark.parametrize('version', [1, 2])
def test_b6_a_large_message_with_a_wrong_crc_is_refused_or_marked(version: int) -> None:
    data = bytearray(codec.pack(large(version)))
    data[50:58] = bytes(8)
    assert_refused(bytes(data), codec.CrcError, "IMAGE 'Probe': header has CRC 0{16}, body has")
    connection = codec.Connection(crc_policy='warn')
    connection.receive_data(data)
    message = connection.next_message()
    assert message == large(version)
    assert isinstance(message, codec.Message)
    assert not message.crc_ok


def test_any_number_of_device_names_may_come_and_go() -> None:
    connection = codec.Connection()
    for index in range(3000):
        message = codec.Message(codec.GetStatus(), f'Device{index}')
        data = codec.pack(message)
        assert data[14:34] == f'Device{index}'.encode().ljust(20, b'\0')
        assert codec.unpack(data) == message
        connection.receive_data(data)
        assert connection.next_message() == message


def test_a_child_of_a_type_that_is_registered_later_is_known_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child = codec.Message(codec.Unknown('NEW', b'\0\0\0\0'), 'a')
    data = codec.pack(codec.Message(codec.Bind((child,))))
    assert codec.unpack(data).content.children == (child,)
    assert codec.unpack(codec.pack(child)) == child
    monkeypatch.setitem(codec.MESSAGE_TYPES, 'NEW', codec.String)
    (known,) = codec.unpack(data).content.children
    assert (known.type_name, known.content) == ('NEW', codec.String.from_raw(b'', 0))
    assert codec.unpack(codec.pack(child)).content == known.content


def test_an_unknown_body_views_the_received_bytes() -> None:
    data = bytearray(message_bytes(b'NEW', bytes(100)))
    message = codec.unpack(data)
    assert np.shares_memory(np.frombuffer(message.content.body, 'u1'), np.frombuffer(data, 'u1'))


@pytest.mark.parametrize('large', [False, True])
@pytest.mark.parametrize('version', [1, 2])
def test_a_received_message_knows_the_size_of_its_body(version: int, large: bool) -> None:
    side = 400 if large else 4
    image = codec.Image(bytes(side * side), (side, side, 1))
    sent = codec.Message(image, 'Probe', header_version=version)
    assert sent.body_size == 0
    data = codec.pack(sent)
    stream = codec.Stream()
    for part in (data[:70], data[70:]):
        stream.receive_data(part)
    received = stream.next_message()
    assert isinstance(received, codec.Message)
    assert received.body_size == codec.unpack(data).body_size == len(data) - 58
    assert received == sent

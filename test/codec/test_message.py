# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from helpers.feeding import assert_refused, receive_every_way
from helpers.golden import golden
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec

STRING = b'\0\3\0\2ok'

# message, its bytes
CASES = [
    (codec.Message(codec.String('ok')), message_bytes(b'STRING', STRING)),
    (
        codec.Message(codec.String('ok'), 'Robot', 2**64 - 1),
        message_bytes(b'STRING', STRING, device_name=b'Robot', timestamp=2**64 - 1),
    ),
    (
        codec.Message(codec.String('ok'), header_version=2),
        message_bytes(b'STRING', extended_body(STRING), version=2),
    ),
    (
        codec.Message(codec.String('ok'), 'Robot', 1, 2, 2**32 - 1, {'b': '2', 'a': '\u00e9'}),
        message_bytes(
            b'STRING',
            extended_body(
                STRING, ((b'a', 106, b'\xc3\xa9'), (b'b', 3, b'2')), message_id=2**32 - 1
            ),
            version=2,
            device_name=b'Robot',
            timestamp=1,
        ),
    ),
    (
        codec.Message(codec.Position(0, 0, 0, content_size=12), type_name='QTRANS'),
        message_bytes(b'QTRANS', bytes(12)),
    ),
    (codec.Message(codec.GetPolyData()), message_bytes(b'GET_POLYDATA')),
    (
        codec.Message(codec.Unknown('NEW', b'body'), header_version=2),
        message_bytes(b'NEW', extended_body(b'body'), version=2),
    ),
]


@pytest.mark.parametrize(('message', 'data'), CASES)
def test_a_message_packs_to_its_bytes(message: codec.Message, data: bytes) -> None:
    assert codec.pack(message) == data
    assert b''.join(codec.pack_parts(message)) == data


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


@pytest.mark.parametrize(
    ('message', 'match'),
    [
        (codec.Message(codec.String('x'), 'x' * 21), '21 bytes, 20 are allowed'),
        (codec.Message(codec.String('x'), 'a\0b'), 'NUL'),
        (codec.Message(codec.String('x'), '\ud800'), 'surrogates not allowed'),
        (codec.Message(codec.String('x'), timestamp=-1), 'timestamp -1'),
        (codec.Message(codec.String('x'), timestamp=2**64), f'timestamp {2**64}'),
        (codec.Message(codec.String('x'), timestamp=1.5), 'not an integer'),  # type: ignore[arg-type]
        (codec.Message(codec.String('x'), header_version=0), 'header_version 0: 1 or 2'),
        (codec.Message(codec.String('x'), header_version=3), 'header_version 3: 1 or 2'),
        (codec.Message(codec.String('x'), '', 0, 2, -1), 'message_id -1'),
        (codec.Message(codec.String('x'), '', 0, 2, 2**32), f'message_id {2**32}'),
        (codec.Message(codec.String('x'), '', 0, 2, 0, {'\ud800': ''}), 'surrogates not allowed'),
        (codec.Message(codec.String('x'), '', 0, 2, 0, {'': '\ud800'}), 'cannot express'),
        (codec.Message(codec.Unknown('', b'')), "type name '': 1 to 12 printable"),
        (codec.Message(codec.Unknown('THIRTEENCHARS', b'')), '1 to 12 printable ASCII'),
        (codec.Message(codec.Unknown('T\u00c4', b'')), '1 to 12 printable ASCII'),
        (codec.Message(codec.Unknown('NEW', 5)), 'bytes-like'),
    ],
)
def test_what_does_not_fit_is_not_packed(message: codec.Message, match: str) -> None:
    with pytest.raises(codec.EncodeError, match=match) as caught:
        codec.pack(message)
    start = f'{message.type_name} {message.device_name!r}: '
    assert str(caught.value).startswith(start)


def test_a_body_of_wider_numbers_is_packed_as_its_bytes() -> None:
    message = codec.Message(codec.Unknown('NEW', np.array([1, 2], '>u2')))
    assert codec.pack(message) == message_bytes(b'NEW', b'\0\1\0\2')


def test_a_message_takes_its_type_name_from_its_content() -> None:
    assert codec.Message(codec.String('x')).type_name == 'STRING'
    assert codec.Message(codec.Unknown('NEW', b'')).type_name == 'NEW'


def test_messages_do_not_share_metadata() -> None:
    first, second = codec.Message(codec.String('x')), codec.Message(codec.String('x'))
    assert first.metadata == {}
    assert first.metadata is not second.metadata


def test_messages_are_equal_by_everything_but_the_crc() -> None:
    message = codec.Message(codec.String('x'), 'a', 1, 2, 3, {'b': 'c'})
    same = codec.Message(codec.String('x'), 'a', 1, 2, 3, {'b': 'c'})
    same.crc_ok = False
    assert message == same
    changes: tuple[dict[str, Any], ...] = (
        {'content': codec.String('y')},
        {'device_name': 'b'},
        {'timestamp': 2},
        {'header_version': 1},
        {'message_id': 4},
        {'metadata': {}},
        {'type_name': 'TEXT'},
    )
    for change in changes:
        other = codec.Message(codec.String('x'), 'a', 1, 2, 3, {'b': 'c'})
        for name, value in change.items():
            setattr(other, name, value)
        assert message != other
    assert message != 'x'
    assert repr(message) == (
        "Message(STRING 'a', String('x', encoding=3), timestamp=0x1, header_version=2, "
        "message_id=3, metadata={'b': 'c'})"
    )


def test_an_unknown_content_is_its_type_name_and_its_bytes() -> None:
    unknown = codec.Unknown('NEW', b'body')
    assert unknown == codec.Unknown('NEW', memoryview(b'body'))
    assert unknown != codec.Unknown('OLD', b'body')
    assert unknown != codec.Unknown('NEW', b'')
    assert unknown != b'body'
    assert repr(unknown) == "Unknown('NEW', 4 bytes)"
    with pytest.raises(TypeError, match=r'Unknown\(type_name, body\)'):
        codec.Unknown.unpack(memoryview(b''))


def test_an_unknown_body_views_the_received_bytes() -> None:
    data = bytearray(message_bytes(b'NEW', bytes(100)))
    message = codec.unpack(data)
    assert np.shares_memory(np.frombuffer(message.content.body, 'u1'), np.frombuffer(data, 'u1'))


def test_the_promise_of_the_front_page_holds() -> None:
    data = codec.pack(codec.Message(codec.String('ready'), 'Robot'))
    connection = codec.Connection()
    connection.receive_data(data)
    messages = []
    while (message := connection.next_message()) is not codec.NEED_DATA:
        messages.append(message)
    assert [(message.content.text, message.device_name) for message in messages] == [
        ('ready', 'Robot')
    ]


def test_every_public_name_is_there() -> None:
    assert sorted(set(codec.__all__)) == sorted(codec.__all__)
    for name in codec.__all__:
        assert hasattr(codec, name)

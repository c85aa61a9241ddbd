# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from helpers.golden import golden
from ros2_igtl import codec
from ros2_igtl.codec import Message


def child(type_name: bytes, size: int) -> bytes:
    return type_name.ljust(12, b'\0') + size.to_bytes(8, 'big')


CASES = [
    (codec.Bind(), bytes(4)),
    (
        codec.Bind((Message(codec.String('abc'), 'Text'),)),
        b'\0\1' + child(b'STRING', 7) + b'\0\6' + b'Text\0\0' + b'\0\3\0\3abc' + b'\0',
    ),
    (
        codec.Bind(
            (
                Message(codec.Unknown('NEW', b'x'), ''),
                Message(codec.TrackingDataReply(1), 'exactly_20_bytes_lng'),
                Message(codec.Position(0, 0, 0, content_size=12), 'P', type_name='QTRANS'),
                Message(codec.StopTrackingData(), 'S'),
            )
        ),
        b'\0\4'
        + child(b'NEW', 1)
        + child(b'RTS_TDATA', 1)
        + child(b'QTRANS', 12)
        + child(b'STP_TDATA', 0)
        + b'\0\x1a'
        + b'\0exactly_20_bytes_lng\0P\0S\0'
        + b'x\0'
        + b'\1\0'
        + bytes(12),
    ),
    (
        codec.Bind((Message(codec.Bind((Message(codec.ImageReply(7), 'R'),)), 'B'),)),
        b'\0\1'
        + child(b'BIND', 28)
        + b'\0\2B\0'
        + (b'\0\1' + child(b'RTS_IMAGE', 1) + b'\0\2R\0' + b'\7\0'),
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_bind_packs_to_its_bytes(value: codec.Bind, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_bind_is_read_from_its_bytes(value: codec.Bind, data: bytes) -> None:
    received = receive_content('BIND', data)
    assert received == value
    assert [message.type_name for message in received.children] == [
        message.type_name for message in value.children
    ]


def test_children_of_the_golden_bind_are_contents_of_their_own() -> None:
    children = codec.unpack(golden('bind')).content.children
    assert [type(message.content) for message in children] == [
        codec.Transform,
        codec.Image,
        codec.Sensor,
    ]
    assert all(message.device_name for message in children)


def test_the_bulk_data_of_children_view_the_received_bytes_and_are_packed_without_a_copy() -> None:
    image = codec.Image.from_pixels(np.zeros((1, 100, 100), np.uint8))
    data = codec.pack(Message(codec.Bind((Message(image, 'I'),)), 'B'))
    message = codec.unpack(data)
    pixels = message.content.children[0].content.pixels
    assert np.shares_memory(pixels, np.frombuffer(data, np.uint8))
    assert any(np.shares_memory(part, pixels) for part in codec.pack_parts(message)[3:4])


@pytest.mark.parametrize('table', [b'', b'\0\0', b'\0\0\0'])
def test_a_name_table_without_names_or_of_odd_size_is_read(table: bytes) -> None:
    data = b'\0\2' + child(b'STP_TDATA', 0) * 2 + len(table).to_bytes(2, 'big') + table
    received = receive_content('BIND', data)
    assert [message.device_name for message in received.children] == ['', '']


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (b'', codec.NoDataError, 'empty content'),
        (b'\0', codec.ContentSizeError, '2 bytes or more'),
        (b'\0\0\0', codec.ContentSizeError, '4 bytes or more'),
        (b'\xff\xff\0\0', codec.ContentSizeError, '1310704 bytes or more, got 4'),
        (b'\0\1' + child(b'NEW', 0), codec.ContentSizeError, '24 bytes or more, got 22'),
        (b'\0\1' + child(b'NEW', 0) + b'\0\2a', codec.ContentSizeError, '26 bytes or more'),
        # sizes
        (b'\0\0\0\0x', codec.ContentSizeError, 'take 4 bytes, got 5'),
        (b'\0\1' + child(b'NEW', 2) + b'\0\2a\0x', codec.ContentSizeError, '28 bytes, got 27'),
        (b'\0\1' + child(b'NEW', 1) + b'\0\2a\0x', codec.ContentSizeError, '28 bytes, got 27'),
        (b'\0\1' + child(b'NEW', 0) + b'\0\2a\0xx', codec.ContentSizeError, '26 bytes, got 28'),
        (
            b'\0\1' + child(b'NEW', 2**64 - 1) + b'\0\2a\0',
            codec.ContentSizeError,
            'take 18446744073709551642 bytes',
        ),
        # names
        (
            b'\0\1' + child(b'NEW', 0) + b'\0\2ab',
            codec.ContentValueError,
            'as many names are needed',
        ),
        (
            b'\0\1' + child(b'NEW', 0) + b'\0\4a\0b\0',
            codec.ContentValueError,
            'as many names are needed',
        ),
        (
            b'\0\1' + child(b'NEW', 0) + b'\0\x16' + b'x' * 21 + b'\0',
            codec.ContentValueError,
            "name b'x{20}'... has 21 bytes, 20 are allowed",
        ),
        (b'\0\1' + child(b'', 0) + b'\0\2a\0', codec.ContentValueError, "child 'a': type name"),
        (b'\0\1' + child(b'A\n', 0) + b'\0\2a\0', codec.ContentValueError, 'type name'),
        # children
        (b'\0\1' + child(b'TRANSFORM', 0) + b'\0\2a\0', codec.NoDataError, "child 'a': TRANSFORM"),
        (
            b'\0\1' + child(b'TRANSFORM', 2) + b'\0\2a\0xx',
            codec.ContentSizeError,
            "child 'a': TRANSFORM takes 48 bytes, got 2",
        ),
        (
            b'\0\1' + child(b'NDARRAY', 2) + b'\0\2a\0xx',
            codec.ContentValueError,
            'NDARRAY has scalar type 120',
        ),
    ],
)
def test_b28_a_bind_that_is_none_is_refused(
    data: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('BIND', data, error, match)


def nested(depth: int) -> codec.Bind:
    bind = codec.Bind()
    for _ in range(depth - 1):
        bind = codec.Bind((Message(bind),))
    return bind


def nested_bytes(depth: int) -> bytes:
    data = bytes(4)
    for _ in range(depth - 1):
        data = b'\0\1' + child(b'BIND', len(data)) + b'\0\2\0\0' + data
    return data


def test_b28_binds_are_nested_eight_deep_and_no_deeper() -> None:
    assert content_bytes(nested(8)) == nested_bytes(8)
    assert receive_content('BIND', nested_bytes(8)) == nested(8)
    assert_not_packed(nested(9), codec.ValueRangeError, '8 levels are allowed')
    for depth in (9, 5000):
        data = codec.pack(Message(codec.Unknown('BIND', nested_bytes(depth))))
        with pytest.raises(codec.ContentValueError, match='8 levels are allowed'):
            codec.unpack(data)


ATTRIBUTE = codec.Attribute(codec.AttributeType.POINT_SCALARS, '', ())
# of as many items each as a number says; a BIND itself has one more than is in it
WITH_ITEMS: list[Callable[[int], codec.Content]] = [
    lambda number: codec.Bind([Message(codec.StopImage())] * number),
    lambda number: codec.Capability(('IMAGE',) * number),
    lambda number: codec.PolyData(attributes=[ATTRIBUTE] * number),
    lambda number: codec.GetBind([('IMAGE', '')] * number),
    lambda number: codec.StartBind(0, [('IMAGE', '')] * number),
    lambda number: codec.Bind([Message(codec.Capability(('IMAGE',) * (number - 1)))]),
]


@pytest.mark.parametrize('content_of', WITH_ITEMS)
def test_b28_children_and_what_is_in_them_are_counted_together(
    content_of: Callable[[int], codec.Content],
) -> None:
    first, second = content_of(30_000), content_of(35_533)
    most = codec.Bind((Message(first), Message(second)))
    assert first.item_count == 30_000
    assert codec.unpack(codec.pack(Message(most))).content.item_count == 65_535
    more = codec.Bind((*most.children, Message(codec.StopImage())))
    assert_not_packed(more, codec.ValueRangeError, 'has 65536 children, names and attributes')
    as_bytes = [
        codec.Unknown(child.type_name, content_bytes(child.content)) for child in more.children
    ]
    data = codec.pack(Message(codec.Bind([Message(content) for content in as_bytes])))
    with pytest.raises(codec.ContentValueError, match='65536 children, names and attributes'):
        codec.unpack(data)


@pytest.mark.parametrize(
    ('children', 'error', 'match'),
    [
        ([Message(codec.String(), timestamp=1)], codec.ValueRangeError, 'without time stamp'),
        ([Message(codec.String(), header_version=2)], codec.ValueRangeError, 'header version 1'),
        ([Message(codec.String(), metadata={'a': 'b'})], codec.ValueRangeError, 'and metadata'),
        ([Message(codec.String(), message_id=1)], codec.ValueRangeError, 'message_id'),
        ([Message(codec.String(), 'x' * 21)], codec.NameTooLongError, '20 are allowed'),
        ([Message(codec.Unknown('', b''))], codec.ValueRangeError, 'type name'),
        ([Message(codec.Position('x', 0, 0))], codec.ValueRangeError, 'POSITION'),  # type: ignore[arg-type]
        ([Message(codec.StopTrackingData())] * 65536, codec.ValueRangeError, '65536 children'),
        ([Message(codec.StopImage(), 'x' * 20)] * 3121, codec.ValueRangeError, '65542 bytes'),
    ],
)
def test_children_that_do_not_fit_are_not_packed(
    children: list[Message], error: type[codec.EncodeError], match: str
) -> None:
    assert_not_packed(codec.Bind(children), error, match)


GET_CASES: list[tuple[Any, bytes]] = [
    (codec.GetBind(), b''),
    (
        codec.GetBind((('TRANSFORM', 'Probe'), ('GET_POLYDATA', ''))),
        b'\0\2' + b'TRANSFORM\0\0\0' + b'GET_POLYDATA' + b'\0\x08' + b'Probe\0\0\0',
    ),
]


@pytest.mark.parametrize(('value', 'data'), GET_CASES)
def test_a_query_packs_to_its_bytes(value: codec.GetBind, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), GET_CASES)
def test_b29_a_query_is_read_from_its_bytes(value: codec.GetBind, data: bytes) -> None:
    assert receive_content('GET_BIND', data) == value


def test_a_query_as_the_reference_packs_it_without_padding_is_read() -> None:
    data = b'\0\1' + b'STATUS'.ljust(12, b'\0') + b'\0\5Test\0'
    assert receive_content('GET_BIND', data) == codec.GetBind((('STATUS', 'Test'),))


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (b'\0', codec.ContentSizeError, '2 bytes or more'),
        (bytes(5), codec.ContentSizeError, 'takes 4 bytes, got 5'),
        (b'\0\1' + bytes(12), codec.ContentSizeError, '16 bytes or more'),
        (b'\0\1' + bytes(12) + b'\0\2ab', codec.ContentValueError, 'as many names are needed'),
    ],
)
def test_b29_a_query_that_is_none_is_refused(
    data: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('GET_BIND', data, error, match)
    assert_content_refused('STT_BIND', bytes(8) + data, error, match)


def test_a_query_for_what_no_header_can_name_is_not_packed() -> None:
    assert_not_packed(codec.GetBind((('', 'a'),)), codec.ValueRangeError, 'type name')
    assert_not_packed(codec.GetBind((('A', 'x' * 21),)), codec.NameTooLongError, '20 are allowed')


START_CASES: list[tuple[Any, bytes]] = [
    (codec.StartBind(), bytes(8)),
    (codec.StartBind(2**64 - 1), b'\xff' * 8),
    (codec.StartBind(1, GET_CASES[1][0].children), bytes(7) + b'\1' + GET_CASES[1][1]),
]


@pytest.mark.parametrize(('value', 'data'), START_CASES)
def test_a_start_packs_to_its_bytes(value: codec.StartBind, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), START_CASES)
def test_b29_a_start_is_read_from_its_bytes(value: codec.StartBind, data: bytes) -> None:
    assert receive_content('STT_BIND', data) == value


def test_b29_a_start_without_its_resolution_is_refused() -> None:
    assert_content_refused('STT_BIND', bytes(7), codec.ContentSizeError, '8 bytes or more')
    assert_content_refused('STT_BIND', b'', codec.NoDataError, 'empty content')


@pytest.mark.parametrize('resolution', [-1, 2**64])
def test_a_resolution_that_does_not_fit_is_not_packed(resolution: int) -> None:
    assert_not_packed(codec.StartBind(resolution), codec.ValueRangeError, f'{resolution} ns')


def test_a_reply_is_one_byte_or_the_empty_one_of_the_documents() -> None:
    assert content_bytes(codec.BindReply(1)) == b'\1'
    assert receive_content('RTS_BIND', b'\1') == codec.BindReply(1)
    assert receive_content('RTS_BIND', b'') == codec.BindReply(0)
    assert_content_refused('RTS_BIND', bytes(2), codec.ContentSizeError, '1 bytes, got 2')

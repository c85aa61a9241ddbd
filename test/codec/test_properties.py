# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The promise of the codec: any bytes give a message, a need for more, or the documented error.

And the same messages come out however a stream is cut, and pack to the bytes they came from.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.feeding import (
    FEEDS,
    Outcome,
    by_get_buffer,
    by_receive_data,
    receive_every_way,
    say,
)
from helpers.golden import GOLDENS
from helpers.strategies import CONTENTS, OWN, messages
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec
from ros2_igtl.codec.crc import crc64


def test_every_registered_type_has_a_strategy() -> None:
    assert set(CONTENTS) == set(codec.MESSAGE_TYPES)


@pytest.mark.parametrize('type_name', [*OWN, 'GET_IMAGE', 'STP_IMAGE', 'RTS_IMAGE', ''])
@given(data=st.data())
def test_a_message_of_any_type_comes_back(type_name: str, data: st.DataObject) -> None:
    message = data.draw(messages(type_name))
    packed = codec.pack(message)
    received = codec.unpack(packed)
    assert type(received.content) is type(message.content)
    assert received.type_name == message.type_name
    assert received.device_name == message.device_name
    assert received.timestamp == message.timestamp
    assert received.header_version == message.header_version
    assert received.message_id == message.message_id
    assert received.metadata == message.metadata
    assert say(received)
    # what is canonical packs to the bytes it came from, so the content is the same too
    assert codec.pack(received) == packed


@given(st.lists(messages(), max_size=4), st.data())
def test_any_cut_of_any_stream_gives_the_same_messages(
    sent: list[codec.Message], data: st.DataObject
) -> None:
    stream = b''.join(codec.pack(message) for message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:stop] for start, stop in pairwise([0, *cuts, len(stream)])]
    step = data.draw(st.sampled_from([1, 100, 10**6]))
    for feed in FEEDS:
        connection = codec.Connection(codec.Limits(max_unreceived=step))
        received = feed(connection, pieces)
        assert all(isinstance(message, codec.Message) for message in received)
        assert b''.join(codec.pack(message) for message in received) == stream  # type: ignore[arg-type]
        assert connection.idle
        connection.close()


@given(st.binary(max_size=300))
def test_any_bytes_give_a_message_or_a_decode_error(data: bytes) -> None:
    assert_documented(data)


@given(
    st.sampled_from([name.encode() for name in CONTENTS] + [b'NEW', b'\x01']),
    st.sampled_from([1, 2, 3, 0]),
    st.binary(max_size=300),
    st.booleans(),
)
def test_any_body_under_any_type_gives_a_message_or_a_decode_error(
    type_name: bytes, version: int, body: bytes, wrapped: bool
) -> None:
    content = extended_body(body) if wrapped and version == 2 else body
    assert_documented(message_bytes(type_name, content, version=version))


@given(
    st.binary(max_size=40),
    *[st.none() | st.integers(0, 300) | st.sampled_from([16384, 65535])] * 3,
    st.none() | st.integers(0, 2**32 - 1),
)
def test_any_sizes_of_header_version_2_give_a_message_or_a_decode_error(
    content: bytes,
    extended_size: int | None,
    count: int | None,
    header_size: int | None,
    metadata_size: int | None,
) -> None:
    body = extended_body(
        content,
        ((b'key', 3, b'value'),),
        extended_size=12 if extended_size is None else extended_size,
        count=count,
        header_size=header_size,
        metadata_size=metadata_size,
    )
    assert_documented(message_bytes(b'STRING', body, version=2))


def unpacked(data: bytes) -> Outcome:
    try:
        return codec.unpack(data)
    except codec.DecodeError as error:
        return error


def assert_documented(data: bytes) -> None:
    """Assert that bytes are read or refused as documented, by ``unpack`` and a connection."""
    outcome = unpacked(data)
    for feed in FEEDS:
        received = feed(codec.Connection(), [data])
        if isinstance(outcome, codec.TruncatedError):
            assert received == []
        else:
            assert received
            # unpack also refuses what follows the message, which a connection reads on
            if 'body has' not in str(outcome):
                assert say(received[0]) == say(outcome)
    if isinstance(outcome, codec.Message):
        assert say(receive_every_way(data)) == say(outcome)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return a message with a few faults, its CRC mostly set right so that they are reached."""
    body = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        position = rng.randrange(len(body))
        kind = rng.randrange(6)
        if kind == 0:
            body[position] ^= 1 << rng.randrange(8)
        elif kind == 1:
            body[position] = rng.choice((0, 1, 2, 127, 128, 255))
        elif kind == 2:
            del body[position : position + rng.randrange(1, 9)]
        elif kind == 3:
            body[position:position] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 4:
            body[position : position + 4] = rng.choice((b'\0' * 4, b'\xff' * 4, b'\x7f' * 4))
        else:
            other = rng.randrange(len(body))
            body[position : position + 8] = body[other : other + 8]
        if not body:
            return b''
    if len(body) > 58 and rng.random() < 0.9:
        body[42:50] = (len(body) - 58).to_bytes(8, 'big')
        body[50:58] = crc64(body[58:]).to_bytes(8, 'big')
    return bytes(body)


SMALL_GOLDENS = [case for case in GOLDENS if len(case.data) < 1000]


def test_20000_mutated_golden_messages_give_messages_or_decode_errors() -> None:
    rng = random.Random(18944)
    causes: dict[str, int] = {}
    limits = codec.Limits(max_body_size=100_000)
    for index in range(20_000):
        cases = GOLDENS if index % 10 == 0 else SMALL_GOLDENS
        data = mutated(rng, rng.choice(cases).data)
        outcome = unpacked(data)
        cause = outcome.cause if isinstance(outcome, codec.DecodeError) else 'message'
        causes[cause] = causes.get(cause, 0) + 1
        if isinstance(outcome, codec.Message):
            assert_packs_or_refuses(outcome)
            if index % 10 == 0:
                assert say(outcome)
        cut = rng.randrange(len(data) + 1)
        feed = by_receive_data if index % 2 else by_get_buffer
        feed(codec.Connection(limits), [data[:cut], data[cut:]])
    # the fuzz reaches what it is meant to reach
    assert causes['message'] > 1000
    for cause in (
        'crc',
        'content_size',
        'content_value',
        'metadata',
        'extended_header',
        'header_version',
        'truncated',
        'type_name',
        'unsupported_version',
    ):
        assert causes.get(cause, 0) > 0, causes


def assert_packs_or_refuses(message: codec.Message) -> None:
    """Assert that a message packs to itself, unless a name fills its field: never written."""
    try:
        packed = codec.pack(message)
    except codec.EncodeError:
        return
    assert codec.pack(codec.unpack(packed)) == packed


def test_a_stream_of_mutated_messages_is_followed_until_it_is_lost() -> None:
    rng = random.Random(18945)
    for _ in range(100):
        parts = [mutated(rng, rng.choice(SMALL_GOLDENS).data) for _ in range(10)]
        stream = b''.join(parts)
        cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(5))
        pieces = [stream[start:stop] for start, stop in pairwise([0, *cuts, len(stream)])]
        outcomes = [
            [say(outcome) for outcome in feed(codec.Connection(), way)]
            for feed in FEEDS
            for way in ([stream], pieces)
        ]
        assert all(outcome == outcomes[0] for outcome in outcomes)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The promise of the codec: any bytes give a message, a need for more, or the documented error.

And the same messages come out however a stream is cut, and pack to the bytes they came from.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.feeding import FEEDS, receive_every_way, say
from helpers.promise import check_bytes
from helpers.strategies import CONTENTS, OWN, messages
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec


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


def assert_documented(data: bytes) -> None:
    """Assert that bytes are read or refused as documented, by ``unpack`` and a connection."""
    outcome = check_bytes(data)
    if isinstance(outcome, codec.Message):
        assert say(receive_every_way(data)) == say(outcome)

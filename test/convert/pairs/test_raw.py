# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.raw: contents as bytes."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.pairs.raw import content_from_raw_message, content_to_raw_message
from ros2_igtl.msg import MetadataEntry, RawMessage

CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


texts = st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=4)


@given(
    st.text('ABC_ 12~', min_size=1, max_size=12),
    st.binary(max_size=60),
    st.integers(0, 2**32 - 1),
    st.dictionaries(texts, texts, max_size=3),
)
def test_b8_a_message_of_an_unknown_type_passes_through_ros_byte_by_byte(
    type_name: str, body: bytes, message_id: int, metadata: dict[str, str]
) -> None:
    unknown = codec.Unknown(type_name, body)
    packed = codec.pack(codec.Message(unknown, 'Robot', 0, 2, message_id, metadata))
    received = codec.unpack(packed)
    if not isinstance(received.content, codec.Unknown):
        return  # the name of a type that there is
    context = Context(
        received.device_name,
        Time(),
        'igtl_ras',
        'Robot',
        2,
        received.message_id,
        received.metadata,
    )
    message = content_to_raw_message(received.content, context)
    assert (message.device_name, message.header_version) == ('Robot', 2)
    sent = content_from_raw_message(deserialize_message(serialize_message(message), RawMessage))
    back = codec.Message(sent.content, 'Robot', 0, 2, sent.message_id, sent.metadata)
    assert codec.pack(back) == packed


def test_the_bytes_of_an_unknown_type_are_not_copied_where_they_need_not_be() -> None:
    body = array('B', b'1234')
    message = content_to_raw_message(codec.Unknown('NEW', body), CONTEXT)
    assert message.body is body
    sent: Any = content_from_raw_message(message)
    body[0] = 0
    assert bytes(sent.content.body) == b'\x00234'
    assert sent == Outbound(sent.content, 5_000_000_000)


@pytest.mark.parametrize('type_name', ['', 'A' * 13, 'ÄRGER', 'A\nB'])
def test_b8_a_type_name_that_fits_no_header_is_refused(type_name: str) -> None:
    message = RawMessage(type_name=type_name)
    assert cause(content_from_raw_message, message) == 'type_name'


@pytest.mark.parametrize(
    ('type_name', 'body', 'expected'),
    [
        ('TRANSFORM', bytes(47), 'content_size'),
        ('TRANSFORM', b'', 'no_data'),
        ('IMAGE', bytes(72), 'content_value'),
        ('GET_IMAGE', b'1', 'content_size'),
    ],
)
def test_bytes_that_are_no_content_of_a_known_type_are_refused(
    type_name: str, body: bytes, expected: str
) -> None:
    message = RawMessage(type_name=type_name, body=body)
    assert cause(content_from_raw_message, message) == expected


def test_a_content_that_cannot_be_packed_is_refused() -> None:
    content = codec.String('x' * 70_000)
    assert cause(lambda c: content_to_raw_message(c, CONTEXT), content) == 'encode'


def test_metadata_that_are_none_are_refused() -> None:
    entries = [MetadataEntry(key='A'), MetadataEntry(key='A')]
    message = RawMessage(type_name='NEW', metadata=entries)
    assert cause(content_from_raw_message, message) == 'metadata'

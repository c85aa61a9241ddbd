# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.text: STRING."""

from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import String

from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.text import string_from_ros, string_to_ros

CONTEXT = Context('Robot', Time(), 'Tracker', 'Robot')


@pytest.mark.parametrize(
    ('raw', 'encoding', 'text'),
    [
        (b'ready', 3, 'ready'),
        ('Grüße'.encode(), 106, 'Grüße'),
        ('Grüße'.encode('latin-1'), 4, 'Grüße'),
        ('Grüße'.encode('utf-16-be'), 1013, 'Grüße'),
        (b'caf\xe9', 0, 'café'),  # unknown: Latin-1
        (b'caf\xe9', 9999, 'café'),
        (b'caf\xe9', 106, 'caf\ufffd'),
        (b'a\0b', 3, 'a\ufffdb'),
        (b'', 3, ''),
    ],
)
def test_b24_any_text_of_a_peer_is_read(raw: bytes, encoding: int, text: str) -> None:
    assert string_to_ros(codec.String.from_raw(raw, encoding), CONTEXT).data == text


@given(st.binary(max_size=30), st.sampled_from([0, 3, 4, 17, 106, 1000, 1013, 1015, 2084, 65535]))
def test_b24_any_bytes_of_a_peer_can_be_published_whole(raw: bytes, encoding: int) -> None:
    message = string_to_ros(codec.String.from_raw(raw, encoding), CONTEXT)
    assert deserialize_message(serialize_message(message), String) == message


@pytest.mark.parametrize(
    ('text', 'raw', 'encoding'),
    [('ready', b'ready', 3), ('Grüße', 'Grüße'.encode(), 106), ('', b'', 3)],
)
def test_only_what_is_not_ascii_is_sent_as_utf_8(text: str, raw: bytes, encoding: int) -> None:
    content = string_from_ros(String(data=text)).content
    assert content == codec.String.from_raw(raw, encoding)

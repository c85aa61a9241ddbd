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
    (codec.Capability(), b''),
    (codec.Capability(('IMAGE',)), b'IMAGE' + bytes(7)),
    (
        codec.Capability(('GET_POLYDATA', '', 'TRANSFORM')),
        b'GET_POLYDATA' + bytes(12) + b'TRANSFORM' + bytes(3),
    ),
    (codec.Capability(('\udcff',)), b'\xff' + bytes(11)),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_capability_packs_to_its_bytes(value: codec.Capability, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_capability_is_read_from_its_bytes(value: codec.Capability, data: bytes) -> None:
    assert receive_content('CAPABILITY', data) == value


@pytest.mark.parametrize('size', [1, 11, 13, 35])
def test_a_capability_of_a_broken_name_is_refused(size: int) -> None:
    assert_content_refused('CAPABILITY', bytes(size), codec.ContentSizeError, 'multiple of 12')


def test_a_name_of_more_than_12_bytes_is_not_packed() -> None:
    value = codec.Capability(('THIRTEENCHARS',))
    assert_not_packed(value, codec.NameTooLongError, '13 bytes, 12 are allowed')


def test_more_names_than_a_message_may_have_items_are_refused() -> None:
    data = b'IMAGE'.ljust(12, b'\0') * 65535
    message = codec.unpack(codec.pack(codec.Message(codec.Unknown('CAPABILITY', data))))
    assert len(message.content.type_names) == message.content.item_count == 65535
    assert codec.pack(message)[58:] == data
    data = codec.pack(codec.Message(codec.Unknown('CAPABILITY', data + bytes(12))))
    with pytest.raises(codec.ContentValueError, match='65536 names, 65535 are allowed'):
        codec.unpack(data)
    value = codec.Capability(('IMAGE',) * 65536)
    assert_not_packed(value, codec.ValueRangeError, '65536 names, 65535 are allowed')

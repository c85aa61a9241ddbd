# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from ros2_igtl import codec


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
    assert unknown.pack_parts() == (b'body',)
    assert repr(unknown) == "Unknown('NEW', 4 bytes)"
    with pytest.raises(TypeError, match=r'Unknown\(type_name, body\)'):
        codec.Unknown.unpack(memoryview(b''))

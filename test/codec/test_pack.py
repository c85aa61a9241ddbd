# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from helpers.message_cases import CASES
from helpers.wire_bytes import message_bytes
from ros2_igtl import codec


@pytest.mark.parametrize(('message', 'data'), CASES)
def test_a_message_packs_to_its_bytes(message: codec.Message, data: bytes) -> None:
    assert codec.pack(message) == data
    assert b''.join(codec.pack_parts(message)) == data


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
    start = f'{message.type_name} {message.device_name!r}: '
    for pack in (codec.pack, codec.pack_parts):
        with pytest.raises(codec.EncodeError, match=match) as caught:
            pack(message)
        assert str(caught.value).startswith(start)


def test_metadata_and_message_id_are_not_written_in_header_version_1() -> None:
    for message in (
        codec.Message(codec.String('x'), metadata={'a': 'b'}),
        codec.Message(codec.String('x'), message_id=1),
    ):
        with pytest.raises(codec.ValueRangeError, match='need header_version 2'):
            codec.pack(message)


def test_a_body_of_wider_numbers_is_packed_as_its_bytes() -> None:
    message = codec.Message(codec.Unknown('NEW', np.array([1, 2], '>u2')))
    assert codec.pack(message) == message_bytes(b'NEW', b'\0\1\0\2')


def test_any_number_of_device_names_may_be_written() -> None:
    for index in range(3000):
        data = codec.pack(codec.Message(codec.GetStatus(), f'Device{index}'))
        assert data[14:34] == f'Device{index}'.encode().ljust(20, b'\0')

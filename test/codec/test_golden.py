# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The golden messages of the reference library, against the codec and against a slow decoder."""

from __future__ import annotations

import hashlib

import pytest

from helpers import slow_decoder
from helpers.feeding import receive_every_way, say
from helpers.golden import GOLDENS, Golden
from ros2_igtl import codec

each_golden = pytest.mark.parametrize('case', GOLDENS, ids=[case.name for case in GOLDENS])


def test_there_are_25_golden_messages() -> None:
    assert len(GOLDENS) == 25


@each_golden
def test_a_golden_message_is_what_its_index_says(case: Golden) -> None:
    message = codec.unpack(case.data)
    assert hashlib.sha256(case.data).hexdigest() == case.facts['sha256']
    assert message.type_name == case.facts['type']
    assert message.device_name == case.facts['device_name']
    assert message.header_version == case.facts['header_version']
    assert message.timestamp == int(case.facts['timestamp'], 16)
    assert message.message_id == case.facts.get('ext_header', {}).get('message_id', 0)
    metadata = {key: (encoding, text) for key, encoding, text in case.facts.get('metadata', [])}
    assert metadata == {
        key: (value.encoding, value)
        for key, value in message.metadata.items()
        if isinstance(value, codec.EncodedText)
    }


@each_golden
def test_a_golden_message_packs_to_the_same_bytes(case: Golden) -> None:
    message = codec.unpack(case.data)
    assert codec.pack(message) == case.data
    assert b''.join(codec.pack_parts(message)) == case.data


@each_golden
def test_a_golden_message_says_what_the_slow_decoder_says(case: Golden) -> None:
    assert codec.describe(codec.unpack(case.data)) == slow_decoder.message(case.data)


@each_golden
def test_a_golden_message_arrives_in_any_pieces(case: Golden) -> None:
    outcome = receive_every_way(case.data)
    assert isinstance(outcome, codec.Message)
    assert say(outcome) == say(codec.unpack(case.data))
    assert codec.pack(outcome) == case.data


@each_golden
def test_a_golden_message_that_is_cut_short_is_truncated(case: Golden) -> None:
    for size in (0, 57, 58, len(case.data) - 1):
        with pytest.raises(codec.TruncatedError):
            codec.unpack(case.data[:size])


@each_golden
def test_a_golden_message_with_any_bit_of_its_body_turned_is_refused(case: Golden) -> None:
    for position in range(58, len(case.data), 7):
        data = bytearray(case.data)
        data[position] ^= 1 << position % 8
        with pytest.raises(codec.CrcError):
            codec.unpack(data)


@each_golden
def test_a_golden_message_has_a_class_of_its_own(case: Golden) -> None:
    message = codec.unpack(case.data)
    assert type(message.content) is codec.MESSAGE_TYPES[case.facts['type']]
    assert message.type_name in slow_decoder.CONTENTS

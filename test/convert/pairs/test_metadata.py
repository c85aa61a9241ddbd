# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.metadata: metadata."""

from __future__ import annotations

from array import array

import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.metadata import (
    entries_from_metadata,
    faults_by_frame,
    faults_of,
    metadata_from_entries,
    metadata_to_ros,
)
from ros2_igtl.msg import MetadataEntry

keys = st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=8)
encodings = st.sampled_from([3, 4, 17, 106, 1013, 1015, 2250, 1, 65535])
values = st.builds(codec.EncodedText, st.binary(max_size=20), encodings)


@given(st.dictionaries(keys, values, max_size=4))
def test_received_metadata_pass_through_ros_byte_by_byte(given_metadata: dict[str, str]) -> None:
    packed = codec.pack(
        codec.Message(codec.String('x'), header_version=2, metadata=given_metadata)
    )
    received = codec.unpack(packed)
    entries = [
        deserialize_message(serialize_message(entry), MetadataEntry)
        for entry in entries_from_metadata(received.metadata)
    ]
    received.metadata = metadata_from_entries(entries)
    assert codec.pack(received) == packed


@pytest.mark.parametrize(
    ('raw', 'encoding', 'text', 'kept'),
    [
        (b'OK', 3, 'OK', b''),
        (b'Gr\xfc\xdfe', 4, 'Grüße', b''),
        (b'caf\xe9', 106, 'caf\ufffd', b'caf\xe9'),
        (b'a\0b', 3, 'a\ufffdb', b'a\0b'),
        (b'caf\xe9', 9999, 'café', b'caf\xe9'),  # unknown: read as Latin-1
        (b'', 9999, '', b''),
    ],
)
def test_a_value_that_is_not_all_text_keeps_its_bytes(
    raw: bytes, encoding: int, text: str, kept: bytes
) -> None:
    (entry,) = entries_from_metadata({'Key': codec.EncodedText(raw, encoding)})
    assert entry == MetadataEntry(key='Key', value=text, encoding=encoding, raw=array('B', kept))
    back = metadata_from_entries([entry])['Key']
    assert isinstance(back, codec.EncodedText)
    assert (back.raw, back.encoding) == (raw, encoding)


def test_a_plain_text_is_sent_in_the_encoding_that_it_needs() -> None:
    (entry,) = entries_from_metadata({'Key': 'Grüße'})
    assert entry == MetadataEntry(key='Key', value='Grüße')
    assert metadata_from_entries([entry]) == {'Key': 'Grüße'}
    assert metadata_from_entries([]) == {}


def test_a_key_that_is_no_utf_8_is_shown_as_far_as_it_is() -> None:
    (entry,) = entries_from_metadata({'K\udcfc': 'x'})
    assert entry.key == 'K\ufffd'


def test_a_key_that_is_there_twice_is_refused() -> None:
    entries = [MetadataEntry(key='A', value='1'), MetadataEntry(key='A', value='2')]
    with pytest.raises(ConvertError, match="key 'A' is used twice") as refusal:
        metadata_from_entries(entries)
    assert refusal.value.cause == 'metadata'


@pytest.mark.parametrize('encoding', [3, 9999])
def test_a_text_that_its_encoding_does_not_have_is_refused(encoding: int) -> None:
    with pytest.raises(ConvertError, match=f"key 'A': encoding {encoding} ") as refusal:
        metadata_from_entries([MetadataEntry(key='A', value='ü', encoding=encoding)])
    assert refusal.value.cause == 'metadata'


def test_bytes_count_more_than_the_text() -> None:
    entry = MetadataEntry(key='A', value='shown', encoding=106, raw=b'\xff\xfe')
    value = metadata_from_entries([entry])['A']
    assert isinstance(value, codec.EncodedText)
    assert value.raw == b'\xff\xfe'


def test_metadata_say_whose_they_are_and_come_with_the_stamp_of_the_message() -> None:
    metadata = {'age': codec.EncodedText(b'22', 3), 'who': codec.EncodedText(b'\xe9', 4)}
    context = Context('CT', Time(sec=5), 'igtl_ras', 'CT', 2, 7, metadata)
    message = metadata_to_ros('IMAGE', context)
    assert (message.header.stamp, message.header.frame_id) == (Time(sec=5), 'igtl_ras')
    assert (message.type_name, message.device_name) == ('IMAGE', 'CT')
    assert (message.header_version, message.message_id) == (2, 7)
    entries = [(entry.key, entry.value, entry.encoding) for entry in message.entries]
    assert entries == [('age', '22', 3), ('who', 'é', 4)]


def test_f55_a_fault_is_found_by_the_frame_in_the_name_of_a_tool() -> None:
    faults = faults_of(
        {
            'TransformStatus': 'INVALID',
            'ProbeToTrackerTransformStatus': 'MISSING',
            'NeedleStatus': 'OUT_OF_VIEW',
            'GoodStatus': 'OK',
            'Status': 'x',
            'Other': 'x',
        }
    )
    assert faults == {'': 'INVALID', 'ProbeToTracker': 'MISSING', 'Needle': 'OUT_OF_VIEW'}
    assert faults_by_frame(faults) == {'Probe': 'MISSING', 'Needle': 'OUT_OF_VIEW'}
    assert set(faults_by_frame(faults, 'left/')) == {'left/Probe', 'left/Needle'}

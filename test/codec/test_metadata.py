# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.feeding import assert_refused, receive_every_way
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec
from ros2_igtl.codec.metadata import (
    _CODECS,
    decode_text,
    encode_text,
    pack_metadata,
    unpack_metadata,
)

STRING = b'\0\3\0\2ok'

# metadata, its header, its body
CASES = [
    ({}, b'\0\0', b''),
    ({'a': 'b'}, bytes.fromhex('0001 0001 0003 00000001'), b'ab'),
    ({'a': ''}, bytes.fromhex('0001 0001 0003 00000000'), b'a'),
    ({'': 'b'}, bytes.fromhex('0001 0000 0003 00000001'), b'b'),
    (
        {'\u00e9': '\u00fc', 'b': '2', 'a': '1'},  # in ascending order of the bytes
        bytes.fromhex('0003 0001 0003 00000001 0001 0003 00000001 0002 006a 00000002'),
        b'a1b2\xc3\xa9\xc3\xbc',
    ),
    ({'\udcff': 'x'}, bytes.fromhex('0001 0001 0003 00000001'), b'\xffx'),
]


@pytest.mark.parametrize(('metadata', 'header', 'body'), CASES)
def test_metadata_pack_to_their_bytes(
    metadata: dict[str, str], header: bytes, body: bytes
) -> None:
    assert pack_metadata(metadata) == (header, body)


@pytest.mark.parametrize(('metadata', 'header', 'body'), CASES)
def test_metadata_unpack_from_their_bytes(
    metadata: dict[str, str], header: bytes, body: bytes
) -> None:
    assert unpack_metadata(memoryview(header), memoryview(body)) == metadata


def test_a_received_value_keeps_its_bytes_and_its_encoding() -> None:
    value = codec.EncodedText(b'\xfe\xff\0A', 1013)
    assert (value, value.raw, value.encoding) == ('\ufeffA', b'\xfe\xff\0A', 1013)
    header, body = pack_metadata({'k': value})
    received = unpack_metadata(memoryview(header), memoryview(body))['k']
    assert isinstance(received, codec.EncodedText)
    assert (received.raw, received.encoding) == (value.raw, value.encoding)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=8))
def test_any_metadata_come_back(metadata: dict[str, str]) -> None:
    header, body = pack_metadata(metadata)
    assert unpack_metadata(memoryview(header), memoryview(body)) == metadata


@given(st.binary(max_size=200), st.integers(0, 0xFFFF) | st.sampled_from(sorted(_CODECS)))
def test_any_bytes_in_any_encoding_are_a_text(raw: bytes, encoding: int) -> None:
    assert isinstance(decode_text(raw, encoding), str)


@given(st.text(max_size=50))
def test_text_is_written_as_ascii_where_that_suffices_and_as_utf_8_elsewhere(text: str) -> None:
    raw, encoding = encode_text(text, None)
    assert encoding == (3 if text.isascii() else 106)
    assert raw == text.encode()
    assert decode_text(raw, encoding) == text


@pytest.mark.parametrize(
    ('encoding', 'raw'),
    [(4, b'\xe9'), (106, b'\xc3\xa9'), (1013, b'\0\xe9'), (1014, b'\xe9\0'), (2252, b'\xe9')],
)
def test_text_is_written_and_read_in_a_declared_encoding(encoding: int, raw: bytes) -> None:
    assert encode_text('\u00e9', encoding) == (raw, encoding)
    assert decode_text(raw, encoding) == '\u00e9'


@pytest.mark.parametrize('encoding', [3, 17, 18, 38, 39, 113, 114, 1012, 2025, 2026, 2085])
def test_every_encoding_of_several_bytes_reads_ascii(encoding: int) -> None:
    assert decode_text(b'ready 5', encoding) == 'ready 5'


# as the registry of character sets numbers and names them
REGISTERED = [
    *[(3 + part, f'ISO-8859-{part}') for part in range(1, 11)],
    *[(96 + part, f'ISO-8859-{part}') for part in range(13, 17)],
    *[(2250 + page, f'windows-125{page}') for page in range(9)],
    *[(17, 'Shift_JIS'), (18, 'EUC-JP'), (36, 'KS_C_5601-1987'), (38, 'EUC-KR'), (113, 'GBK')],
    *[(114, 'GB18030'), (119, 'KZ-1048'), (2004, 'hp-roman8'), (2009, 'IBM850'), (2010, 'IBM852')],
    *[(2011, 'IBM437'), (2013, 'IBM862'), (2025, 'GB2312'), (2026, 'Big5'), (2027, 'macintosh')],
    *[(2028, 'IBM037'), (2030, 'IBM273'), (2043, 'IBM424'), (2044, 'IBM500'), (2046, 'IBM855')],
    *[(2047, 'IBM857'), (2048, 'IBM860'), (2049, 'IBM861'), (2050, 'IBM863'), (2051, 'IBM864')],
    *[(2052, 'IBM865'), (2054, 'IBM869'), (2063, 'IBM1026'), (2084, 'KOI8-R'), (2086, 'IBM866')],
    *[(2087, 'IBM775'), (2088, 'KOI8-U'), (2101, 'Big5-HKSCS'), (2103, 'PTCP154')],
    *[(2259, 'TIS-620'), (2024, 'ms-kanji'), (2089, 'CP858'), (2091, 'CP1140'), (2109, 'CP874')],
]


@pytest.mark.parametrize(('encoding', 'name'), REGISTERED)
def test_a_registered_encoding_is_the_one_that_python_knows_by_its_name(
    encoding: int, name: str
) -> None:
    raw = bytes(range(256))
    assert decode_text(raw, encoding) == raw.decode(name, 'replace')


@pytest.mark.parametrize('encoding', sorted(_CODECS))
def test_text_of_every_encoding_that_is_known_is_written_and_read(encoding: int) -> None:
    assert decode_text(*encode_text('A 1', encoding)) == 'A 1'


def test_b24_an_unknown_encoding_reads_as_latin_1() -> None:
    assert decode_text(b'\xe9\0', 9999) == '\u00e9\0'


def test_b24_bytes_that_are_no_text_are_replaced() -> None:
    assert decode_text(b'ok\xff', 106) == 'ok\ufffd'
    assert decode_text(b'ok\xff', 3) == 'ok\ufffd'


@pytest.mark.parametrize('encoding', [0, 9999, -1])
def test_text_is_not_written_in_an_unknown_encoding(encoding: int) -> None:
    with pytest.raises(codec.ValueRangeError, match=f'encoding {encoding} is unknown'):
        encode_text('x', encoding)


@pytest.mark.parametrize(('text', 'encoding'), [('\u00e9', 3), ('\u4e2d', 4), ('\ud800', None)])
def test_text_that_its_encoding_cannot_express_is_not_written(
    text: str, encoding: int | None
) -> None:
    with pytest.raises(codec.ValueRangeError, match='cannot express'):
        encode_text(text, encoding)


def test_more_entries_than_the_header_can_count_are_not_written() -> None:
    metadata = {str(index): '' for index in range(8191)}
    header, body = pack_metadata(metadata)
    assert unpack_metadata(memoryview(header), memoryview(body)) == metadata
    with pytest.raises(codec.ValueRangeError, match='8192 entries, 8191 are allowed'):
        pack_metadata({**metadata, 'one more': ''})


def test_a_key_longer_than_its_size_field_is_not_written() -> None:
    pack_metadata({'k' * 65535: ''})
    with pytest.raises(codec.ValueRangeError, match='65536 bytes, 65535 are allowed'):
        pack_metadata({'k' * 65536: ''})


def test_b12_metadata_of_more_than_a_mebibyte_are_refused() -> None:
    metadata = {'key': 'x' * (2**20 - 3)}
    header, body = pack_metadata(metadata)
    assert unpack_metadata(memoryview(header), memoryview(body)) == metadata
    with pytest.raises(codec.ValueRangeError, match='1048577 bytes, 1048576 are allowed'):
        pack_metadata({'keys': metadata['key']})
    data = extended_body(STRING, ((b'keys', 3, metadata['key'].encode()),))
    message = codec.pack(codec.Message(codec.Unknown('STRING', data)))
    with pytest.raises(codec.MetadataError, match='1048577 bytes, 1048576 are allowed'):
        codec.unpack(b'\0\2' + message[2:])


def receive(body: bytes) -> codec.Message:
    message = receive_every_way(message_bytes(b'STRING', body, version=2))
    assert isinstance(message, codec.Message)
    return message


def test_a_metadata_header_of_size_0_means_no_metadata() -> None:
    body = extended_body(STRING, header_size=0)[:-2]
    assert receive(body).metadata == {}


@pytest.mark.parametrize(
    'body',
    [
        extended_body(STRING, ((b'a', 3, b'b'),), count=65535),
        extended_body(STRING, ((b'a', 3, b'b'),), count=0),
        extended_body(STRING, ((b'a', 3, b'b'),), count=2),
        extended_body(STRING, header_size=1)[:-1],
    ],
    ids=['65535', '0', '2', 'half a count'],
)
def test_b12_a_count_that_is_not_the_metadata_headers_is_refused(body: bytes) -> None:
    data = message_bytes(b'STRING', body, version=2)
    assert_refused(data, codec.MetadataError, 'metadata header of')


@pytest.mark.parametrize(
    ('position', 'value'),
    [(2, b'\0\2'), (2, b'\xff\xff'), (6, b'\0\0\0\2'), (6, b'\xff\xff\xff\xff'), (6, bytes(4))],
)
def test_b12_sizes_that_are_not_the_metadatas_are_refused(position: int, value: bytes) -> None:
    body = bytearray(extended_body(STRING, ((b'a', 3, b'b'),)))
    start = 12 + len(STRING) + position
    body[start : start + len(value)] = value
    data = message_bytes(b'STRING', bytes(body), version=2)
    assert_refused(data, codec.MetadataError, 'metadata entries take')


def test_b12_metadata_of_more_than_65535_bytes_work() -> None:
    metadata = {'a': 'x' * 70000, 'b': 'y' * 70000}
    message = codec.Message(codec.String('ok'), '', 0, 2, 1, metadata)
    received = receive_every_way(codec.pack(message))
    assert received == message


def test_b12_of_a_repeated_key_the_last_value_counts() -> None:
    message = receive(extended_body(STRING, ((b'a', 3, b'1'), (b'a', 3, b'2'))))
    assert message.metadata == {'a': '2'}


@pytest.mark.parametrize('encoding', [0, 9999, 65535])
def test_b12_a_value_of_unknown_encoding_keeps_its_bytes(encoding: int) -> None:
    body = extended_body(STRING, ((b'a', encoding, b'\xff\0\x80'),))
    message = receive(body)
    value = message.metadata['a']
    assert isinstance(value, codec.EncodedText)
    assert (value.raw, value.encoding) == (b'\xff\0\x80', encoding)
    assert codec.pack(message) == message_bytes(b'STRING', body, version=2)


def test_what_fills_the_space_between_content_and_metadata_is_refused() -> None:
    # B5: what the metadata do not account for belongs to the content
    data = message_bytes(b'TRANSFORM', extended_body(bytes(49)), version=2)
    assert_refused(data, codec.ContentSizeError, '48 bytes, got 49')

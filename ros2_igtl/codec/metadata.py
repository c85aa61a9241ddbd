# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The metadata block of header version 2, and texts with a declared encoding.

Source: ``v3_proposal.md``, ``igtlMessageBase.cxx``; encodings: IANA character sets (MIBenum),
``igtl_types.h``. Keys are written in ascending byte order. If a key is repeated, the last value
counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import MetadataError, ValueRangeError
from ros2_igtl.codec.wire import U16, U32, Buffer

__all__ = ['EncodedText']

US_ASCII = 3
UTF_8 = 106

# MIBenum -> Python codec, for all entries of the registry that Python supports.
_CODECS: dict[int, str] = {
    US_ASCII: 'ascii',
    **{3 + part: f'iso8859-{part}' for part in range(1, 10)},  # 4 to 12
    13: 'iso8859-10',
    17: 'shift_jis',
    18: 'euc_jp',
    36: 'euc_kr',  # KS_C_5601-1987
    37: 'iso2022_kr',
    38: 'euc_kr',
    39: 'iso2022_jp',
    40: 'iso2022_jp_2',
    57: 'gb2312',  # GB_2312-80
    **dict.fromkeys((81, 82), 'iso8859-6'),  # -E and -I mark the direction in different ways
    **dict.fromkeys((84, 85), 'iso8859-8'),
    103: 'utf-7',
    UTF_8: 'utf-8',
    **{96 + part: f'iso8859-{part}' for part in range(13, 17)},  # 109 to 112
    113: 'gbk',
    114: 'gb18030',
    119: 'kz1048',
    1000: 'utf-16-be',  # ISO-10646-UCS-2, in the byte order of the registry
    1001: 'utf-32-be',
    1012: 'utf-7',
    1013: 'utf-16-be',
    1014: 'utf-16-le',
    1015: 'utf-16',
    1017: 'utf-32',
    1018: 'utf-32-be',
    1019: 'utf-32-le',
    2004: 'hp_roman8',
    2009: 'cp850',
    2010: 'cp852',
    2011: 'cp437',
    2013: 'cp862',
    2024: 'cp932',
    2025: 'gb2312',
    2026: 'big5',
    2027: 'mac_roman',
    2028: 'cp037',
    2030: 'cp273',
    2043: 'cp424',
    2044: 'cp500',
    2046: 'cp855',
    2047: 'cp857',
    2048: 'cp860',
    2049: 'cp861',
    2050: 'cp863',
    2051: 'cp864',
    2052: 'cp865',
    2054: 'cp869',
    2063: 'cp1026',
    2084: 'koi8-r',
    2085: 'hz',
    2086: 'cp866',
    2087: 'cp775',
    2088: 'koi8-u',
    2089: 'cp858',
    2091: 'cp1140',
    2101: 'big5hkscs',
    2103: 'ptcp154',
    2109: 'cp874',
    **{2250 + page: f'cp125{page}' for page in range(9)},
    2259: 'tis-620',
}


def decode_text(raw: bytes, encoding: int) -> str:
    """
    Return the text of raw bytes; never fails.

    An unknown encoding is read as Latin-1, which keeps all bytes distinct; bytes that are not
    text in the declared encoding become U+FFFD.
    """
    return raw.decode(_CODECS.get(encoding, 'latin-1'), 'replace')


def encode_text(text: str, encoding: int | None) -> tuple[bytes, int]:
    """
    Return the bytes of a text and their encoding.

    :param encoding: a MIBenum; None selects US-ASCII if it suffices, otherwise UTF-8.
    :raises ValueRangeError: the encoding is unknown or cannot express the text.
    """
    if encoding is None:
        encoding = US_ASCII if text.isascii() else UTF_8
    if encoding not in _CODECS:
        raise ValueRangeError(
            f'encoding {encoding} is unknown; 3 (US-ASCII), 106 (UTF-8) and others are allowed'
        )
    try:
        return text.encode(_CODECS[encoding]), encoding
    except UnicodeError as error:
        raise ValueRangeError(f'encoding {encoding} cannot express {text!r}: {error}') from None


class EncodedText(str):
    """A text that keeps the bytes and the encoding it arrived in."""

    __slots__ = ('encoding', 'raw')
    raw: bytes
    encoding: int

    def __new__(cls, raw: bytes, encoding: int) -> EncodedText:
        """Decode ``raw``, which never fails, and keep both arguments."""
        self = super().__new__(cls, decode_text(raw, encoding))
        self.raw = raw
        self.encoding = encoding
        return self


class _Entry(NamedTuple):
    key_size: U16
    value_encoding: U16  # MIBenum
    value_size: U32


_ENTRY = wire.struct_of(_Entry)
_COUNT_SIZE = 2
_MAX_ENTRIES = (0xFFFF - _COUNT_SIZE) // _ENTRY.size  # the metadata header's size is a uint16
# Keys and values together, in bytes. The reference receiver accepts 65535 (igtlMessageBase.cxx).
# Values are decoded on receipt, at up to 0.15 microseconds and 9 bytes of memory a byte.
_MAX_SIZE = 1_048_576


def pack_metadata(metadata: Mapping[str, str]) -> tuple[bytes, bytes]:
    """
    Return the metadata header and the metadata.

    :raises ValueRangeError: more than 8191 entries, a key of more than 65535 bytes, or more than
        1048576 bytes in all.
    """
    if len(metadata) > _MAX_ENTRIES:
        raise ValueRangeError(f'metadata has {len(metadata)} entries, {_MAX_ENTRIES} are allowed')
    header = [len(metadata).to_bytes(_COUNT_SIZE, 'big')]
    body: list[bytes] = []
    by_key = {key.encode('utf-8', 'surrogateescape'): value for key, value in metadata.items()}
    for key in sorted(by_key):
        value = by_key[key]
        if len(key) > 0xFFFF:
            raise ValueRangeError(f'metadata key has {len(key)} bytes, 65535 are allowed')
        if isinstance(value, EncodedText):
            raw, encoding = value.raw, value.encoding
        else:
            raw, encoding = encode_text(value, None)
        header.append(_ENTRY.pack(len(key), encoding, len(raw)))
        body += (key, raw)
    joined = b''.join(body)
    if len(joined) > _MAX_SIZE:
        raise ValueRangeError(f'metadata has {len(joined)} bytes, {_MAX_SIZE} are allowed')
    return b''.join(header), joined


def unpack_metadata(header: Buffer, body: Buffer) -> dict[str, str]:
    """
    Return the metadata, its values as :class:`EncodedText`.

    :param header: the metadata header; empty means no metadata.
    :param body: the keys and values.
    :raises MetadataError: the sizes contradict each other, or exceed 1048576 bytes.
    """
    if len(body) > _MAX_SIZE:
        raise MetadataError(f'metadata has {len(body)} bytes, {_MAX_SIZE} are allowed')
    count = int.from_bytes(header[:_COUNT_SIZE], 'big')
    needed = _COUNT_SIZE + count * _ENTRY.size
    if len(header) != needed and not (len(header) == 0 and count == 0):
        raise MetadataError(
            f'metadata header of {count} entries takes {needed} bytes, got {len(header)}'
        )
    metadata: dict[str, str] = {}
    position = 0
    for entry in _ENTRY.iter_unpack(header[_COUNT_SIZE:]):
        key_size, encoding, value_size = entry
        value_start = position + key_size
        end = value_start + value_size
        if end > len(body):
            raise MetadataError(f'metadata entries take {end} bytes or more, got {len(body)}')
        key = bytes(body[position:value_start]).decode('utf-8', 'surrogateescape')
        metadata[key] = EncodedText(bytes(body[value_start:end]), encoding)
        position = end
    if position != len(body):
        raise MetadataError(f'metadata entries take {position} bytes, got {len(body)}')
    return metadata

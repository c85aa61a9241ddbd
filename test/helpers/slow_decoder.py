# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A second decoder that judges the first: offsets as the specification prints them, no tables.

It shares no line with the codec, checks nothing, and is as slow as it is plain. Its values have
the form that ``codec.describe`` gives to the codec's.
"""

from __future__ import annotations

import math
from typing import Any


def crc64(data: bytes) -> int:
    """CRC-64/ECMA-182, bit by bit."""
    crc = 0
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (crc >> 63) ^ (byte >> bit & 1)
            crc = (crc << 1) & 0xFFFFFFFFFFFFFFFF
            if carry:
                crc ^= 0x42F0E1EBA9EA3693
    return crc


def unsigned(data: bytes, offset: int, size: int) -> int:
    value = 0
    for byte in data[offset : offset + size]:
        value = value * 256 + byte
    return value


def signed(data: bytes, offset: int, size: int) -> int:
    value = unsigned(data, offset, size)
    return value - 256**size if value >= 256**size // 2 else value


def f32(data: bytes, offset: int) -> float | str:
    bits = unsigned(data, offset, 4)
    sign = -1.0 if bits >> 31 else 1.0
    exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 255:
        return 'nan' if fraction else str(sign * math.inf)
    if exponent == 0:
        return sign * fraction * 2.0**-149
    return sign * (fraction + 0x800000) * 2.0 ** (exponent - 150)


def floats(data: bytes, offset: int, count: int) -> list[float | str]:
    return [f32(data, offset + 4 * index) for index in range(count)]


def name(data: bytes, offset: int, size: int) -> str:
    text = ''
    for byte in data[offset : offset + size]:
        if byte == 0:
            break
        text += chr(byte)
    return text


def message(data: bytes) -> dict[str, Any]:
    """Return what a message says; its names are ASCII and its encodings 3 or 106."""
    version = unsigned(data, 0, 2)
    type_name = name(data, 2, 12)
    body = data[58 : 58 + unsigned(data, 42, 8)]
    assert crc64(body) == unsigned(data, 50, 8)
    content = body
    message_id = 0
    metadata: dict[str, Any] = {}
    if version == 2:
        extended_size = unsigned(body, 0, 2)
        header_size = unsigned(body, 2, 2)
        metadata_size = unsigned(body, 4, 4)
        message_id = unsigned(body, 8, 4)
        header_start = len(body) - metadata_size - header_size
        content = body[extended_size:header_start]
        position = len(body) - metadata_size
        for index in range(unsigned(body, header_start, 2)):
            entry = header_start + 2 + 8 * index
            key_size = unsigned(body, entry, 2)
            encoding = unsigned(body, entry + 2, 2)
            value_size = unsigned(body, entry + 4, 4)
            key = body[position : position + key_size].decode()
            value = body[position + key_size : position + key_size + value_size].decode()
            metadata[key] = {'text': value, 'encoding': encoding}
            position += key_size + value_size
    read = CONTENTS.get(type_name, unknown)
    return {
        'type_name': type_name,
        'device_name': name(data, 14, 20),
        'timestamp': unsigned(data, 34, 8),
        'time_s': math.floor(unsigned(data, 34, 8) * 10**9 / 2**32) / 10**9,
        'header_version': version,
        'message_id': message_id,
        'metadata': metadata,
        'content': read(content),
    }


def bulk(data: bytes) -> dict[str, Any]:
    return {'bytes': len(data), 'crc64': format(crc64(data), '016x')}


def unknown(content: bytes) -> dict[str, Any]:
    return {'body': bulk(content)}


def transform(content: bytes) -> dict[str, Any]:
    return {
        'r11': f32(content, 0),
        'r21': f32(content, 4),
        'r31': f32(content, 8),
        'r12': f32(content, 12),
        'r22': f32(content, 16),
        'r32': f32(content, 20),
        'r13': f32(content, 24),
        'r23': f32(content, 28),
        'r33': f32(content, 32),
        'tx': f32(content, 36),
        'ty': f32(content, 40),
        'tz': f32(content, 44),
    }


def position(content: bytes) -> dict[str, Any]:
    return {
        'x': f32(content, 0),
        'y': f32(content, 4),
        'z': f32(content, 8),
        'ox': f32(content, 12),
        'oy': f32(content, 16),
        'oz': f32(content, 20),
        'w': f32(content, 24),
        'content_size': 28,
    }


def image(content: bytes) -> dict[str, Any]:
    scalars = {
        2: 'INT8',
        3: 'UINT8',
        4: 'INT16',
        5: 'UINT16',
        6: 'INT32',
        7: 'UINT32',
        10: 'FLOAT32',
        11: 'FLOAT64',
    }
    return {
        'components': unsigned(content, 2, 1),
        'scalar_type': scalars[unsigned(content, 3, 1)],
        'endian': {1: 'BIG', 2: 'LITTLE'}[unsigned(content, 4, 1)],
        'coordinate': {1: 'RAS', 2: 'LPS'}[unsigned(content, 5, 1)],
        'size': [unsigned(content, offset, 2) for offset in (6, 8, 10)],
        'axes': floats(content, 12, 9),
        'position': floats(content, 48, 3),
        'offset': [unsigned(content, offset, 2) for offset in (60, 62, 64)],
        'sub_size': [unsigned(content, offset, 2) for offset in (66, 68, 70)],
        'data': bulk(content[72:]),
    }


def status(content: bytes) -> dict[str, Any]:
    return {
        'code': unsigned(content, 0, 2),
        'subcode': signed(content, 2, 8),
        'error_name': name(content, 10, 20),
        'message': name(content, 30, len(content)),
    }


def capability(content: bytes) -> dict[str, Any]:
    return {'type_names': [name(content, start, 12) for start in range(0, len(content), 12)]}


def point(content: bytes) -> dict[str, Any]:
    return {
        'elements': [
            {
                'name': name(content, start, 64),
                'group': name(content, start + 64, 32),
                'rgba': list(content[start + 96 : start + 100]),
                'position': floats(content, start + 100, 3),
                'size': f32(content, start + 112),
                'owner': name(content, start + 116, 20),
            }
            for start in range(0, len(content), 136)
        ]
    }


def tracking_data(content: bytes) -> dict[str, Any]:
    return {
        'elements': [
            {
                'name': name(content, start, 20),
                'tool_type': content[start + 20],
                'reserved': content[start + 21],
                'matrix': [floats(content, start + 22 + 12 * column, 3) for column in range(4)],
            }
            for start in range(0, len(content), 70)
        ]
    }


def string(content: bytes) -> dict[str, Any]:
    length = unsigned(content, 2, 2)
    return {'encoding': unsigned(content, 0, 2), 'text': content[4 : 4 + length].decode()}


def command(content: bytes) -> dict[str, Any]:
    length = unsigned(content, 134, 4)
    return {
        'command_id': unsigned(content, 0, 4),
        'name': name(content, 4, 128),
        'encoding': unsigned(content, 132, 2),
        'text': content[138 : 138 + length].decode(),
    }


CONTENTS = {
    'TRANSFORM': transform,
    'POSITION': position,
    'IMAGE': image,
    'STATUS': status,
    'CAPABILITY': capability,
    'POINT': point,
    'TDATA': tracking_data,
    'STRING': string,
    'COMMAND': command,
}

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


def f64(data: bytes, offset: int) -> float:
    bits = unsigned(data, offset, 8)
    sign = -1.0 if bits >> 63 else 1.0
    exponent, fraction = bits >> 52 & 0x7FF, bits & 0xFFFFFFFFFFFFF
    assert exponent < 0x7FF  # no golden message has NaN or infinity
    if exponent == 0:
        return sign * math.ldexp(fraction, -1074)
    return sign * math.ldexp(fraction + 2**52, exponent - 1075)


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


def trajectory(content: bytes) -> dict[str, Any]:
    return {
        'elements': [
            {
                'name': name(content, start, 64),
                'group': name(content, start + 64, 32),
                'trajectory_type': content[start + 96],
                'reserved': content[start + 97],
                'rgba': list(content[start + 98 : start + 102]),
                'entry': floats(content, start + 102, 3),
                'target': floats(content, start + 114, 3),
                'size': f32(content, start + 126),
                'owner': name(content, start + 130, 20),
            }
            for start in range(0, len(content), 150)
        ]
    }


def image_meta(content: bytes) -> dict[str, Any]:
    return {
        'elements': [
            {
                'name': name(content, start, 64),
                'device_name': name(content, start + 64, 20),
                'modality': name(content, start + 84, 32),
                'patient_name': name(content, start + 116, 64),
                'patient_id': name(content, start + 180, 64),
                'timestamp': unsigned(content, start + 244, 8),
                'size': [unsigned(content, start + offset, 2) for offset in (252, 254, 256)],
                'scalar_type': content[start + 258],
                'reserved': content[start + 259],
            }
            for start in range(0, len(content), 260)
        ]
    }


def label_meta(content: bytes) -> dict[str, Any]:
    return {
        'elements': [
            {
                'name': name(content, start, 64),
                'device_name': name(content, start + 64, 20),
                'label': content[start + 84],
                'reserved': content[start + 85],
                'rgba': list(content[start + 86 : start + 90]),
                'size': [unsigned(content, start + offset, 2) for offset in (90, 92, 94)],
                'owner': name(content, start + 96, 20),
            }
            for start in range(0, len(content), 116)
        ]
    }


def video_meta(content: bytes) -> dict[str, Any]:
    return {
        'elements': [
            {
                'name': name(content, start, 64),
                'device_name': name(content, start + 64, 64),
                'patient_name': name(content, start + 128, 64),
                'patient_id': name(content, start + 192, 64),
                'zoom_level': signed(content, start + 256, 2),
                'focal_length': f64(content, start + 258),
                'size': [unsigned(content, start + offset, 2) for offset in (266, 268, 270)],
                'axes': [floats(content, start + 272 + 12 * axis, 3) for axis in range(3)],
                'position': floats(content, start + 308, 3),
                'scalar_type': content[start + 320],
                'reserved': content[start + 321],
            }
            for start in range(0, len(content), 322)
        ]
    }


def color_table(content: bytes) -> dict[str, Any]:
    assert content[:2] == b'\3\3'  # what the golden messages have
    return {'table': {'shape': [256], 'dtype': '|u1', 'values': list(content[2:])}}


def nd_array(content: bytes) -> dict[str, Any]:
    assert content[0] == 11
    sizes = [unsigned(content, 2 + 2 * axis, 2) for axis in range(content[1])]
    start = 2 + 2 * len(sizes)
    values: list[Any] = [f64(content, offset) for offset in range(start, len(content), 8)]
    for size in sizes[:0:-1]:  # innermost lists first
        values = [values[first : first + size] for first in range(0, len(values), size)]
    return {'array': {'shape': sizes, 'dtype': '>f8', 'values': values}}


def sensor(content: bytes) -> dict[str, Any]:
    assert unsigned(content, 2, 8) == 0x00443E0000000000
    return {
        'values': [f64(content, 10 + 8 * index) for index in range(content[0])],
        'status': content[1],
        'unit': 'm/s^2',
    }


def poly_data(content: bytes) -> dict[str, Any]:
    said: dict[str, Any] = {
        'points': [floats(content, 40 + 12 * row, 3) for row in range(unsigned(content, 0, 4))]
    }
    position = 40 + 12 * unsigned(content, 0, 4)
    for section, cells in enumerate(('vertices', 'lines', 'polygons', 'triangle_strips')):
        said[cells] = []
        for _ in range(unsigned(content, 4 + 8 * section, 4)):
            count = unsigned(content, position, 4)
            position += 4
            said[cells].append([unsigned(content, position + 4 * i, 4) for i in range(count)])
            position += 4 * count
    assert unsigned(content, 36, 4) == 1  # attribute, of scalars: what the golden message has
    assert content[position] == 0
    components = content[position + 1]
    count = unsigned(content, position + 2, 4)
    title = name(content, position + 6, 256)
    start = position + 6 + len(title) + 1
    start += (len(title) + 1) % 2
    rows = [floats(content, start + 4 * components * row, components) for row in range(count)]
    said['attributes'] = [{'attribute_type': 'POINT_SCALARS', 'name': title, 'values': rows}]
    return said


def bind(content: bytes) -> dict[str, Any]:
    count = unsigned(content, 0, 2)
    position = 2 + 20 * count
    start = position + 2 + unsigned(content, position, 2)
    position += 2
    children = []
    for index in range(count):
        type_name = name(content, 2 + 20 * index, 12)
        size = unsigned(content, 14 + 20 * index, 8)
        title = name(content, position, 21)
        position += len(title) + 1
        children.append(
            {
                'type_name': type_name,
                'device_name': title,
                'content': CONTENTS[type_name](content[start : start + size]),
            }
        )
        start += size + size % 2
    return {'children': children}


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
    'TRAJ': trajectory,
    'IMGMETA': image_meta,
    'LBMETA': label_meta,
    'VIDEOMETA': video_meta,
    'COLORT': color_table,
    'COLORTABLE': color_table,
    'NDARRAY': nd_array,
    'SENSOR': sensor,
    'POLYDATA': poly_data,
    'BIND': bind,
}

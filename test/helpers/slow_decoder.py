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


def f64(data: bytes, offset: int) -> float | str:
    bits = unsigned(data, offset, 8)
    sign = -1.0 if bits >> 63 else 1.0
    exponent, fraction = bits >> 52 & 0x7FF, bits & 0xFFFFFFFFFFFFF
    if exponent == 0x7FF:
        return 'nan' if fraction else str(sign * math.inf)
    if exponent == 0:
        return sign * math.ldexp(fraction, -1074)
    return sign * math.ldexp(fraction + 2**52, exponent - 1075)


def floats(data: bytes, offset: int, count: int) -> list[float | str]:
    return [f32(data, offset + 4 * index) for index in range(count)]


def name(data: bytes, offset: int, size: int) -> str:
    raw = b''
    for byte in data[offset : offset + size]:
        if byte == 0:
            break
        raw += bytes((byte,))
    return raw.decode('utf-8', 'surrogateescape')


def encoded(raw: bytes, encoding: int) -> dict[str, Any]:
    """Return a text; its encoding is one of those that the vectors have."""
    if encoding == 3:
        text = raw.decode('ascii', 'replace')
    elif encoding == 17:
        text = raw.decode('shift_jis', 'replace')
    elif encoding == 106:
        text = raw.decode('utf-8', 'replace')
    elif encoding == 1013:
        text = raw.decode('utf-16-be', 'replace')
    elif encoding == 2252:
        text = raw.decode('cp1252', 'replace')
    else:
        assert encoding in (4, 9999)  # ISO 8859-1, and a number that is not registered
        text = raw.decode('latin-1')
    return {'text': text, 'encoding': encoding}


def message(data: bytes) -> dict[str, Any]:
    """Return what a message says."""
    version = unsigned(data, 0, 2)
    type_name = name(data, 2, 12)
    body = data[58:]
    assert len(body) == unsigned(data, 42, 8)
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
            key = body[position : position + key_size].decode('utf-8', 'surrogateescape')
            value = body[position + key_size : position + key_size + value_size]
            metadata[key] = encoded(value, encoding)
            position += key_size + value_size
        assert position == len(body)
    return {
        'type_name': type_name,
        'device_name': name(data, 14, 20),
        'timestamp': unsigned(data, 34, 8),
        'time_s': unsigned(data, 34, 8) * 10**9 // 2**32 / 10**9,
        'header_version': version,
        'message_id': message_id,
        'metadata': metadata,
        'content': content_of(type_name, content),
    }


def content_of(type_name: str, content: bytes) -> dict[str, Any]:
    if type_name in CONTENTS:
        return CONTENTS[type_name](content)
    if type_name.startswith('RTS_'):
        assert len(content) == 1
        return {'status': content[0]}
    if type_name.startswith(('GET_', 'STT_', 'STP_')):
        assert content == b''
        return {}
    return {'body': bulk(content)}


def bulk(data: bytes) -> dict[str, Any]:
    return {'bytes': len(data), 'crc64': format(crc64(data), '016x')}


def array(shape: list[int], dtype: str, data: bytes, values: list[Any]) -> dict[str, Any]:
    """Return an array: its numbers if they are 256 or fewer, row by row, else its bytes."""
    if len(values) > 256:
        return {'shape': shape, 'dtype': dtype, **bulk(data)}
    for size in shape[:0:-1] if values else ():  # innermost lists first
        values = [values[first : first + size] for first in range(0, len(values), size)]
    return {'shape': shape, 'dtype': dtype, 'values': values}


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
    said: dict[str, Any] = {
        'x': f32(content, 0),
        'y': f32(content, 4),
        'z': f32(content, 8),
        'ox': 0.0,
        'oy': 0.0,
        'oz': 0.0,
        'w': 1.0,
        'content_size': len(content),
    }
    if len(content) > 12:
        said.update({'ox': f32(content, 12), 'oy': f32(content, 16), 'oz': f32(content, 20)})
    if len(content) == 24:
        x, y, z = map(float, floats(content, 12, 3))
        said['w'] = math.sqrt(1 - x * x - y * y - z * z)
    if len(content) == 28:
        said['w'] = f32(content, 24)
    return said


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


def quaternion_tracking_data(content: bytes) -> dict[str, Any]:
    return {
        'elements': [
            {
                'name': name(content, start, 20),
                'tool_type': content[start + 20],
                'reserved': content[start + 21],
                'position': floats(content, start + 22, 3),
                'quaternion': floats(content, start + 34, 4),
            }
            for start in range(0, len(content), 50)
        ]
    }


def start_tracking_data(content: bytes) -> dict[str, Any]:
    assert len(content) == 36
    return {'resolution': signed(content, 0, 4), 'coordinate_name': name(content, 4, 32)}


def string(content: bytes) -> dict[str, Any]:
    assert len(content) == 4 + unsigned(content, 2, 2)
    return encoded(content[4:], unsigned(content, 0, 2))


def command(content: bytes) -> dict[str, Any]:
    assert len(content) == 138 + unsigned(content, 134, 4)
    return {
        'command_id': unsigned(content, 0, 4),
        'name': name(content, 4, 128),
        **encoded(content[138:], unsigned(content, 132, 2)),
    }


def query(content: bytes) -> dict[str, Any]:
    assert len(content) == 38 + unsigned(content, 36, 2)
    return {
        'query_id': unsigned(content, 0, 4),
        'data_type': name(content, 4, 32),
        'device_uid': content[38:].decode('utf-8', 'surrogateescape'),
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


def video(content: bytes) -> dict[str, Any]:
    frame_type = unsigned(content, 7, 2)
    types = ('INVALID', 'KEY', 'INTRA', 'INTER', 'SKIP', 'UNKNOWN')
    return {
        'endian': {1: 'BIG', 2: 'LITTLE'}[content[2]],
        'fourcc': content[3:7].decode('latin-1'),
        'frame_type': types[frame_type // 256 or frame_type],
        'is_grayscale': frame_type > 255,
        'coordinate': {1: 'RAS', 2: 'LPS'}[content[9]],
        'size': [unsigned(content, offset, 2) for offset in (10, 12, 14)],
        'axes': floats(content, 16, 9),
        'position': floats(content, 52, 3),
        'offset': [unsigned(content, offset, 2) for offset in (64, 66, 68)],
        'sub_size': [unsigned(content, offset, 2) for offset in (70, 72, 74)],
        'data': bulk(content[76:]),
    }


def start_video(content: bytes) -> dict[str, Any]:
    assert len(content) in (8, 9)
    return {'fourcc': content[:4].decode('latin-1'), 'interval': unsigned(content, 4, 4)}


def color_table(content: bytes) -> dict[str, Any]:
    count = {3: 256, 5: 65536}[content[0]]
    entries = content[2:]
    if content[1] == 19:  # red, green, blue
        return {'table': array([count, 3], '|u1', entries, list(entries))}
    if content[1] == 3:
        return {'table': array([count], '|u1', entries, list(entries))}
    assert content[1] == 5
    values = [unsigned(entries, offset, 2) for offset in range(0, len(entries), 2)]
    return {'table': array([count], '>u2', entries, values)}


def nd_array(content: bytes) -> dict[str, Any]:
    scalar_type = content[0]
    sizes = [unsigned(content, 2 + 2 * axis, 2) for axis in range(content[1])]
    data = content[2 + 2 * len(sizes) :]
    dtype, width, read = {
        2: ('|i1', 1, lambda offset: signed(data, offset, 1)),
        3: ('|u1', 1, lambda offset: unsigned(data, offset, 1)),
        4: ('>i2', 2, lambda offset: signed(data, offset, 2)),
        5: ('>u2', 2, lambda offset: unsigned(data, offset, 2)),
        6: ('>i4', 4, lambda offset: signed(data, offset, 4)),
        7: ('>u4', 4, lambda offset: unsigned(data, offset, 4)),
        10: ('>f4', 4, lambda offset: f32(data, offset)),
        11: ('>f8', 8, lambda offset: f64(data, offset)),
        13: ('>c16', 16, lambda offset: [f64(data, offset), f64(data, offset + 8)]),
    }[scalar_type]
    assert len(data) == width * math.prod(sizes)
    return {'array': array(sizes, dtype, data, [*map(read, range(0, len(data), width))])}


def sensor(content: bytes) -> dict[str, Any]:
    assert len(content) == 10 + 8 * content[0]
    return {
        'values': [f64(content, 10 + 8 * index) for index in range(content[0])],
        'status': content[1],
        'unit': unit(unsigned(content, 2, 8)),
    }


def unit(word: int) -> str:
    """Return the text of a unit; those that divide come last, and a prefix with exponent 1."""
    prefixes = ('', 'da', 'h', 'k', 'M', 'G', 'T', 'P', '', 'd', 'c', 'm', 'u', 'n', 'p', 'f')
    base_units = ('', 'm', 'g', 's', 'A', 'K', 'mol', 'cd', 'rad', 'sr')
    derived_units = ('Hz', 'N', 'Pa', 'J', 'W', 'C', 'V', 'F', 'ohm', 'S', 'Wb', 'T', 'H')
    symbols = (*base_units, *derived_units, 'lm', 'lx', 'Bq', 'Gy', 'Sv')
    if word >> 60 == 8:
        return f'0x{word:016x}'  # there is no such prefix
    text = prefixes[word >> 60]
    for index in range(6):
        number = word >> (10 * (5 - index) + 4) & 63
        exponent = word >> (10 * (5 - index)) & 15
        exponent = exponent - 16 if exponent > 7 else exponent
        if number:
            text += '' if index == 0 else '*' if exponent > 0 else '/'
            text += symbols[number] + ('' if abs(exponent) == 1 else f'^{abs(exponent)}')
    return text if text else '1'


def poly_data(content: bytes) -> dict[str, Any]:
    count = unsigned(content, 0, 4)
    position = 40 + 12 * count
    points = [floats(content, 40 + 12 * row, 3) for row in range(count)]
    said: dict[str, Any] = {'points': points or {'shape': [0, 3], 'dtype': '>f4', 'values': []}}
    for section, cells in enumerate(('vertices', 'lines', 'polygons', 'triangle_strips')):
        said[cells] = []
        for _ in range(unsigned(content, 4 + 8 * section, 4)):
            count = unsigned(content, position, 4)
            position += 4
            said[cells].append([unsigned(content, position + 4 * i, 4) for i in range(count)])
            position += 4 * count
    said['attributes'] = attributes(content[position:], unsigned(content, 36, 4))
    return said


def attributes(section: bytes, count: int) -> list[dict[str, Any]]:
    kinds = 'SCALARS', 'VECTORS', 'NORMALS', 'TENSORS', 'RGBA', 'TEXTURE_COORDINATES'
    titles = []
    start = names_start = 6 * count
    for _ in range(count):
        end = section.index(b'\0', start)
        titles.append(section[start:end].decode('utf-8', 'surrogateescape'))
        start = end + 1
    start += (start - names_start) % 2
    said = []
    for index, title in enumerate(titles):
        kind = section[6 * index]
        announced = components = section[6 * index + 1]
        rows = unsigned(section, 6 * index + 2, 4)
        if announced == 9:  # igtl_polydata.c says so of all but points' scalars, vectors, normals
            components = {4: 4, 5: 3, 0x10: 1, 0x11: 3, 0x12: 3, 0x14: 4, 0x15: 3}.get(kind, 9)
        values = [floats(section, start + 4 * components * row, components) for row in range(rows)]
        owner = 'CELL_' if kind >= 16 else 'POINT_'
        said.append({'attribute_type': owner + kinds[kind % 16], 'name': title, 'values': values})
        start += 4 * rows * (components if kind == 5 else announced)  # and goes on so after 5
    return said


def bind(content: bytes) -> dict[str, Any]:
    count = unsigned(content, 0, 2)
    titles, start = bind_names(content, 2 + 20 * count, count)
    children = []
    for index, title in enumerate(titles):
        type_name = name(content, 2 + 20 * index, 12)
        size = unsigned(content, 14 + 20 * index, 8)
        children.append(
            {
                'type_name': type_name,
                'device_name': title,
                'content': content_of(type_name, content[start : start + size]),
            }
        )
        start += size + size % 2
    assert start == len(content)
    return {'children': children}


def bind_names(content: bytes, start: int, count: int) -> tuple[list[str], int]:
    """Return the names of a table that begins at an offset, and where it ends."""
    titles = []
    position = start + 2
    for _ in range(count):
        end = content.index(b'\0', position)
        titles.append(content[position:end].decode('utf-8', 'surrogateescape'))
        position = end + 1
    return titles, start + 2 + unsigned(content, start, 2)


def get_bind(content: bytes) -> dict[str, Any]:
    count = unsigned(content, 0, 2) if content else 0
    titles, _ = bind_names(content, 2 + 12 * count, count)
    types = [name(content, 2 + 12 * index, 12) for index in range(count)]
    return {'children': [list(pair) for pair in zip(types, titles, strict=True)]}


def start_bind(content: bytes) -> dict[str, Any]:
    return {'resolution_ns': unsigned(content, 0, 8), **get_bind(content[8:])}


def bind_reply(content: bytes) -> dict[str, Any]:
    return {'status': content[0] if content else 0}  # bind.md has no byte here


def start_poly_data(content: bytes) -> dict[str, Any]:
    return {'resolution_ns': unsigned(content, 0, 8) if content else None}


def start_sensor(content: bytes) -> dict[str, Any]:
    return {'status': content[0] if content else None}


CONTENTS = {
    'TRANSFORM': transform,
    'POSITION': position,
    'QTRANS': position,
    'IMAGE': image,
    'STATUS': status,
    'CAPABILITY': capability,
    'POINT': point,
    'TDATA': tracking_data,
    'STT_TDATA': start_tracking_data,
    'QTDATA': quaternion_tracking_data,
    'STT_QTDATA': start_tracking_data,
    'STRING': string,
    'COMMAND': command,
    'RTS_COMMAND': command,
    'QUERY': query,
    'TRAJ': trajectory,
    'IMGMETA': image_meta,
    'LBMETA': label_meta,
    'VIDEO': video,
    'STT_VIDEO': start_video,
    'VIDEOMETA': video_meta,
    'COLORT': color_table,
    'COLORTABLE': color_table,
    'NDARRAY': nd_array,
    'SENSOR': sensor,
    'STT_SENSOR': start_sensor,
    'POLYDATA': poly_data,
    'STT_POLYDATA': start_poly_data,
    'BIND': bind,
    'GET_BIND': get_bind,
    'STT_BIND': start_bind,
    'RTS_BIND': bind_reply,
}

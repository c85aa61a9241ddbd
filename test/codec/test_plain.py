# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ros2_igtl import codec


def describe_content(content: Any) -> dict[str, Any]:
    said: dict[str, Any] = codec.describe(codec.Message(content))['content']
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    return said


CONTENTS = [
    (codec.Transform(1, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4), {'r11': 1, 'r22': 1, 'tx': 2, 'tz': 4}),
    (codec.Position(1, 2, 3), {'x': 1, 'w': 1, 'content_size': 28}),
    (codec.Status(codec.StatusCode.BUSY, -1, 'a', 'b'), {'code': 'BUSY', 'subcode': -1}),
    (codec.Status(99), {'code': 99, 'error_name': '', 'message': ''}),
    (codec.Capability(('IMAGE', 'STATUS')), {'type_names': ['IMAGE', 'STATUS']}),
    (codec.Command(5, 'Get', '<a/>'), {'command_id': 5, 'name': 'Get', 'text': '<a/>'}),
    (codec.StopTrackingData(), {}),
    (codec.TrackingDataReply(1), {'status': 1}),
    (codec.StartTrackingData(50, 'a'), {'resolution': 50, 'coordinate_name': 'a'}),
    (codec.Unknown('NEW', b'123456789'), {'body': {'bytes': 9, 'crc64': '6c40df5f0b497347'}}),
    (codec.Unknown('NEW', b''), {'body': {'bytes': 0, 'crc64': '0000000000000000'}}),
]


@pytest.mark.parametrize(('content', 'expected'), CONTENTS)
def test_every_field_of_a_content_is_said(content: Any, expected: dict[str, Any]) -> None:
    said = describe_content(content)
    assert {name: said[name] for name in expected} == expected
    assert bool(said) == bool(expected)


SMALL = [
    (
        codec.Sensor([1.0, math.nan], 'mm/s^2'),
        {'values': [1, 'nan'], 'unit': 'mm/s^2', 'status': 0},
    ),
    (
        codec.NDArray(np.array([[1, 2]], '>i2')),
        {'array': {'shape': [1, 2], 'dtype': '>i2', 'values': [[1, 2]]}},
    ),
    (
        codec.NDArray(np.array([1 + 2j, complex(0, math.inf)], '>c16')),
        {'array': {'shape': [2], 'dtype': '>c16', 'values': [[1, 2], [0, 'inf']]}},
    ),
    (codec.NDArray(np.array(7, 'u1')), {'array': {'shape': [], 'dtype': '|u1', 'values': 7}}),
    (
        codec.NDArray(np.zeros((65535, 65535, 0), 'u1')),
        {'array': {'shape': [65535, 65535, 0], 'dtype': '|u1', 'values': []}},
    ),
    (
        codec.ColorTable(np.zeros(256, 'u1')),
        {'table': {'shape': [256], 'dtype': '|u1', 'values': [0] * 256}},
    ),
    (
        codec.PolyData(
            [[0, 0, 1]],
            lines=[[0], [0, 0]],
            attributes=[codec.Attribute(codec.AttributeType.POINT_SCALARS, 'a', [2])],
        ),
        {
            'points': [[0, 0, 1]],
            'vertices': [],
            'lines': [[0], [0, 0]],
            'polygons': [],
            'triangle_strips': [],
            'attributes': [{'attribute_type': 'POINT_SCALARS', 'name': 'a', 'values': [[2]]}],
        },
    ),
    (
        codec.Bind((codec.Message(codec.ImageReply(1), 'A'),)),
        {'children': [{'type_name': 'RTS_IMAGE', 'device_name': 'A', 'content': {'status': 1}}]},
    ),
    (
        codec.GetBind((('IMAGE', 'A'), ('STATUS', ''))),
        {'children': [['IMAGE', 'A'], ['STATUS', '']]},
    ),
    (codec.StartPolyData(), {'resolution_ns': None}),
]


@pytest.mark.parametrize(('content', 'expected'), SMALL)
def test_small_arrays_and_what_is_nested_are_said_in_full(
    content: Any, expected: dict[str, Any]
) -> None:
    assert describe_content(content) == expected


def test_bulk_data_are_said_in_base64_where_they_are_asked_for() -> None:
    message = codec.Message(codec.Unknown('NEW', b'123456789'))
    body = codec.describe(message, data=True)['content']['body']
    assert body == {'bytes': 9, 'crc64': '6c40df5f0b497347', 'base64': 'MTIzNDU2Nzg5'}
    array = codec.NDArray(np.zeros((1, 257), 'u1'))
    said = codec.describe(codec.Message(array), data=True)['content']['array']
    assert said['base64'] == 'AAAA' * 85 + 'AAA='


@pytest.mark.parametrize(
    ('raw', 'encoding', 'expected'),
    [
        (b'ok', 3, {'text': 'ok', 'encoding': 3}),
        (b'\xe9', 4, {'text': '\u00e9', 'encoding': 4}),
        (b'\xff', 3, {'text': '\ufffd', 'encoding': 3, 'base64': '/w=='}),
        (b'\xff', 9999, {'text': '\u00ff', 'encoding': 9999, 'base64': '/w=='}),
    ],
)
def test_a_text_is_said_with_its_bytes_where_it_does_not_tell_them(
    raw: bytes, encoding: int, expected: dict[str, Any]
) -> None:
    metadata = {'a': codec.EncodedText(raw, encoding)}
    message = codec.Message(codec.String.from_raw(raw, encoding), '', 0, 2, 0, metadata)
    said = codec.describe(message, data=True)
    assert said['content'] == said['metadata']['a'] == expected
    expected.pop('base64', None)
    assert codec.describe(message)['content'] == expected


@dataclass
class Inner:
    level: int
    when: datetime.timedelta


class Samples:
    """What another package may come up with."""

    type_name = 'SAMPLES'
    __slots__ = ('__dict__', 'names', 'rows')

    def __init__(self) -> None:
        dtype = np.dtype([('name', 'S4'), ('place', '>f4', (2,))])
        self.rows = np.array([[(b'a', (1, 2))], [(b'b\0c', (3, math.nan))]], dtype)
        self.row = self.rows[0, 0]
        self.names = np.array([b'a', b'\xff'])
        self.inner = {1: Inner(2, datetime.timedelta(seconds=3))}
        self._hidden = 5


def test_what_a_type_of_another_package_holds_is_said_as_far_as_it_goes() -> None:
    assert describe_content(Samples()) == {
        'inner': {'1': {'level': 2, 'when': '0:00:03'}},
        'names': ['a', '\udcff'],
        'row': {'name': 'a', 'place': [1, 2]},
        'rows': [
            [{'name': 'a', 'place': [1, 2]}],
            [{'name': 'b', 'place': [3, 'nan']}],
        ],
    }


def test_large_arrays_are_said_as_shape_and_type_and_size_and_crc() -> None:
    said = describe_content(codec.NDArray(np.zeros((1, 257), '<u2')))['array']
    crc = '0000000000000000'
    assert said == {'shape': [1, 257], 'dtype': '<u2', 'bytes': 514, 'crc64': crc}
    mesh = codec.PolyData(np.zeros((1, 3)), polygons=np.zeros((100, 3), int))
    said = describe_content(mesh)['polygons']
    assert {name: said[name] for name in ('cells', 'shape', 'dtype', 'bytes')} == {
        'cells': 100,
        'shape': [400],
        'dtype': '>u4',
        'bytes': 1600,
    }
    said = describe_content(codec.PolyData(np.zeros((100, 3))))['points']
    assert (said['shape'], said['dtype'], said['bytes']) == ([100, 3], '>f4', 1200)
    said = describe_content(codec.Video(b'123456789', (1, 1, 1)))
    assert said['data'] == {'bytes': 9, 'crc64': '6c40df5f0b497347'}
    assert (said['frame_type'], said['is_grayscale']) == ('UNKNOWN', False)


def test_pixels_are_said_as_size_and_crc() -> None:
    said = describe_content(codec.Image(b'123456789', (3, 3, 1)))
    assert said['data'] == {'bytes': 9, 'crc64': '6c40df5f0b497347'}
    assert (said['scalar_type'], said['endian'], said['coordinate']) == ('UINT8', 'LITTLE', 'RAS')
    assert (said['size'], said['sub_size'], said['offset']) == ([3, 3, 1], [3, 3, 1], [0, 0, 0])
    pixels = np.frombuffer(b'123456789', 'u1').reshape(1, 3, 3)
    assert describe_content(codec.Image.from_pixels(pixels))['data'] == said['data']


def test_elements_are_said_one_by_one() -> None:
    said = describe_content(codec.TrackingData.from_tools([('Probe', 2, np.eye(4))]))
    assert said == {
        'elements': [
            {
                'name': 'Probe',
                'tool_type': 2,
                'reserved': 0,
                'matrix': [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]],
            }
        ]
    }
    said = describe_content(codec.Point.from_points([{'rgba': (1, 2, 3, 4), 'size': math.nan}]))
    assert said['elements'][0]['rgba'] == [1, 2, 3, 4]
    assert said['elements'][0]['size'] == 'nan'
    assert describe_content(codec.Point.from_points([])) == {'elements': []}


def test_numbers_that_json_lacks_are_said_by_name() -> None:
    said = describe_content(codec.Position(math.nan, math.inf, -math.inf))
    assert (said['x'], said['y'], said['z']) == ('nan', 'inf', '-inf')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.golden import golden
from helpers.strategies import CONTENTS, OWN, messages
from helpers.vectors import GOLDEN, HAND, REFERENCE, Vector
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec


def through_json(message: codec.Message) -> codec.Message:
    said = json.dumps(codec.describe(message, data=True), allow_nan=False)
    return codec.compose(json.loads(said))


WRITABLE = [case for case in (*GOLDEN, *REFERENCE, *HAND) if case.packs_to is not None]


@pytest.mark.parametrize('case', WRITABLE, ids=[case.name for case in WRITABLE])
def test_a_vector_packs_to_the_same_bytes_after_json(case: Vector) -> None:
    message = codec.unpack(case.data)
    assert codec.pack(through_json(message)) == codec.pack(message)


def assert_same_bytes_after_json(message: codec.Message) -> None:
    packed = codec.pack(message)
    assert codec.pack(through_json(message)) == packed
    composed = through_json(codec.unpack(packed))
    assert codec.pack(composed) == packed
    assert composed.metadata == message.metadata


@pytest.mark.parametrize('type_name', [*OWN, ''])
@settings(max_examples=20)
@given(data=st.data())
def test_a_message_of_any_type_packs_to_the_same_bytes_after_json(
    type_name: str, data: st.DataObject
) -> None:
    assert_same_bytes_after_json(data.draw(messages(type_name)))


@pytest.mark.parametrize('type_name', sorted({*CONTENTS} - {*OWN}))
@settings(max_examples=5)
@given(data=st.data())
def test_a_message_of_any_other_name_packs_to_the_same_bytes_after_json(
    type_name: str, data: st.DataObject
) -> None:
    """These have no content, a number, or the content of a type above."""
    assert_same_bytes_after_json(data.draw(messages(type_name)))


LARGE = [
    codec.Image.from_pixels(np.arange(60, dtype='>u2').reshape(3, 4, 5)),
    codec.NDArray(np.arange(300, dtype='<i4').reshape(3, 100)),
    codec.NDArray(np.arange(300) * (1 - 2j)),
    codec.ColorTable(np.arange(65536, dtype='u2')),
    codec.PolyData(
        np.arange(300).reshape(100, 3),
        polygons=np.arange(99).reshape(33, 3),
        lines=np.zeros((200, 2), int),
        attributes=[codec.Attribute(codec.AttributeType.POINT_SCALARS, 'a', np.arange(300.0))],
    ),
    codec.Unknown('NEW', bytes(range(256)) * 2),
    codec.Video(bytes(range(256)), (4, 4, 1)),
]


@pytest.mark.parametrize('content', LARGE, ids=[type(content).__name__ for content in LARGE])
def test_bulk_data_come_back(content: Any) -> None:
    message = codec.Message(content, 'Robot')
    data = codec.pack(message)
    assert codec.pack(through_json(codec.unpack(data))) == data
    assert codec.pack(through_json(message)) == data


SMALL = [
    codec.NDArray(np.zeros((0, 2), 'u1')),
    codec.NDArray(np.array([math.nan, -math.inf, -0.0])),
    codec.NDArray(np.array([complex(math.inf, 0), complex(0, math.nan)])),
    codec.PolyData(
        attributes=[codec.Attribute(codec.AttributeType.POINT_VECTORS, '', np.zeros((0, 3)))]
    ),
    codec.Position(math.nan, math.inf, -0.0),
    codec.Status(99, message='nan'),
    codec.String.from_raw(b'\xff\0', 9999),
    codec.String.from_raw(b'\xff', 106),
    codec.String('\u00e9', 2252),
    codec.Command(7, 'nan', '<a/>'),
    codec.Capability(('nan', 'IMAGE')),
]


@pytest.mark.parametrize('content', SMALL, ids=map(repr, SMALL))
def test_what_json_lacks_comes_back(content: Any) -> None:
    data = codec.pack(codec.Message(content))
    assert codec.pack(through_json(codec.unpack(data))) == data


def test_names_and_metadata_that_are_no_text_come_back() -> None:
    metadata = {'\udcff': codec.EncodedText(b'\xff', 106), 'a\\xff': 'b', 'c': '\u00e9'}
    message = codec.Message(codec.Status(), 'a\\x\udcff', 5, 2, 7, metadata)
    data = codec.pack(message)
    assert codec.pack(through_json(message)) == data
    assert codec.pack(through_json(codec.unpack(data))) == data


ELEMENT = codec.TrackingData.from_tools([('Probe', 1, np.eye(4))]).elements.tobytes()
TRANSFORM = codec.Transform.from_matrix(np.eye(4))
# type name, content: what is not said of it as names and numbers
UNSAID = {
    'bytes behind the NUL of a name': ('TDATA', ELEMENT.replace(b'Probe\0\0', b'Probe\0?')),
    'a name that fills its field': ('TDATA', b'x' * 20 + ELEMENT[20:]),
    'a NaN with bits of its own': (
        'TRANSFORM',
        b'\x7f\xc0\0\1' + codec.pack(codec.Message(TRANSFORM))[-44:],
    ),
    'a NaN with a sign': ('SENSOR', struct.pack('>BBQd', 1, 0, 0, -math.nan)),
    'a NaN in a child': (
        'BIND',
        codec.pack(codec.Message(codec.Bind((codec.Message(codec.Position(0, 0, 0)),))))[
            codec.HEADER_SIZE : -28
        ]
        + b'\xff\xc0\0\1'
        + bytes(24),
    ),
}


@pytest.mark.parametrize('case', UNSAID)
def test_what_cannot_be_said_comes_back_as_the_bytes_of_the_content(case: str) -> None:
    type_name, content = UNSAID[case]
    data = message_bytes(type_name.encode(), content)
    message = codec.unpack(data)
    assert base64.b64decode(codec.describe(message, data=True)['content_base64']) == content
    assert codec.pack(through_json(message)) == data


@pytest.mark.parametrize('case', GOLDEN, ids=[case.name for case in GOLDEN])
def test_what_can_be_said_is_not_said_twice(case: Vector) -> None:
    assert 'content_base64' not in codec.describe(codec.unpack(case.data), data=True)


def test_bytes_of_a_content_suffice_and_may_not_contradict_what_else_is_said_of_it() -> None:
    data = message_bytes(b'TDATA', b'x' * 20 + ELEMENT[20:])
    said = codec.describe(codec.unpack(data), data=True)
    content = said.pop('content')
    assert codec.pack(codec.compose(said)) == data
    assert codec.pack(codec.compose({**said, 'content': {}})) == data
    content['elements'][0]['tool_type'] = 2
    with pytest.raises(
        codec.ValueRangeError, match=r'TDATA: content and .* contradict each other'
    ):
        codec.compose({**said, 'content': content})
    del said['content_base64']
    with pytest.raises(codec.NameTooLongError, match='20 bytes, 19 are allowed'):
        codec.compose({**said, 'content': content})
    content['elements'][0]['name'] = 'x'
    composed = codec.compose({**said, 'content': content})
    assert composed.content.tools['tool_type'].tolist() == [2]


def test_bytes_of_a_content_are_taken_for_a_type_that_nobody_knows_here() -> None:
    said = {'type_name': 'NEW', 'content_base64': 'AAE=', 'content': {'speed': 1}}
    assert codec.compose(said).content == codec.Unknown('NEW', b'\0\1')


def test_a_content_under_a_type_name_that_is_not_its_own_comes_back_as_bytes() -> None:
    message = codec.Message(codec.String('ok'), type_name='TEXT')
    assert codec.pack(through_json(message)) == codec.pack(message)


def test_a_content_that_cannot_be_packed_is_said_all_the_same() -> None:
    said = codec.describe(codec.Message(codec.Status(70000)), data=True)
    assert said['content']['code'] == 70000
    assert 'content_base64' not in said


# what stands in a message in another form than it is written
UNUSUAL = {
    'bytes behind the NUL of the names': message_bytes(
        b'STRING\0x', b'\0\3\0\2ok', device_name=b'a\0b'
    ),
    'a longer extended header': message_bytes(
        b'STRING',
        extended_body(b'\0\3\0\2ok', ((b'a', 3, b'b'),), message_id=7, extended_size=20),
        version=2,
    ),
    'metadata out of order, and a key twice': message_bytes(
        b'STATUS',
        extended_body(
            b'\0\1' + bytes(29), ((b'b', 3, b'1'), (b'a', 9999, b'\xff'), (b'b', 106, b'2'))
        ),
        version=2,
    ),
    'no metadata header': message_bytes(
        b'GET_IMAGE', struct.pack('>HHIL', 12, 0, 0, 5), version=2
    ),
    'a signalling NaN': message_bytes(b'POSITION', b'\x7f\xa0\0\1' + bytes(24)),
}


@pytest.mark.parametrize('case', UNUSUAL)
def test_an_unusual_message_comes_back_as_it_is_written(case: str) -> None:
    message = codec.unpack(UNUSUAL[case])
    assert codec.pack(through_json(message)) == codec.pack(message)
    assert codec.pack(through_json(message)) != UNUSUAL[case]


def test_a_message_with_a_wrong_crc_is_said_so_and_comes_back_with_the_right_one() -> None:
    message = codec.unpack(golden('string')[:-1] + b'?', check_crc=False)
    assert codec.describe(message)['crc_ok'] is False
    assert codec.unpack(codec.pack(through_json(message))) == message


class Gear(Enum):
    PARK = 0
    DRIVE = 1


@dataclass
class Vehicle(codec.Content):
    """What another package may come up with."""

    type_name = 'VEHICLE'

    gear: Gear
    speed: float
    names: list[str]
    samples: Any
    limits: Mapping[str, float] | None = None
    note: float | str = ''

    @classmethod
    def unpack(cls, content: memoryview) -> Vehicle:
        gear, speed, limit, count = struct.unpack_from('>Bddb', content)
        names = bytes(content[18 : 18 + count]).decode().split()
        samples = np.frombuffer(content[18 + count :], '>f4')
        return cls(Gear(gear), speed, names, samples, {'speed': limit})

    def pack_parts(self) -> tuple[bytes, ...]:
        names = ' '.join(self.names).encode()
        limit = (self.limits or {'speed': 0.0})['speed']
        fixed = struct.pack('>Bddb', self.gear.value, self.speed, limit, len(names))
        return fixed, names, np.asarray(self.samples, '>f4').tobytes()


class Opaque(codec.Content):
    """One whose constructor has other arguments than it has fields, with odd annotations."""

    type_name = 'OPAQUE'

    def __init__(self, text: Undefined) -> None:  # type: ignore[name-defined] # noqa: F821
        self.letters = list(text)
        self._hidden = 5

    @classmethod
    def unpack(cls, content: memoryview) -> Opaque:
        return cls(bytes(content).decode())

    def pack_parts(self) -> tuple[bytes]:
        return (''.join(self.letters).encode(),)


@pytest.fixture
def other_types(monkeypatch: pytest.MonkeyPatch) -> None:
    for content_class in (Vehicle, Opaque):
        monkeypatch.setitem(codec.MESSAGE_TYPES, content_class.type_name, content_class)


@pytest.mark.usefixtures('other_types')
@pytest.mark.parametrize('count', [0, 2, 300])
def test_the_fields_of_a_type_of_another_package_are_read_as_they_are_annotated(
    count: int,
) -> None:
    samples = np.arange(count, dtype='>f4')
    limits = {'speed': 1.5, 'nan': 2.0}
    vehicle = Vehicle(Gear.DRIVE, math.inf, ['a', 'inf', 'b'], samples, limits, 'nan')
    said = codec.describe(codec.Message(vehicle), data=True)
    assert said['content']['gear'] == 'DRIVE'
    assert said['content']['limits'] == limits
    assert 'content_base64' not in said
    composed = through_json(codec.Message(vehicle)).content
    assert (composed.gear, composed.speed, composed.note) == (Gear.DRIVE, math.inf, 'nan')
    assert composed.limits == limits
    assert np.array_equal(composed.samples, samples)


@pytest.mark.usefixtures('other_types')
def test_a_content_that_its_fields_do_not_make_comes_back_as_its_bytes() -> None:
    message = codec.Message(Opaque('ok'))
    said = codec.describe(message, data=True)
    assert said['content'] == {'letters': ['o', 'k']}
    assert codec.pack(through_json(message)) == codec.pack(message)
    assert codec.compose({'type_name': 'OPAQUE', 'content': {'text': 'ok'}}).content.letters


def test_what_is_not_said_has_its_default() -> None:
    assert codec.compose({'type_name': 'GET_IMAGE'}) == codec.Message(codec.GetImage())
    said = {'type_name': 'STRING', 'content': {'text': '\u00e9'}, 'offset': 5}
    assert codec.compose(said) == codec.Message(codec.String('\u00e9'))


@pytest.mark.parametrize(
    'more',
    [
        {'type_name': 'COMMAND', 'content': {'command_id': 1, 'name': 'Start'}},
        {'type_name': 'STRING', 'metadata': {'a': 'b'}},
        {'type_name': 'STRING', 'message_id': 1},
    ],
)
def test_the_header_version_is_2_where_the_message_needs_it(more: dict[str, Any]) -> None:
    assert codec.compose(more).header_version == 2
    assert codec.compose({**more, 'header_version': 1}).header_version == 1


def nested(depth: int) -> list[Any]:
    children: list[Any] = []
    for _ in range(depth):
        children = [{'type_name': 'BIND', 'content': {'children': children}}]
    return children


def said(type_name: Any, **content: Any) -> dict[str, Any]:
    return {'type_name': type_name, 'content': content}


@pytest.mark.parametrize(
    ('description', 'match'),
    [
        ({}, 'type_name None: a string is allowed'),
        (said(5), 'type_name 5: a string is allowed'),
        (said('NEW'), 'NEW: this type is unknown; give a body or content_base64'),
        (said('NEW', body={'bytes': 1}), 'NEW: bulk data have no base64'),
        (said('NEW', body={'base64': '!'}), 'NEW: '),
        (said('NEW', body=5), 'NEW: '),
        (said('IMAGE'), "IMAGE: missing .* 'data'; the fields are: data, size, scalar_type"),
        (
            said('IMAGE', data={'base64': ''}, size=[1, 1, 1], endian='MIDDLE'),
            "'MIDDLE': BIG, LITTLE are allowed",
        ),
        (said('STATUS', colour=5), "STATUS: .*'colour'; the fields are: code, subcode"),
        (said('STRING', txt='x'), "STRING: .*'txt'; the fields are: text, encoding"),
        (said('GET_IMAGE', code=5), "GET_IMAGE: .*'code'; the fields are: none"),
        (said('POINT'), "POINT: 'elements' is missing"),
        (said('TRANSFORM', r11='x'), 'TRANSFORM: could not convert'),
        (said('POINT', elements=[{'size': 'x'}]), 'POINT: POINT size .* is allowed'),
        (said('POINT', elements=[{'colour': 5}]), "POINT has no field 'colour'"),
        (said('POINT', elements=5), 'POINT: '),
        (said('NDARRAY', array={'dtype': 'u1', 'shape': [2], 'values': [1]}), 'values'),
        (said('NDARRAY', array={'dtype': 'u1', 'shape': [1], 'values': [256]}), 'values'),
        (said('NDARRAY', array={'dtype': 'u1', 'shape': [2], 'base64': ''}), 'NDARRAY: '),
        (said('NDARRAY', array={'shape': [2], 'values': []}), "'dtype' is missing"),
        (said('STRING', text='\u00e9', encoding=3), 'STRING: encoding 3 cannot express'),
        ({'type_name': 'STATUS', 'metadata': {'a': 5}}, 'STATUS: '),
        ({'type_name': 'STATUS', 'metadata': 5}, 'STATUS: '),
        ({'type_name': 'STATUS', 'content': 5}, 'STATUS: content 5: an object is allowed'),
        ({'type_name': 'STATUS', 'content_base64': '!'}, 'STATUS: '),
        ({'type_name': 'STATUS', 'content_base64': 5}, 'STATUS: '),
        ({'type_name': 'STATUS', 'content_base64': 'AAE='}, 'content_base64: STATUS takes'),
        ({'type_name': 'STATUS', 'content_base64': 'AAE=', 'content': 5}, 'STATUS: '),
        (said('BIND', children=nested(400)), 'BIND: maximum recursion depth'),
    ],
)
def test_what_is_no_description_is_refused(description: dict[str, Any], match: str) -> None:
    with pytest.raises(codec.EncodeError, match=match):
        codec.compose(description)


def test_a_description_without_its_bulk_data_is_refused() -> None:
    with pytest.raises(codec.ValueRangeError, match='bulk data have no base64'):
        codec.compose(codec.describe(codec.unpack(golden('image'))))

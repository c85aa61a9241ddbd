# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.golden import GOLDENS, Golden, golden
from helpers.strategies import OWN, messages
from ros2_igtl import codec


def through_json(message: codec.Message) -> codec.Message:
    return codec.compose(json.loads(json.dumps(codec.describe(message, data=True))))


@pytest.mark.parametrize('case', GOLDENS, ids=[case.name for case in GOLDENS])
def test_a_golden_message_comes_back_from_what_is_said_of_it(case: Golden) -> None:
    assert codec.pack(through_json(codec.unpack(case.data))) == case.data


@pytest.mark.parametrize('type_name', [*OWN, 'GET_IMAGE', 'RTS_IMAGE', ''])
@settings(max_examples=20)
@given(data=st.data())
def test_a_message_of_any_type_comes_back_from_what_is_said_of_it(
    type_name: str, data: st.DataObject
) -> None:
    message = codec.unpack(codec.pack(data.draw(messages(type_name))))
    try:
        composed = through_json(message)
    except codec.NameTooLongError:  # one that fills its field within a content is never written
        return
    received = codec.unpack(codec.pack(composed))
    assert received.metadata == message.metadata
    # what is said, for NaN has many bit patterns and one name
    assert codec.describe(received, data=True) == codec.describe(message, data=True)


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


def test_what_is_not_said_has_its_default() -> None:
    assert codec.compose({'type_name': 'GET_IMAGE'}) == codec.Message(codec.GetImage())
    said = {'type_name': 'STRING', 'content': {'text': '\u00e9'}, 'offset': 5}
    assert codec.compose(said) == codec.Message(codec.String('\u00e9'))


def said(type_name: Any, **content: Any) -> dict[str, Any]:
    return {'type_name': type_name, 'content': content}


@pytest.mark.parametrize(
    ('description', 'match'),
    [
        ({}, 'type_name None: a text is needed'),
        (said(5), 'type_name 5: a text is needed'),
        (said('NEW'), "NEW: 'body' is missing"),
        (said('NEW', body={'bytes': 1}), 'NEW: bulk data are missing'),
        (said('NEW', body={'base64': '!'}), 'NEW: '),
        (said('NEW', body=5), 'NEW: '),
        (said('IMAGE'), 'IMAGE: .*missing'),
        (
            said('IMAGE', data={'base64': ''}, size=[1, 1, 1], endian='MIDDLE'),
            "'MIDDLE' is missing",
        ),
        (said('STATUS', colour=5), "STATUS: .*'colour'"),
        (said('TRANSFORM', r11='x'), 'TRANSFORM: could not convert'),
        (said('POINT', elements=[{'size': 'x'}]), 'POINT: could not convert'),
        (said('POINT', elements=[{'colour': 5}]), "POINT has no field 'colour'"),
        (said('POINT', elements=5), 'POINT: '),
        (said('NDARRAY', array={'dtype': 'u1', 'shape': [2], 'values': [1]}), 'values'),
        (said('NDARRAY', array={'dtype': 'u1', 'shape': [1], 'values': [256]}), 'values'),
        (said('NDARRAY', array={'dtype': 'u1', 'shape': [2], 'base64': ''}), 'NDARRAY: '),
        (said('NDARRAY', array={'shape': [2], 'values': []}), "'dtype' is missing"),
        (said('STRING', text='\u00e9', encoding=3), 'STRING: encoding 3 cannot express'),
        ({'type_name': 'STATUS', 'metadata': {'a': 5}}, 'STATUS: '),
        ({'type_name': 'STATUS', 'metadata': 5}, 'STATUS: '),
        ({'type_name': 'STATUS', 'content': 5}, 'STATUS: '),
    ],
)
def test_what_is_no_description_is_refused(description: dict[str, Any], match: str) -> None:
    with pytest.raises(codec.EncodeError, match=match):
        codec.compose(description)


def test_a_description_without_its_bulk_data_is_refused() -> None:
    with pytest.raises(codec.ValueRangeError, match='bulk data are missing'):
        codec.compose(codec.describe(codec.unpack(golden('image'))))

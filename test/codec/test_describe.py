# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from helpers.golden import GOLDENS, golden
from ros2_igtl import codec


def describe(content: Any, **fields: Any) -> dict[str, Any]:
    description = codec.describe(codec.Message(content, **fields))
    assert json.loads(json.dumps(description, allow_nan=False)) == description
    return description


def test_a_message_is_described_by_its_header_its_metadata_and_its_content() -> None:
    message = codec.Message(codec.String('ok'), 'Robot', 3 << 31, 2, 7, {'a': 'b'})
    assert codec.describe(codec.unpack(codec.pack(message))) == {
        'type_name': 'STRING',
        'device_name': 'Robot',
        'timestamp': 3 << 31,
        'time_s': 1.5,
        'header_version': 2,
        'message_id': 7,
        'metadata': {'a': {'text': 'b', 'encoding': 3}},
        'content': {'encoding': 3, 'text': 'ok'},
    }
    assert codec.describe(message)['metadata'] == {'a': 'b'}


def test_of_the_crc_is_said_that_it_is_wrong() -> None:
    data = golden('string')
    assert 'crc_ok' not in codec.describe(codec.unpack(data, check_crc=False))
    message = codec.unpack(data[:-1] + b'?', check_crc=False)
    assert codec.describe(message)['crc_ok'] is False


def test_a_content_of_which_not_all_can_be_said_is_said_in_base64_too() -> None:
    message = codec.Message(codec.Sensor([-math.nan]))
    said = codec.describe(message, data=True)
    assert said['content']['values'] == ['nan']
    assert said['content_base64'] == 'AQAAAAAAAAAAAP/4AAAAAAAA'
    assert 'content_base64' not in codec.describe(message)
    message.content.values = np.array([math.nan])
    assert 'content_base64' not in codec.describe(message, data=True)
    said = codec.describe(codec.Message(codec.Status(70000)), data=True)  # none can be written
    assert (said['content']['code'], 'content_base64' in said) == (70000, False)


def test_bytes_that_are_no_text_are_said_apart_from_all_others() -> None:
    said = describe(codec.Status(message='\udcff'), device_name='\udc80\\x80')
    assert said['device_name'] == '\udc80\\x80'
    assert said['content']['message'] == '\udcff'
    metadata = {'\udcff': 'a', '\\xff': 'b', '?': 'c'}
    message = codec.Message(codec.Status(), header_version=2, metadata=metadata)
    said = codec.describe(codec.unpack(codec.pack(message)))
    assert {key: value['text'] for key, value in said['metadata'].items()} == metadata


@pytest.mark.parametrize('name', [case.name for case in GOLDENS])
def test_a_received_message_is_described_in_json(name: str) -> None:
    description = codec.describe(codec.unpack(golden(name)))
    assert json.loads(json.dumps(description, allow_nan=False)) == description

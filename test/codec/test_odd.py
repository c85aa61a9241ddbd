# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages that are legal, or sent by some, and that nobody expects: what comes out of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.corpus import ODD, Odd
from helpers.feeding import receive_every_way, say
from helpers.slow_decoder import crc64
from ros2_igtl import codec

each_odd = pytest.mark.parametrize('case', ODD, ids=[case.name for case in ODD])


def found_at(path: str, said: Any) -> Any:
    """Return what a description says at a path of names and positions."""
    for step in path.split('.'):
        said = said[int(step)] if isinstance(said, list) else said[step]
    return said


@each_odd
def test_it_says_what_its_head_says(case: Odd) -> None:
    assert case.said
    said = json.loads(json.dumps(codec.describe(codec.unpack(case.data)), allow_nan=False))
    assert {path: found_at(path, said) for path in case.said} == case.said


@each_odd
def test_it_arrives_in_whatever_pieces_it_comes(case: Odd) -> None:
    outcome = receive_every_way(case.data)
    assert isinstance(outcome, codec.Message), repr(outcome)
    assert say(outcome) == say(codec.unpack(case.data))


@each_odd
def test_it_packs_as_its_head_says(case: Odd) -> None:
    message = codec.unpack(case.data)
    if case.packs_to.endswith('Error'):
        with pytest.raises(getattr(codec, case.packs_to)):
            codec.pack(message)
        return
    packed = codec.pack(message)
    assert case.packs_to == ('the same bytes' if packed == case.data else 'other bytes')
    assert say(codec.unpack(packed)) == say(message)


@each_odd
def test_its_size_and_crc_are_right(case: Odd) -> None:
    body = case.data[58:]
    assert case.data[42:50] == len(body).to_bytes(8, 'big')
    assert case.data[50:58] == crc64(body).to_bytes(8, 'big')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What asks for what, against the names that the protocol's documents and code have."""

from __future__ import annotations

from typing import Any

import pytest

from ros2_igtl import codec
from ros2_igtl.convert.companions import (
    find_companion,
    interval_of,
    names_of,
    requests,
    start_content,
    subjects_of,
)
from ros2_igtl.convert.conversions import canonical

NAMES = [  # type, prefix, suffix that a peer used, name
    (codec.Get, 'TRANSFORM', '', 'GET_TRANS'),
    (codec.Reply, 'TRANSFORM', 'TRANSFOR', 'RTS_TRANSFOR'),
    (codec.Reply, 'TRANSFORM', 'TRANS', 'RTS_TRANS'),
    (codec.Get, 'QTRANS', '', 'GET_QTRANS'),
    (codec.Get, 'POSITION', '', 'GET_POSITION'),
    (codec.Stop, 'IMAGE', '', 'STP_IMAGE'),
    (codec.Start, 'POLYDATA', '', 'STT_POLYDATA'),
    (codec.Get, 'CAPABILITY', '', 'GET_CAPABIL'),
    (codec.Get, 'VIDEOMETA', '', 'GET_VMETA'),
    (codec.Get, 'COLORTABLE', '', 'GET_COLORT'),
    (codec.Reply, 'QTDATA', '', 'RTS_QTDATA'),
]


@pytest.mark.parametrize(('kind', 'type_name', 'suffix', 'name'), NAMES)
def test_a_companion_is_found_by_what_it_is_about(
    kind: Any, type_name: str, suffix: str, name: str
) -> None:
    found = find_companion(kind, type_name, suffix)
    assert found is not None
    assert found.type_name == name
    assert codec.MESSAGE_TYPES[name] is found.content_class


@pytest.mark.parametrize(
    ('kind', 'type_name'),
    [(codec.Start, 'STRING'), (codec.Start, 'IMGMETA'), (codec.Get, 'COMMAND'), (codec.Get, 'X')],
)
def test_there_is_none_where_the_protocol_has_none(kind: Any, type_name: str) -> None:
    assert find_companion(kind, type_name) is None


@pytest.mark.parametrize(
    ('start', 'seconds'),
    [
        (codec.StartTrackingData(40, 'Patient'), 0.04),
        (codec.StartQuaternionTrackingData(), 0.0),
        (codec.StartTrackingData(-1), 0.0),  # a signed field; what it would mean nobody says
        (codec.StartPolyData(), 0.0),
        (codec.StartPolyData(2_000_000_000), 2.0),
        (codec.StartBind(1), 1e-9),
        (codec.StartBind(86_400_000_000_000), 86_400.0),
        (codec.StartBind(0x7FFF_8A3B_10C0_5570), 0.0),  # memory, as the reference sends it
        (codec.StartTrackingData(2**31 - 1), 0.0),
        (codec.StartVideo('VP90', 25), 0.025),
        (codec.StartTransform(), 0.0),
        (codec.StartSensor(1), 0.0),
    ],
)
def test_the_interval_is_read_in_its_unit(start: Any, seconds: float) -> None:
    assert interval_of(start) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ('content_class', 'seconds', 'name', 'start'),
    [
        (codec.StartTrackingData, 0.04, 'Patient', codec.StartTrackingData(40, 'Patient')),
        (codec.StartTrackingData, 0.0, '', codec.StartTrackingData()),
        (codec.StartTrackingData, 1e-5, '', codec.StartTrackingData(1)),
        (codec.StartPolyData, 0.5, 'Patient', codec.StartPolyData(500_000_000)),
        (codec.StartPolyData, 0.0, '', codec.StartPolyData()),
        (codec.StartVideo, 0.0, '', codec.StartVideo(interval=0)),
        (codec.StartImage, 0.5, '', codec.StartImage()),
    ],
)
def test_a_start_says_what_it_has_a_field_for(
    content_class: Any, seconds: float, name: str, start: Any
) -> None:
    assert start_content(content_class, seconds, name) == start


def test_every_type_says_what_can_be_asked_of_it() -> None:
    asked = requests()
    assert asked['TRANSFORM'] == {'once', 'stream'}
    assert asked['QTRANS'] == {'once', 'stream'}
    assert asked['STRING'] == {'once'}
    assert asked['TDATA'] == {'once', 'stream', 'resolution', 'coordinate_name'}
    assert asked['QTDATA'] == asked['TDATA']
    assert asked['POLYDATA'] == {'once', 'stream', 'resolution'}
    assert asked['VIDEO'] == {'once', 'stream', 'resolution'}
    assert not {'COMMAND', 'GET_TRANS', 'QUERY'} & asked.keys()


def test_the_subjects_are_those_that_have_a_companion() -> None:
    for kind in (codec.Get, codec.Start, codec.Stop, codec.Reply):
        with_one = [each for each in codec.MESSAGE_TYPES if find_companion(kind, each)]
        assert subjects_of(kind) == sorted({canonical(each) for each in with_one})


def test_names_of_companions_have_their_aliases() -> None:
    assert names_of((codec.Get, codec.Stop), {'TRANSFORM', 'STRING'}) == {
        'GET_TRANS',
        'GET_TRANSFOR',
        'STP_TRANS',
        'STP_TRANSFOR',
        'GET_STRING',
    }

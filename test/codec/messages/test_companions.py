# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from ros2_igtl import codec

ROLES = {'GET_': codec.Get, 'STT_': codec.Start, 'STP_': codec.Stop, 'RTS_': codec.Reply}

# What the documents and the code have, by type; TRANS for TRANSFORM and so on where they differ.
NAMES = {
    'TRANSFORM': {
        *('GET_TRANS', 'STT_TRANS', 'STP_TRANS', 'RTS_TRANS'),
        *('GET_TRANSFOR', 'STT_TRANSFOR', 'STP_TRANSFOR', 'RTS_TRANSFOR'),
    },
    'POSITION': {
        *('GET_POSITION', 'STT_POSITION', 'STP_POSITION', 'RTS_POSITION'),
        *('GET_QTRANS', 'STT_QTRANS', 'STP_QTRANS', 'RTS_QTRANS'),
    },
    'IMAGE': {'GET_IMAGE', 'STT_IMAGE', 'STP_IMAGE', 'RTS_IMAGE'},
    'STATUS': {'GET_STATUS', 'RTS_STATUS'},
    'CAPABILITY': {'GET_CAPABIL', 'RTS_CAPABIL'},
    'COLORT': {'GET_COLORT', 'RTS_COLORT'},
    'IMGMETA': {'GET_IMGMETA', 'RTS_IMGMETA'},
    'LBMETA': {'GET_LBMETA', 'RTS_LBMETA'},
    'NDARRAY': {'GET_NDARRAY', 'STT_NDARRAY', 'STP_NDARRAY', 'RTS_NDARRAY'},
    'POINT': {'GET_POINT', 'RTS_POINT'},
    'POLYDATA': {'GET_POLYDATA', 'STT_POLYDATA', 'STP_POLYDATA', 'RTS_POLYDATA'},
    'QTDATA': {'GET_QTDATA', 'STT_QTDATA', 'STP_QTDATA', 'RTS_QTDATA', 'RTS_QDATA'},
    'SENSOR': {'GET_SENSOR', 'STT_SENSOR', 'STP_SENSOR', 'RTS_SENSOR'},
    'STRING': {'GET_STRING', 'RTS_STRING'},
    'TDATA': {'GET_TDATA', 'STT_TDATA', 'STP_TDATA', 'RTS_TDATA'},
    'TRAJ': {'GET_TRAJ', 'RTS_TRAJ'},
    'BIND': {'GET_BIND', 'STT_BIND', 'STP_BIND', 'RTS_BIND'},
    'VIDEO': {'GET_VIDEO', 'STT_VIDEO', 'STP_VIDEO', 'RTS_VIDEO'},
    'VIDEOMETA': {'GET_VMETA', 'RTS_VMETA'},
}
ALL = [(subject, name) for subject, names in NAMES.items() for name in sorted(names)]
# Those with a content of their own, tested with their types.
OWN = {'STT_TDATA', 'STT_QTDATA', 'STT_SENSOR', 'STT_POLYDATA', 'STT_VIDEO', 'STT_BIND'}
OWN |= {'GET_BIND', 'RTS_BIND'}
EMPTY = [name for _, name in ALL if name not in OWN and not name.startswith('RTS_')]
REPLIES = [name for _, name in ALL if name not in OWN and name.startswith('RTS_')]


def test_all_companions_of_all_types_are_known() -> None:
    names = {name for name in codec.MESSAGE_TYPES if name[:4] in ROLES}
    assert names == {name for _, name in ALL} | {'RTS_COMMAND'}


@pytest.mark.parametrize(('subject', 'name'), ALL)
def test_a_companion_says_what_it_asks_and_what_for(subject: str, name: str) -> None:
    kind: Any = codec.MESSAGE_TYPES[name]
    assert issubclass(kind, ROLES[name[:4]])
    assert kind.subject == subject
    assert subject in codec.MESSAGE_TYPES
    assert kind().type_name[:4] == name[:4]


def test_of_two_names_the_one_of_the_code_is_sent() -> None:
    assert codec.GetTransform.type_name == 'GET_TRANS'
    assert codec.GetCapability.type_name == 'GET_CAPABIL'
    assert codec.GetVideoMeta.type_name == 'GET_VMETA'
    assert codec.QuaternionTrackingDataReply.type_name == 'RTS_QTDATA'


@pytest.mark.parametrize('name', EMPTY)
def test_a_query_is_empty(name: str) -> None:
    value = receive_content(name, b'')
    assert value == codec.MESSAGE_TYPES[name]()
    assert content_bytes(value) == b''


@pytest.mark.parametrize('name', EMPTY)
def test_b29_a_query_with_content_is_refused(name: str) -> None:
    for size in (1, 36):
        assert_content_refused(name, bytes(size), codec.ContentSizeError, f'0 bytes, got {size}')


@pytest.mark.parametrize('name', REPLIES)
def test_a_reply_is_one_byte(name: str) -> None:
    for status, data in ((0, b'\0'), (1, b'\1'), (255, b'\xff')):
        kind: Any = codec.MESSAGE_TYPES[name]
        value = receive_content(name, data)
        assert value == kind(status)
        assert value.status == status
        assert content_bytes(value) == data


@pytest.mark.parametrize('name', REPLIES)
def test_b29_a_reply_of_any_other_size_is_refused(name: str) -> None:
    for size in (2, 36):
        assert_content_refused(name, bytes(size), codec.ContentSizeError, f'1 bytes, got {size}')
    assert_content_refused(name, b'', codec.NoDataError, 'empty content')


def test_a_reply_says_success_unless_told_otherwise() -> None:
    assert codec.TrackingDataReply().status == 0


@pytest.mark.parametrize('status', [-1, 256])
def test_a_status_that_does_not_fit_is_not_packed(status: Any) -> None:
    value = codec.TrackingDataReply(status)
    assert_not_packed(value, codec.ValueRangeError, f'status {status}: 0 to 255 are allowed')


def test_companions_of_different_types_are_different() -> None:
    contents: list[codec.Content] = [codec.GetImage(), codec.GetPoint(), codec.ImageReply(1)]
    contents += [codec.SensorReply(1), codec.SensorReply(2)]
    again = [codec.GetImage(), codec.GetPoint(), codec.ImageReply(1)]
    assert contents[:3] == again
    assert all(one == other for one in contents for other in contents if one is other)
    assert not any(one == other for one in contents for other in contents if one is not other)
    assert repr(codec.ImageReply(1)) == 'ImageReply(status=1)'


@pytest.mark.parametrize('name', ['GET_TRANSFOR', 'GET_QTRANS', 'RTS_QDATA'])
def test_a_companion_is_passed_on_under_the_name_it_came_under(name: str) -> None:
    content = b'\0' if name.startswith('RTS_') else b''
    data = codec.pack(codec.Message(codec.Unknown(name, content), 'Robot'))
    assert codec.pack(codec.unpack(data)) == data


def test_a_companion_came_with_its_subject_but_not_before_the_queries_of_version_2() -> None:
    assert codec.GetTransform.protocol_version == codec.TransformReply.protocol_version == 2
    assert codec.StartTrackingData.protocol_version == 2
    assert codec.StopVideo.protocol_version == codec.GetVideoMeta.protocol_version == 3


def test_a_companion_of_a_type_that_is_none_of_the_protocol_is_none_either() -> None:
    class GetNothing(codec.Get):
        subject = 'NOTHING'

    assert codec.Get.protocol_version is None
    assert GetNothing.protocol_version is None
    assert (GetNothing.sizes, codec.Reply.sizes, codec.Content.sizes) == ('0', '1', '?')

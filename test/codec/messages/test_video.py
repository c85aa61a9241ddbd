# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from array import array
from typing import Any

import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from helpers.feeding import by_get_buffer, by_receive_data
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec

ONE = b'\x3f\x80\0\0'
AXES = ONE + bytes(12) + ONE + bytes(12) + ONE


def fixed(
    version: int = 1,
    endian: int = 2,
    fourcc: bytes = b'H264',
    frame_type: int = 5,
    coordinate: int = 1,
    size: tuple[int, ...] = (4, 3, 1),
    offset: tuple[int, ...] = (0, 0, 0),
    sub_size: tuple[int, ...] = (4, 3, 1),
) -> bytes:
    """Return the 76 bytes, field by field."""
    return (
        version.to_bytes(2, 'big')
        + bytes((endian,))
        + fourcc
        + frame_type.to_bytes(2, 'big')
        + bytes((coordinate,))
        + b''.join(number.to_bytes(2, 'big') for number in size)
        + AXES
        + bytes(12)
        + b''.join(number.to_bytes(2, 'big') for number in (*offset, *sub_size))
    )


CASES = [
    (codec.Video(b'stream', (4, 3, 1)), fixed() + b'stream'),
    (
        codec.Video(b'', (4, 3, 1), 'I420', codec.FrameType.KEY),
        fixed(fourcc=b'I420', frame_type=1),
    ),
    (
        codec.Video(
            b'x',
            (4, 3, 1),
            '\xff\x00ab',
            codec.FrameType.INTER,
            True,
            codec.Endian.BIG,
            codec.CoordinateSystem.LPS,
            offset=(1, 2, 0),
            sub_size=(3, 1, 1),
        ),
        fixed(1, 1, b'\xff\x00ab', 0x300, 2, offset=(1, 2, 0), sub_size=(3, 1, 1)) + b'x',
    ),
    (
        codec.Video(b'x', (65535, 1, 1), frame_type=codec.FrameType.INVALID),
        fixed(frame_type=0, size=(65535, 1, 1), sub_size=(65535, 1, 1)) + b'x',
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_frame_packs_to_its_bytes(value: codec.Video, data: bytes) -> None:
    assert len(data) - len(value.data) == codec.Video.bulk_offset == 76
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_frame_is_read_from_its_bytes(value: codec.Video, data: bytes) -> None:
    assert receive_content('VIDEO', data) == value


@pytest.mark.parametrize('version', [1, 2])
def test_a_large_bit_stream_has_a_buffer_of_its_own(version: int) -> None:
    content = fixed() + b'x' * 40_000
    body = content if version == 1 else extended_body(content)
    data = message_bytes(b'VIDEO', body, version=version)
    for feed in (by_receive_data, by_get_buffer):
        (message,) = feed(codec.Connection(), [data[:100], data[100:]])
        assert isinstance(message, codec.Message)
        assert isinstance(message.content.data, array)
        assert message.content.data.tobytes() == b'x' * 40_000


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (b'', codec.NoDataError, 'empty content'),
        (bytes(75), codec.ContentSizeError, '76 bytes or more, got 75'),
        (fixed(version=2), codec.ContentValueError, 'version is 2'),
        (fixed(endian=0), codec.ContentValueError, 'Endian'),
        (fixed(frame_type=6), codec.ContentValueError, '6 is not a valid FrameType'),
        (fixed(frame_type=0x600), codec.ContentValueError, '6 is not a valid FrameType'),
        (fixed(frame_type=0x101), codec.ContentValueError, '257 is not a valid FrameType'),
        (fixed(coordinate=0), codec.ContentValueError, 'CoordinateSystem'),
        (fixed(coordinate=3), codec.ContentValueError, 'CoordinateSystem'),
        (fixed(size=(0, 3, 1)), codec.ContentValueError, 'has a part of'),
        (fixed(sub_size=(0, 3, 1)), codec.ContentValueError, 'has a part of'),
        (fixed(offset=(1, 0, 0)), codec.ContentValueError, 'has a part of'),
        (fixed(offset=(65535, 0, 0)), codec.ContentValueError, 'has a part of'),
    ],
)
def test_b31_a_frame_that_is_none_is_refused(
    data: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('VIDEO', data, error, match)


def test_b31_a_codec_that_nobody_knows_is_passed_on() -> None:
    data = fixed(fourcc=b'ABCD') + b'stream'
    assert receive_content('VIDEO', data).fourcc == 'ABCD'


def frame(**fields: Any) -> codec.Video:
    return codec.Video(**{'data': b'', 'size': (4, 3, 1), **fields})


@pytest.mark.parametrize(
    ('value', 'match'),
    [
        (frame(fourcc='VP9'), "fourcc 'VP9'"),
        (frame(fourcc='VP900'), "fourcc 'VP900'"),
        (frame(fourcc='\u0100264'), 'fourcc'),
        (frame(size=(0, 3, 1)), 'has a part of'),
        (frame(size=(65536, 3, 1)), 'has a part of'),
        (frame(offset=(1, 0, 0)), 'has a part of'),
        (frame(sub_size=(5, 3, 1)), 'has a part of'),
        (frame(frame_type=6), '6 is not a valid FrameType'),
        (frame(frame_type=0, is_grayscale=True), 'only colour is allowed'),
        (frame(axes=(1e39,) * 9), 'too large'),
        (frame(endian=3), '3 is not a valid Endian'),
    ],
)
def test_a_frame_that_does_not_fit_is_not_packed(value: codec.Video, match: str) -> None:
    assert_not_packed(value, codec.ValueRangeError, match)


def test_frames_are_equal_by_all_they_have() -> None:
    assert frame(data=b'ab') == frame(data=array('B', b'ab'))
    assert frame(data=b'ab') != frame(data=b'ac')
    assert frame() != frame(is_grayscale=True)
    assert frame() != 1
    assert repr(frame(data=b'ab')) == "Video(size=(4, 3, 1), 'H264', UNKNOWN, 2 bytes)"


START_CASES = [
    (codec.StartVideo(), b'VP90\0\0\0\x32\0'),
    (codec.StartVideo('H264', 2**32 - 1), b'H264\xff\xff\xff\xff\0'),
]


@pytest.mark.parametrize(('value', 'data'), START_CASES)
def test_a_start_packs_to_its_bytes(value: codec.StartVideo, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), START_CASES)
def test_a_start_is_read_whatever_its_last_byte_is(value: codec.StartVideo, data: bytes) -> None:
    for same in (data, data[:8], data[:8] + b'\xee'):
        assert receive_content('STT_VIDEO', same) == value


@pytest.mark.parametrize('size', [1, 7, 10])
def test_b29_a_start_of_any_other_size_is_refused(size: int) -> None:
    assert_content_refused(
        'STT_VIDEO', bytes(size), codec.ContentSizeError, f'9 bytes, got {size}'
    )
    assert_content_refused('STT_VIDEO', b'', codec.NoDataError, 'empty content')


@pytest.mark.parametrize(
    ('value', 'match'),
    [
        (codec.StartVideo('VP9'), "fourcc 'VP9'"),
        (codec.StartVideo('VP90', -1), 'interval -1'),
        (codec.StartVideo('VP90', 2**32), 'interval 4294967296'),
    ],
)
def test_a_start_that_does_not_fit_is_not_packed(value: codec.StartVideo, match: str) -> None:
    assert_not_packed(value, codec.ValueRangeError, match)


META_CASES = [
    (codec.VideoMeta.from_videos([]), b''),
    (
        codec.VideoMeta.from_videos(
            [
                {
                    'name': 'Laparoscope',
                    'device_name': 'Camera',
                    'patient_name': 'Somebody',
                    'patient_id': '7',
                    'zoom_level': -2,
                    'focal_length': 1.0,
                    'size': (1920, 1080, 1),
                    'axes': [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
                    'position': (0, 0, 1),
                    'scalar_type': codec.ScalarType.UINT8,
                },
                {'reserved': 1},
            ]
        ),
        b'Laparoscope'.ljust(64, b'\0')
        + b'Camera'.ljust(64, b'\0')
        + b'Somebody'.ljust(64, b'\0')
        + b'7'.ljust(64, b'\0')
        + b'\xff\xfe'
        + b'\x3f\xf0'
        + bytes(6)
        + b'\x07\x80\x04\x38\0\1'
        + AXES
        + bytes(8)
        + ONE
        + b'\3\0'
        + bytes(321)
        + b'\1',
    ),
]


@pytest.mark.parametrize(('value', 'data'), META_CASES)
def test_video_metas_pack_to_their_bytes(value: codec.VideoMeta, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), META_CASES)
def test_video_metas_are_read_from_their_bytes(value: codec.VideoMeta, data: bytes) -> None:
    received = receive_content('VIDEOMETA', data)
    assert received == value
    assert len(received.videos) == len(data) // 322


@pytest.mark.parametrize('size', [1, 321, 323])
def test_a_broken_video_meta_is_refused(size: int) -> None:
    assert_content_refused(
        'VIDEOMETA', bytes(size), codec.ContentSizeError, 'a multiple of 322 bytes'
    )

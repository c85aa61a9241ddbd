# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.streams.video_decoder: what FFmpeg encodes is decoded, or refused."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('av', reason='PyAV is an extra: pip install av')

from helpers import encoded_video
from helpers.encoded_video import ENCODERS, FRAMES, HEIGHT, KEY_EVERY, WIDTH, difference, frames
from ros2_igtl import codec
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.streams import video_decoder
from ros2_igtl.convert.streams.video_decoder import VideoDecoder

TOLERANCE = 3.0  # of 255, mean: what U and V of 2 x 2 pixels and the encoder lose
PLACE: dict[str, Any] = {
    'axes': (0.5, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 1.0),
    'position': (10.0, -20.0, 30.0),
    'coordinate': codec.CoordinateSystem.LPS,
}
every_codec = pytest.mark.parametrize('fourcc', ENCODERS)


def decoder(max_bytes: int = 1 << 20) -> VideoDecoder:
    return VideoDecoder(max_bytes)


def cause(decoder: VideoDecoder, frame: codec.Video, device: str = 'Scope') -> str:
    with pytest.raises(ConvertError) as refusal:
        decoder.decode(device, frame)
    return refusal.value.cause


@every_codec
def test_every_frame_is_seen_as_it_was_and_lies_where_it_lay(fourcc: str) -> None:
    decode = decoder().decode
    images: list[Any] = [decode('Scope', frame) for frame in frames(fourcc, **PLACE)]
    assert len(images) == FRAMES
    for number, image in enumerate(images):
        assert (image.size, image.components) == ((WIDTH, HEIGHT, 1), 3)
        assert {name: getattr(image, name) for name in PLACE} == PLACE
        assert difference(image.pixels, number) < TOLERANCE
        assert difference(image.pixels, (number + 3) % FRAMES) > 2 * TOLERANCE


def test_the_pictures_that_a_decoder_may_keep_are_counted() -> None:
    videos, size = decoder(), WIDTH * HEIGHT * 3 // 2
    for device in ('Scope', 'Camera'):
        already = videos.held_bytes
        for number, frame in enumerate(frames('H264'), 1):
            videos.decode(device, frame)
            kept = min(number, video_decoder.MAX_PICTURES)
            assert videos.held_bytes == already + kept * size
    videos.forget('Scope')
    videos.forget('Camera')
    assert videos.held_bytes == 0


def test_both_names_of_hevc_are_decoded() -> None:
    decode = decoder().decode
    first, *_ = frames('X265')
    first.fourcc = 'O265'
    image: Any = decode('Scope', first)
    assert difference(image.pixels, 0) < TOLERANCE


@every_codec
def test_nothing_is_seen_before_the_first_key_frame(fourcc: str) -> None:
    decode = decoder().decode
    images: list[Any] = [decode('Scope', frame) for frame in frames(fourcc)[2:]]
    assert images[: KEY_EVERY - 2] == [None] * (KEY_EVERY - 2)
    for number, image in enumerate(images[KEY_EVERY - 2 :], KEY_EVERY):
        assert difference(image.pixels, number) < TOLERANCE


@every_codec
def test_a_grey_frame_has_its_y_as_grey(fourcc: str) -> None:
    first, *_ = frames(fourcc)
    coloured: Any = decoder().decode('Scope', first)
    first.is_grayscale = True
    grey: Any = decoder().decode('Scope', first)
    assert (grey.size, grey.components) == ((WIDTH, HEIGHT, 1), 1)
    # ITU-R BT.601: Y goes from 16 to 235
    luma = coloured.pixels[0] @ np.array([0.299, 0.587, 0.114]) * 219 / 255 + 16
    assert np.abs(grey.pixels[0] - luma).mean() < TOLERANCE


@pytest.mark.parametrize(('width', 'height'), [(190, 126), (66, 34)])
def test_a_size_that_is_no_number_of_blocks_is_cut_to_size(width: int, height: int) -> None:
    for is_grayscale in (False, True):
        decode = decoder().decode
        for number, frame in enumerate(frames('H264', width, height)):
            frame.is_grayscale = is_grayscale
            image: Any = decode('Scope', frame)
            assert image.pixels.shape[1:3] == (height, width)
            if not is_grayscale:
                expected = encoded_video.picture(number, width, height).astype(int)
                assert np.abs(image.pixels[0] - expected).mean() < TOLERANCE


def test_frames_of_i420_need_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'av', None)
    frame = codec.Video(bytes(12), (4, 2, 1), 'I420')
    assert decoder().decode('Scope', frame) is frame


@every_codec
def test_without_pyav_a_frame_is_refused_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, fourcc: str
) -> None:
    first, *_ = frames(fourcc)
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ConvertError, match='install it with: pip install av') as refusal:
        decoder().decode('Scope', first)
    assert refusal.value.cause == 'needs_decoder'


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({'fourcc': 'MJPG'}, 'encoding'),
        ({'size': (WIDTH, HEIGHT, 2), 'sub_size': (WIDTH, HEIGHT, 2)}, 'image_size'),
        ({'sub_size': (WIDTH, HEIGHT // 2, 1)}, 'sub_volume'),
        ({'data': b''}, 'video_stream'),
        ({'data': b'no stream'}, 'video_stream'),
        # what the stream itself says is larger, or smaller
        ({'size': (16, 16, 1), 'sub_size': (16, 16, 1)}, 'video_stream'),
        ({'size': (640, 480, 1), 'sub_size': (640, 480, 1)}, 'size_mismatch'),
    ],
)
@every_codec
def test_a_frame_that_is_none_is_refused(
    fourcc: str, change: dict[str, Any], expected: str
) -> None:
    first, *_ = frames(fourcc)
    for name, value in change.items():
        setattr(first, name, value)
    assert cause(decoder(), first) == expected


def test_a_picture_is_no_larger_than_a_message_may_be() -> None:
    first, *_ = frames('H264')
    assert decoder(3 * WIDTH * HEIGHT).decode('Scope', first) is not None
    assert cause(decoder(3 * WIDTH * HEIGHT - 1), first) == 'image_size'


def damaged(frame: codec.Video) -> codec.Video:
    """Return a frame that ends in the middle, in bytes that are not its own."""
    half = bytes(frame.data)[: len(frame.data) // 2]
    frame.data = half + b'\xff\x00\xaa\x55'
    return frame


# VP9 and HEVC have nothing in them by which the damage could be seen
@pytest.mark.parametrize('fourcc', ['H264', 'AV10'])
def test_after_a_damaged_frame_the_next_key_frame_is_waited_for(fourcc: str) -> None:
    scope = decoder()
    video = frames(fourcc)
    assert scope.decode('Scope', video[0]) is not None
    assert cause(scope, damaged(video[1])) == 'video_stream'
    assert [scope.decode('Scope', frame) for frame in video[2:KEY_EVERY]] == [None] * 3
    image: Any = scope.decode('Scope', video[KEY_EVERY])
    assert difference(image.pixels, KEY_EVERY) < TOLERANCE


@pytest.mark.parametrize('fourcc', ['H264', 'X265'])
def test_a_stream_whose_headers_come_without_its_key_frame_is_waited_for_too(fourcc: str) -> None:
    video = frames(fourcc)
    units = re.split(b'\0?\0\0\1', video[0].data)[1:]
    # sets of parameters: table 7-1 of H.264 and of H.265
    shift, mask, kinds = {'H264': (0, 31, {7, 8}), 'X265': (1, 63, {32, 33, 34})}[fourcc]
    headers = [b'\0\0\0\1' + unit for unit in units if unit[0] >> shift & mask in kinds]
    assert headers
    video[1].data = b''.join(headers) + video[1].data
    decode = decoder().decode
    assert [decode('Scope', frame) for frame in video[1:KEY_EVERY]] == [None] * (KEY_EVERY - 1)
    assert decode('Scope', video[KEY_EVERY]) is not None


def test_a_stream_that_was_left_out_begins_with_its_next_key_frame() -> None:
    scope = decoder()
    video = frames('VP90')
    assert scope.decode('Scope', video[0]) is not None
    scope.forget('Scope')
    scope.forget('Nothing')
    assert scope.decode('Scope', video[1]) is None
    assert scope.decode('Scope', video[KEY_EVERY]) is not None


def test_pictures_of_an_encoder_that_looks_ahead_come_late_and_in_their_order() -> None:
    decode = decoder().decode
    kinds = {True: codec.FrameType.KEY, False: codec.FrameType.INTER}
    images: list[Any] = [
        decode('Scope', codec.Video(data, (WIDTH, HEIGHT, 1), 'H264', kinds[is_key]))
        for data, is_key in encoded_video.encode('H264', b_frames=2)
    ]
    late = images.index(next(filter(None, images)))
    assert 1 <= late <= 2
    assert None not in images[late:]
    for number, image in enumerate(images[late:]):
        assert difference(image.pixels, number) < TOLERANCE


def test_another_codec_or_size_begins_a_new_stream() -> None:
    scope = decoder()
    h264, vp9, small = frames('H264'), frames('VP90'), frames('H264', 66, 34)
    for video in (h264, vp9, small, h264):
        assert scope.decode('Scope', video[1]) is None
        assert scope.decode('Scope', video[KEY_EVERY]) is not None
        assert scope.decode('Scope', video[KEY_EVERY + 1]) is not None


def test_devices_have_streams_of_their_own_and_the_oldest_gives_way() -> None:
    scope = decoder()
    video = frames('H264')
    devices = [f'Scope{number}' for number in range(video_decoder.MAX_STREAMS)]
    for device in devices:
        assert scope.decode(device, video[0]) is not None
    for device in devices:
        assert scope.decode(device, video[1]) is not None
    assert scope.decode('One more', video[0]) is not None
    assert scope.decode(devices[0], video[2]) is None  # it had waited longest
    assert scope.decode(devices[-1], video[2]) is not None


@every_codec
@settings(max_examples=100)
@given(data=st.data())
def test_any_damage_is_a_picture_none_or_a_refusal(fourcc: str, data: st.DataObject) -> None:
    scope = decoder()
    for frame in frames(fourcc)[: KEY_EVERY + 1]:
        damaged = bytearray(frame.data)
        for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=3)):
            damaged[place] ^= data.draw(st.integers(1, 255))
        frame.data = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
        image: Any = None
        refused = ''
        try:
            image = scope.decode('Scope', frame)
        except ConvertError as error:
            refused = error.cause
        assert refused in ('', 'video_stream', 'size_mismatch')
        assert image is None or image.pixels.shape == (1, HEIGHT, WIDTH, 3)

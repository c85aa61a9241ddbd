# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.video: VIDEO."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from helpers.conversions import cause
from helpers.strategies import videos
from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem, FrameType
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import yuv
from ros2_igtl.convert.pairs.image import image_from_ros, image_to_image_geometry
from ros2_igtl.convert.pairs.video import (
    video_from_compressed_image,
    video_from_ros,
    video_to_compressed_image,
    video_to_ros,
)
from ros2_igtl.msg import ImageGeometry

CONTEXT = Context('Scope', Time(sec=5, nanosec=6), 'igtl_ras', 'Scope')
GEOMETRY = ImageGeometry(
    header=Header(stamp=CONTEXT.stamp, frame_id='igtl_ras'),
    size=[4, 2, 1],
    ijk_to_frame=np.eye(3, 4).ravel() / 1000,
)
FORMATS = {
    'H264': 'h264',
    'VP90': 'vp9',
    'X265': 'hevc',
    'O265': 'hevc',
    'AV10': 'av1',
    'I420': 'i420',
}


def compressed(format_name: str, data: bytes = b'\0\0\1') -> CompressedImage:
    header = Header(stamp=CONTEXT.stamp, frame_id='Scope')
    return CompressedImage(header=header, format=format_name, data=data)


@pytest.mark.parametrize(('fourcc', 'format_name'), FORMATS.items())
def test_a_bit_stream_passes_through_ros_byte_by_byte(fourcc: str, format_name: str) -> None:
    data = array('B', range(256))
    content = codec.Video(
        data,
        (640, 480, 1),
        fourcc,
        FrameType.KEY if fourcc == 'I420' else FrameType.UNKNOWN,
        axes=(0.5, 0.25, 0.0, -0.25, 0.5, 0.0, 0.0, 0.0, 3.0),
        position=(10.0, -20.0, 30.0),
    )
    message = video_to_compressed_image(content, CONTEXT)
    assert message.format == format_name
    assert message.data is data
    geometry = image_to_image_geometry(content, CONTEXT)
    assert message.header.stamp == geometry.header.stamp
    sent = video_from_compressed_image(message, geometry)
    assert sent[1:4] == (5_000_000_006, 'igtl_ras', 'Scope')
    back: Any = sent.content
    back.fourcc = fourcc if fourcc == 'O265' else back.fourcc  # is read as X265
    assert back == content
    data[7] = 99
    assert back.data[7] == 99


@given(videos())
def test_any_video_is_passed_on_or_refused(content: codec.Video) -> None:
    content.fourcc = 'VP90'
    if content.sub_size != content.size:
        assert cause(video_to_compressed_image, content, CONTEXT) == 'sub_volume'
        return
    message = video_to_compressed_image(content, CONTEXT)
    assert bytes(message.data) == bytes(content.data)
    geometry = ImageGeometry(size=content.size, ijk_to_frame=GEOMETRY.ijk_to_frame)
    back: Any = video_from_compressed_image(message, geometry).content
    assert (back.fourcc, back.size) == ('VP90', content.size)
    assert bytes(codec.unpack(codec.pack(codec.Message(back))).content.data) == bytes(content.data)


def test_an_lps_video_lies_in_ras_as_its_geometry_says() -> None:
    content = codec.Video(
        b'', (4, 2, 1), coordinate=CoordinateSystem.LPS, position=(10.0, 20.0, 30.0)
    )
    geometry = image_to_image_geometry(content, CONTEXT)
    sent: Any = video_from_compressed_image(compressed('h264'), geometry).content
    assert sent.coordinate == CoordinateSystem.RAS
    assert sent.position == pytest.approx((-10.0, -20.0, 30.0))
    assert sent.axes == pytest.approx((-1, 0, 0, 0, -1, 0, 0, 0, 1))


@pytest.mark.parametrize('fourcc', ['MJPG', 'h264', '\0\0\0\0', 'ÿÿÿÿ'])
def test_b31_a_codec_that_has_no_name_in_ros_is_refused(fourcc: str) -> None:
    content = codec.Video(b'', (4, 2, 1), fourcc)
    with pytest.raises(ConvertError, match='H264, VP90') as refusal:
        video_to_compressed_image(content, CONTEXT)
    assert refusal.value.cause == 'encoding'
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ('format_name', 'fourcc'),
    [
        ('h264', 'H264'),
        ('H264', 'H264'),
        ('h265', 'X265'),
        ('hevc;yuv420p;bgr8;rgb8', 'X265'),  # as ffmpeg_image_transport
        ('vp9 ; yuv420p', 'VP90'),
    ],
)
def test_formats_are_read_as_other_packages_write_them(format_name: str, fourcc: str) -> None:
    sent: Any = video_from_compressed_image(compressed(format_name), GEOMETRY).content
    assert sent.fourcc == fourcc
    assert sent.frame_type == FrameType.UNKNOWN


@pytest.mark.parametrize(
    'format_name', ['', 'jpeg', 'rgb8; jpeg compressed bgr8', 'png', 'x' * 99]
)
def test_an_image_that_is_no_video_is_refused(format_name: str) -> None:
    with pytest.raises(ConvertError, match='h264, vp9, hevc, h265, av1, i420 are') as refusal:
        video_from_compressed_image(compressed(format_name), GEOMETRY)
    assert refusal.value.cause == 'encoding'


def test_a_frame_whose_size_nothing_says_is_refused() -> None:
    convert = video_from_compressed_image
    assert cause(convert, compressed('h264')) == 'no_geometry'
    nowhere = ImageGeometry(size=[4, 2, 1])
    assert cause(convert, compressed('h264'), nowhere) == 'zero_axis'
    nothing = ImageGeometry(size=[4, 0, 1], ijk_to_frame=GEOMETRY.ijk_to_frame)
    assert cause(convert, compressed('h264'), nothing) == 'image_size'


def test_b22_a_part_of_a_frame_is_refused() -> None:
    content = codec.Video(b'', (4, 2, 1), 'I420', sub_size=(2, 2, 1))
    assert cause(video_to_compressed_image, content, CONTEXT) == 'sub_volume'
    assert cause(video_to_ros, content, CONTEXT) == 'sub_volume'


def frame(width: int = 4, height: int = 2, **fields: Any) -> codec.Video:
    """Return a frame of I420 whose bytes count up."""
    size = width * height * 3 // 2
    data = (np.arange(size) * 7 % 256).astype(np.uint8)
    return codec.Video(data, (width, height, 1), 'I420', FrameType.KEY, **fields)


def test_a_frame_of_i420_is_an_image_in_colour() -> None:
    content = frame(6, 4)
    message = video_to_ros(content, CONTEXT)
    assert (message.width, message.height, message.encoding, message.step) == (6, 4, 'rgb8', 18)
    assert (message.header.stamp, message.header.frame_id) == (CONTEXT.stamp, 'Scope')
    assert isinstance(message.data, array)
    assert bytes(message.data) == yuv.rgb_from_i420(content.data, 6, 4).tobytes()


@given(st.data(), st.integers(1, 3), st.integers(1, 3))
def test_a_grey_frame_passes_through_ros_byte_by_byte(data: Any, width: int, height: int) -> None:
    grey = data.draw(st.binary(min_size=4 * width * height, max_size=4 * width * height))
    content = codec.Video(
        grey + bytes([128] * (2 * width * height)),
        (2 * width, 2 * height, 1),
        'I420',
        FrameType.KEY,
        is_grayscale=True,
    )
    message = video_to_ros(content, CONTEXT)
    assert (message.encoding, bytes(message.data)) == ('mono8', grey)
    geometry = image_to_image_geometry(content, CONTEXT)
    sent = video_from_ros(message, geometry)
    assert codec.unpack(codec.pack(codec.Message(sent.content))).content == content
    assert sent[1:4] == (5_000_000_006, 'igtl_ras', 'Scope')


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', '8UC3'])
def test_an_image_in_colour_is_a_frame_of_i420(encoding: str, padding: int) -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
    given_order = pixels[..., ::-1] if encoding == 'bgr8' else pixels
    rows = np.pad(given_order.reshape(4, -1), [(0, 0), (0, padding)])
    message = Image(
        width=6, height=4, encoding=encoding, step=18 + padding, data=array('B', rows.tobytes())
    )
    content: Any = video_from_ros(message).content
    assert (content.fourcc, content.frame_type, content.is_grayscale) == ('I420', 1, False)
    assert content.size == (6, 4, 1)
    assert content.position == (2.5, 1.5, 0.0)  # as of an image without geometry
    assert np.array_equal(content.data, yuv.i420_from_rgb(pixels))
    assert codec.unpack(codec.pack(codec.Message(content))).content == content


def test_an_image_of_one_colour_comes_back_within_2() -> None:
    pixels = np.full((4, 6, 3), (200, 100, 50), np.uint8)
    message = Image(width=6, height=4, encoding='rgb8', step=18, data=array('B', pixels.tobytes()))
    sent: Any = video_from_ros(message).content
    back = video_to_ros(sent, CONTEXT)
    seen = np.frombuffer(back.data, np.uint8).reshape(4, 6, 3).astype(int)
    assert np.abs(seen - pixels).max() <= 2


@pytest.mark.parametrize('fourcc', ['H264', 'VP90', 'X265', 'AV10', 'MJPG'])
def test_b31_a_frame_that_needs_those_before_it_is_refused_with_what_can_be_done(
    fourcc: str,
) -> None:
    with pytest.raises(ConvertError, match='CompressedImage passes it on') as refusal:
        video_to_ros(codec.Video(b'', (4, 2, 1), fourcc), CONTEXT)
    assert refusal.value.cause == 'needs_decoder'


def test_what_a_decoder_made_of_a_frame_is_taken_in_its_place() -> None:
    picture = codec.Image(array('B', range(24)), (4, 2, 1), components=3)
    message = video_to_ros(picture, CONTEXT)
    assert (message.encoding, message.header.frame_id) == ('rgb8', CONTEXT.child_frame_id)
    assert message.data is picture.data


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (codec.Video(bytes(12), (3, 2, 1), 'I420'), 'image_size'),
        (codec.Video(bytes(12), (2, 3, 1), 'I420'), 'image_size'),
        (codec.Video(bytes(12), (4, 2, 2), 'I420'), 'image_size'),
        (codec.Video(bytes(11), (4, 2, 1), 'I420'), 'size_mismatch'),
        (codec.Video(bytes(13), (4, 2, 1), 'I420'), 'size_mismatch'),
        (codec.Video(b'', (65534, 65534, 1), 'I420'), 'size_mismatch'),
    ],
)
def test_a_frame_that_contradicts_its_size_is_refused(content: codec.Video, expected: str) -> None:
    assert cause(video_to_ros, content, CONTEXT) == expected


@pytest.mark.parametrize(
    ('encoding', 'size', 'expected'),
    [
        ('rgba8', 4, 'encoding'),
        ('mono16', 2, 'encoding'),
        ('8SC3', 3, 'encoding'),
        ('8UC2', 2, 'encoding'),
        ('yuv422', 2, 'encoding'),
        ('mono8', 2, 'size_mismatch'),
    ],
)
def test_an_image_that_is_no_frame_is_refused(encoding: str, size: int, expected: str) -> None:
    message = Image(
        width=2, height=2, encoding=encoding, step=2 * size, data=array('B', bytes(4 * size - 1))
    )
    if expected == 'encoding':
        message.data = array('B', bytes(4 * size))
    assert cause(video_from_ros, message) == expected


def test_an_image_of_an_odd_size_is_refused() -> None:
    for encoding, size in (('mono8', 1), ('rgb8', 3)):
        message = Image(
            width=3, height=2, encoding=encoding, step=3 * size, data=array('B', bytes(6 * size))
        )
        assert cause(video_from_ros, message) == 'image_size'


def test_a_geometry_that_says_nothing_is_refused_as_of_an_image() -> None:
    message = video_to_ros(frame(), CONTEXT)
    geometry = ImageGeometry(size=[4, 2, 1], ijk_to_frame=[math.nan] * 12)
    for convert in (video_from_ros, image_from_ros):
        assert cause(convert, message, geometry) == 'not_finite'

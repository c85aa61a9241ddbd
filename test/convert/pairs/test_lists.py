# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.lists: what a peer says it has."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import ColorRGBA

from helpers.conversions import cause
from helpers.strategies import color_tables
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs import parts
from ros2_igtl.convert.pairs.lists import (
    color_table_from_ros,
    color_table_to_ros,
    image_meta_from_ros,
    image_meta_to_ros,
    label_meta_from_ros,
    label_meta_to_ros,
    video_meta_from_ros,
    video_meta_to_ros,
)
from ros2_igtl.msg import (
    ColorTable,
    ImageMeta,
    ImageMetaArray,
    LabelMeta,
    LabelMetaArray,
    VideoMeta,
    VideoMetaArray,
)

CONTEXT = Context('PACS', Time(sec=5), 'igtl_ras', 'PACS')
sizes = st.tuples(*[st.integers(0, 65535)] * 3)
bytes_ = st.integers(0, 255)
millimetres32 = st.floats(-1e9, 1e9, width=32)


def names(size: int) -> st.SearchStrategy[str]:
    """Names of at most ``size`` bytes, the length that fits and is not lost."""
    return st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=size // 4)


def assert_passes(content: Any, to_ros: Any, from_ros: Any) -> None:
    """Send a content to ROS and back, and compare the bytes of both."""
    packed = codec.pack(codec.Message(content))
    message = to_ros(codec.unpack(packed).content, CONTEXT)
    back = from_ros(deserialize_message(serialize_message(message), type(message))).content
    assert codec.pack(codec.Message(back)) == packed


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': names(63),
                'device_name': names(19),
                'modality': names(31),
                'patient_name': names(63),
                'patient_id': names(63),
                # what is less than a nanosecond is lost
                'timestamp': st.integers(0, 2**31 * 10**9 - 1).map(
                    codec.timestamp.from_nanoseconds
                ),
                'size': sizes,
                'scalar_type': bytes_,
            }
        ),
        max_size=3,
    )
)
def test_images_pass_through_ros_byte_by_byte(images: Any) -> None:
    content = codec.ImageMeta.from_images(images)
    assert_passes(content, image_meta_to_ros, image_meta_from_ros)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': names(63),
                'device_name': names(19),
                'label': bytes_,
                'rgba': st.tuples(*[bytes_] * 4),
                'size': sizes,
                'owner': names(19),
            }
        ),
        max_size=3,
    )
)
def test_labels_pass_through_ros_byte_by_byte(labels: Any) -> None:
    content = codec.LabelMeta.from_labels(labels)
    assert_passes(content, label_meta_to_ros, label_meta_from_ros)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                'name': names(63),
                'device_name': names(63),
                'patient_name': names(63),
                'patient_id': names(63),
                'zoom_level': st.integers(-(2**15), 2**15 - 1),
                'focal_length': millimetres32,  # its last bit is lost where it has more
                'size': sizes,
                'axes': st.tuples(*[st.tuples(*[millimetres32] * 3)] * 3),
                'position': st.tuples(*[millimetres32] * 3),
                'scalar_type': bytes_,
            }
        ),
        max_size=3,
    )
)
def test_videos_pass_through_ros_byte_by_byte(videos: Any) -> None:
    content = codec.VideoMeta.from_videos(videos)
    message = video_meta_to_ros(content, CONTEXT)
    back: Any = video_meta_from_ros(message).content
    # a float64 in metres does not hold all of one in millimetres
    np.testing.assert_allclose(
        back.videos['focal_length'], content.videos['focal_length'], rtol=1e-15
    )
    back.videos['focal_length'] = content.videos['focal_length']
    assert back == content


@given(color_tables())
def test_tables_of_colours_pass_through_ros_byte_by_byte(content: codec.ColorTable) -> None:
    assert_passes(content, color_table_to_ros, color_table_from_ros)


@pytest.mark.parametrize(
    ('table', 'map_type'),
    [
        (np.arange(256, dtype='u1'), ColorTable.UINT8),
        (np.arange(256, dtype='>u2') * 256, ColorTable.UINT16),
        (np.arange(65536, dtype='<u2'), ColorTable.UINT16),
        (np.arange(768, dtype='>u2').astype('u1').reshape(256, 3), ColorTable.RGB),
    ],
)
def test_a_table_says_what_its_entries_are(table: Any, map_type: int) -> None:
    message = color_table_to_ros(codec.ColorTable(table), CONTEXT)
    assert message.map_type == map_type
    assert message.entries == array('H', table.ravel().tolist())


@pytest.mark.parametrize(
    ('map_type', 'count', 'entry', 'expected'),
    [
        (0, 256, 0, 'scalar_type'),
        (4, 256, 0, 'scalar_type'),
        (ColorTable.UINT8, 0, 0, 'size_mismatch'),
        (ColorTable.UINT8, 255, 0, 'size_mismatch'),
        (ColorTable.UINT16, 768, 0, 'size_mismatch'),
        (ColorTable.RGB, 256, 0, 'size_mismatch'),
        (ColorTable.RGB, 65536, 0, 'size_mismatch'),
        (ColorTable.UINT8, 256, 256, 'color_range'),
        (ColorTable.RGB, 768, 65535, 'color_range'),
    ],
)
def test_a_table_that_openigtlink_cannot_say_is_refused(
    map_type: int, count: int, entry: int, expected: str
) -> None:
    message = ColorTable(map_type=map_type, entries=[entry] * count)
    assert cause(color_table_from_ros, message) == expected


def test_the_time_of_a_scan_is_told_to_the_nanosecond() -> None:
    content = codec.ImageMeta.from_images([{'timestamp': (7 << 32) + 1}, {'timestamp': 0}])
    scanned, unset = image_meta_to_ros(content, CONTEXT).images
    assert (scanned.scan_time, unset.scan_time) == (Time(sec=7), Time())


def test_a_scan_before_1970_or_after_2038_is_refused() -> None:
    content = codec.ImageMeta.from_images([{}, {'timestamp': 2**63}])
    assert cause(image_meta_to_ros, content, CONTEXT) == 'timestamp_range'
    message = ImageMetaArray(images=[ImageMeta(scan_time=Time(sec=-1))])
    assert cause(image_meta_from_ros, message) == 'timestamp_range'


@pytest.mark.parametrize('field', ['axes', 'position', 'focal_length'])
@pytest.mark.parametrize('value', [math.nan, math.inf, 1e38])
def test_a_video_that_is_nowhere_is_refused(field: str, value: float) -> None:
    videos = np.zeros(2, codec.VideoMeta.dtype)
    videos[field][1] = value
    expected = 'out_of_range' if math.isfinite(value) else 'not_finite'
    assert cause(video_meta_to_ros, codec.VideoMeta(videos), CONTEXT) == expected
    video = VideoMeta()
    video.k_axis.y = video.center.x = video.focal_length = value
    assert cause(video_meta_from_ros, VideoMetaArray(videos=[video])) == expected


def test_a_colour_that_is_none_is_refused() -> None:
    message = LabelMetaArray(labels=[LabelMeta(color=ColorRGBA(g=1.5))])
    assert cause(label_meta_from_ros, message) == 'color_range'


# message class, its list, class of an element, from_ros
LISTS = [
    (ImageMetaArray, 'images', ImageMeta, image_meta_from_ros),
    (LabelMetaArray, 'labels', LabelMeta, label_meta_from_ros),
    (VideoMetaArray, 'videos', VideoMeta, video_meta_from_ros),
]


@pytest.mark.parametrize(('message_class', 'field', 'element_class', 'convert'), LISTS)
def test_a_name_that_fills_its_field_is_refused(
    message_class: Any, field: str, element_class: Any, convert: Any
) -> None:
    dtype = convert(message_class()).content.dtype
    for name in dtype.names:
        if dtype[name].kind == 'S':
            size = dtype[name].itemsize
            element = element_class(**{name: 'a' * (size - 1)})
            content: Any = convert(message_class(**{field: [element]})).content
            assert content.elements[name][0] == b'a' * (size - 1)
            element = element_class(**{name: 'a' * size})
            assert cause(convert, message_class(**{field: [element]})) == 'name_too_long'


@pytest.mark.parametrize(('message_class', 'field', 'element_class', 'convert'), LISTS)
def test_a_list_of_nothing_stays_one_and_a_longer_one_than_anybody_makes_is_refused(
    message_class: Any, field: str, element_class: Any, convert: Any
) -> None:
    content: Any = convert(message_class()).content
    assert len(content) == 0
    message = message_class(**{field: [element_class()] * (parts.MAX_ELEMENTS + 1)})
    assert cause(convert, message) == 'too_many_elements'


@pytest.mark.parametrize(
    ('content_class', 'convert'),
    [
        (codec.ImageMeta, image_meta_to_ros),
        (codec.LabelMeta, label_meta_to_ros),
        (codec.VideoMeta, video_meta_to_ros),
    ],
)
def test_a_peer_cannot_keep_the_bridge_busy_with_a_long_list(
    content_class: Any, convert: Any
) -> None:
    content = content_class(np.zeros(parts.MAX_ELEMENTS + 1, content_class.dtype))
    assert cause(convert, content, CONTEXT) == 'too_many_elements'
    assert len(convert(content_class(content.elements[:0]), CONTEXT).header.frame_id) in (0, 8)


def test_what_is_no_utf_8_in_a_name_is_shown_as_far_as_it_is() -> None:
    images = np.zeros(1, codec.ImageMeta.dtype)
    images['name'] = b'caf\xe9'
    (image,) = image_meta_to_ros(codec.ImageMeta(images), CONTEXT).images
    assert image.name == 'caf\ufffd'


def test_the_numbers_of_scalar_types_are_those_of_the_protocol() -> None:
    for scalar_type in codec.ScalarType:
        assert getattr(ImageMeta, scalar_type.name) == scalar_type
        assert getattr(VideoMeta, scalar_type.name) == scalar_type

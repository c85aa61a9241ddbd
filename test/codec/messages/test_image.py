# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import struct
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from helpers.feeding import FEEDS, NEXT, cuts
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem, Endian, Image, ScalarType

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
ONE = b'\x3f\x80\0\0'
IDENTITY_BYTES = ONE + bytes(12) + ONE + bytes(12) + ONE


def header(**fields: Any) -> bytes:
    """Return the 72 bytes of an image header: one voxel of u1 unless told otherwise."""
    values = {
        'version': 1,
        'components': 1,
        'scalar_type': 3,
        'endian': 2,
        'coordinate': 1,
        'size': (1, 1, 1),
        'axes': IDENTITY,
        'position': (0, 0, 0),
        'offset': (0, 0, 0),
        'sub_size': fields.get('size', (1, 1, 1)),
        **fields,
    }
    flat: list[Any] = []
    for value in values.values():
        flat += value if isinstance(value, tuple) else (value,)
    return struct.pack('>H4B3H12f6H', *flat)


CASES = [
    (
        Image(b'\x07', (1, 1, 1)),
        bytes.fromhex('0001 01 03 02 01 0001 0001 0001')
        + IDENTITY_BYTES
        + bytes(12)
        + bytes.fromhex('0000 0000 0000 0001 0001 0001 07'),
    ),
    (
        Image(
            bytes(range(24)),
            (3, 2, 5),
            ScalarType.UINT16,
            components=3,
            endian=Endian.BIG,
            coordinate=CoordinateSystem.LPS,
            axes=(0.5, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, -1.0),
            position=(1.0, 2.0, -1.0),
            offset=(1, 0, 4),
            sub_size=(2, 2, 1),
        ),
        bytes.fromhex('0001 03 05 01 02 0003 0002 0005')
        + bytes.fromhex('3f000000 00000000 00000000')
        + bytes.fromhex('00000000 40000000 00000000')
        + bytes.fromhex('00000000 00000000 bf800000')
        + bytes.fromhex('3f800000 40000000 bf800000')
        + bytes.fromhex('0001 0000 0004 0002 0002 0001')
        + bytes(range(24)),
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_an_image_packs_to_its_bytes(value: Image, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_an_image_is_read_from_its_bytes(value: Image, data: bytes) -> None:
    assert receive_content('IMAGE', data) == value


SCALARS = [
    (ScalarType.INT8, 'i1', -2),
    (ScalarType.UINT8, 'u1', 254),
    (ScalarType.INT16, 'i2', -300),
    (ScalarType.UINT16, 'u2', 65000),
    (ScalarType.INT32, 'i4', -70000),
    (ScalarType.UINT32, 'u4', 4_000_000_000),
    (ScalarType.FLOAT32, 'f4', -0.5),
    (ScalarType.FLOAT64, 'f8', 1e300),
]


@pytest.mark.parametrize(('scalar_type', 'code', 'number'), SCALARS)
@pytest.mark.parametrize(('endian', 'order'), [(Endian.BIG, '>'), (Endian.LITTLE, '<')])
@pytest.mark.parametrize('components', [1, 3])
def test_b23_every_scalar_type_is_read_and_written_in_either_byte_order(
    scalar_type: ScalarType, code: str, number: float, endian: Endian, order: str, components: int
) -> None:
    shape = (2, 3, 4) if components == 1 else (2, 3, 4, components)
    expected = np.full(shape, number, dtype=order + code)
    expected[1, 2, 3] = 1
    data = header(
        scalar_type=int(scalar_type), endian=int(endian), size=(4, 3, 2), components=components
    )
    value = receive_content('IMAGE', data + expected.tobytes())
    assert (value.scalar_type, value.endian) == (scalar_type, endian)
    assert value.dtype == np.dtype(order + code)
    assert value.pixels.shape == shape
    assert np.array_equal(value.pixels, expected)

    made = Image.from_pixels(expected)
    assert np.array_equal(made.pixels, expected)
    received = receive_content('IMAGE', content_bytes(made))
    assert np.array_equal(received.pixels, expected)
    assert received.pixels.dtype == made.dtype
    assert (received.size, received.components) == ((4, 3, 2), components)


def test_pixels_view_the_data_with_i_fastest_then_j_then_k_and_components_interleaved() -> None:
    image = Image(bytes(range(48)), (4, 3, 2), components=2)
    assert image.pixels[1, 2, 3].tolist() == [46, 47]
    assert image.pixels[0, 0, 1].tolist() == [2, 3]
    data = bytearray(24)
    image = Image(data, (4, 3, 2))
    data[4] = 9
    assert image.pixels[0, 1, 0] == 9


def test_pixels_that_are_not_contiguous_are_copied_and_others_not() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.shares_memory(Image.from_pixels(pixels).pixels, pixels)
    turned = pixels.transpose()
    assert np.array_equal(Image.from_pixels(turned).pixels, turned)
    assert Image.from_pixels(turned).size == (2, 3, 4)


def test_what_stands_beside_the_pixels_is_kept() -> None:
    axes = (0.0, 3.0, 4.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0)
    image = Image.from_pixels(
        np.zeros((1, 2, 3), np.uint8),
        axes=axes,
        position=(1.0, 2.0, 3.0),
        coordinate=CoordinateSystem.LPS,
    )
    assert (image.axes, image.position, image.coordinate) == (axes, (1.0, 2.0, 3.0), 2)
    assert image.spacing == (5.0, 2.0, 1.0)
    assert image.is_whole
    assert not CASES[1][0].is_whole


@pytest.mark.parametrize('shape', [(), (4,), (4, 4), (1, 2, 3, 4, 5)])
def test_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(codec.ValueRangeError, match='are allowed'):
        Image.from_pixels(np.zeros(shape, np.uint8))


@pytest.mark.parametrize('dtype', ['i8', 'u8', 'f2', 'c8', 'bool', 'S1'])
def test_pixels_of_a_dtype_that_image_lacks_are_refused(dtype: str) -> None:
    with pytest.raises(codec.ValueRangeError, match='pixels have dtype'):
        Image.from_pixels(np.zeros((1, 1, 1), dtype))


@pytest.mark.parametrize('size', [1, 71])
def test_b4_an_image_shorter_than_its_fixed_part_is_refused(size: int) -> None:
    assert_content_refused('IMAGE', bytes(size), codec.ContentSizeError, '72 bytes or more')


def test_b2_an_image_without_content_has_no_data() -> None:
    assert_content_refused('IMAGE', b'', codec.NoDataError, 'empty content')


@pytest.mark.parametrize('surplus', [-1, 1, -23, 100])
def test_b19_more_or_fewer_pixels_than_announced_are_refused(surplus: int) -> None:
    data = header(size=(4, 3, 2)) + bytes(24 + surplus)
    assert_content_refused('IMAGE', data, codec.ContentSizeError, f'24 bytes.*{24 + surplus}$')


def test_b19_as_many_pixels_as_numbers_can_announce_are_refused() -> None:
    data = header(size=(65535, 65535, 65535), components=255, scalar_type=11) + bytes(10)
    assert_content_refused(
        'IMAGE', data, codec.ContentSizeError, f'{65535**3 * 255 * 8} bytes of pixels, got 10'
    )


@pytest.mark.parametrize('size', [(0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 0)])
def test_b19_an_image_without_voxels_is_refused(size: tuple[int, int, int]) -> None:
    assert_content_refused('IMAGE', header(size=size), codec.ContentValueError, 'has a part of')


@pytest.mark.parametrize('version', [0, 2, 65535])
def test_b1_an_image_of_another_version_is_refused(version: int) -> None:
    data = header(version=version) + b'x'
    assert_content_refused('IMAGE', data, codec.ContentValueError, f'version is {version}')


@pytest.mark.parametrize('scalar_type', [0, 1, 8, 9, 12, 255])
def test_b20_an_unknown_scalar_type_is_refused(scalar_type: int) -> None:
    data = header(scalar_type=scalar_type) + b'x'
    assert_content_refused('IMAGE', data, codec.ContentValueError, f'{scalar_type} is not a valid')


@pytest.mark.parametrize('endian', [0, 3, 255])
def test_b20_an_unknown_byte_order_is_refused(endian: int) -> None:
    data = header(endian=endian) + b'x'
    assert_content_refused('IMAGE', data, codec.ContentValueError, f'{endian} is not a valid')


@pytest.mark.parametrize('coordinate', [0, 3, 255])
def test_b20_an_unknown_coordinate_system_is_refused(coordinate: int) -> None:
    data = header(coordinate=coordinate) + b'x'
    assert_content_refused('IMAGE', data, codec.ContentValueError, f'{coordinate} is not a valid')


def test_b20_an_image_of_no_components_is_refused_and_of_255_read() -> None:
    assert_content_refused('IMAGE', header(components=0), codec.ContentValueError, '0 components')
    value = receive_content('IMAGE', header(components=255) + bytes(255))
    assert value.pixels.shape == (1, 1, 1, 255)


@pytest.mark.parametrize('number', [0.0, math.nan, math.inf])
def test_b21_axes_that_are_none_are_passed_on_for_the_conversions_to_judge(number: float) -> None:
    value = receive_content('IMAGE', header(axes=(number,) * 9) + b'x')
    assert repr(value.axes) == repr((number,) * 9)
    assert len(value.spacing) == 3


@pytest.mark.parametrize(
    ('offset', 'sub_size'),
    [
        ((0, 0, 0), (5, 3, 2)),
        ((1, 0, 0), (4, 3, 2)),
        ((0, 2, 0), (4, 2, 2)),
        ((0, 0, 2), (4, 3, 1)),
        ((65535, 0, 0), (65535, 1, 1)),
        ((0, 0, 0), (0, 3, 2)),
        ((0, 0, 0), (4, 3, 0)),
    ],
)
def test_b22_a_part_that_is_empty_or_outside_the_image_is_refused(
    offset: tuple[int, int, int], sub_size: tuple[int, int, int]
) -> None:
    data = header(size=(4, 3, 2), offset=offset, sub_size=sub_size)
    data += bytes(min(math.prod(sub_size), 100))
    assert_content_refused('IMAGE', data, codec.ContentValueError, 'has a part of')


@pytest.mark.parametrize(
    ('image', 'match'),
    [
        (Image(b'', (0, 1, 1)), 'sizes of 1 to 65535'),
        (Image(b'', (65536, 1, 1)), 'sizes of 1 to 65535'),
        (Image(b'x', (1, 1, 1), offset=(-1, 0, 0)), 'a part within the whole'),
        (Image(b'x', (1, 1, 1), offset=(1, 0, 0)), 'a part within the whole'),
        (Image(b'xx', (1, 1, 1), sub_size=(2, 1, 1)), 'a part within the whole'),
        (Image(b'', (1, 1, 1), components=0), '1 to 255'),
        (Image(bytes(256), (1, 1, 1), components=256), '1 to 255'),
        (Image(b'xy', (1, 1, 1)), '1 bytes of pixels, got 2'),
        (Image(b'x', (1, 1, 1), ScalarType.INT16), '2 bytes of pixels, got 1'),
        (Image(b'x', (1, 1, 1), scalar_type=1), '1 is not a valid ScalarType'),  # type: ignore[arg-type]
        (Image(b'x', (1, 1, 1), endian=3), '3 is not a valid Endian'),  # type: ignore[arg-type]
        (Image(b'x', (1, 1, 1), coordinate=0), '0 is not a valid Coord'),  # type: ignore[arg-type]
        (Image(b'x', (1, 1, 1), axes=(1.0,) * 8), 'expected 26 items'),
        (Image(b'x', (1, 1, 1), position=(1e39, 0.0, 0.0)), 'too large'),
        (Image(memoryview(b'xxxx')[::2], (2, 1, 1)), 'contiguous'),
    ],
)
def test_an_image_that_cannot_be_written_is_refused(image: Image, match: str) -> None:
    assert_not_packed(image, codec.ValueRangeError, match)


def test_the_pixels_are_not_copied_when_packed() -> None:
    pixels = np.zeros((10, 10, 10), np.float64)
    parts = codec.pack_parts(codec.Message(Image.from_pixels(pixels), header_version=2))
    assert any(np.shares_memory(np.frombuffer(part, np.uint8), pixels) for part in parts)


def test_images_are_equal_by_header_and_pixels_wherever_those_lie() -> None:
    image = Image(b'ab', (2, 1, 1))
    assert image == Image(array('B', b'ab'), (2, 1, 1))
    assert image == Image(np.array([[97, 98]], np.uint8), (2, 1, 1))
    assert image != Image(b'ac', (2, 1, 1))
    assert image != Image(b'ab', (1, 2, 1))
    assert image != 'ab'
    assert repr(image) == (
        'Image(size=(2, 1, 1), 1 x UINT8, offset=(0, 0, 0), sub_size=(2, 1, 1))'
    )


# The scratch buffer takes bodies of 32768 bytes; 16777216 bytes are set aside unasked.
SMALL, SET_ASIDE = 32768, 16777216
METADATA = {'unit': 'HU', 'a' * 70: 'b' * 70}
BESIDE_PIXELS = (72, 12 + 72 + 2 + 2 * 8 + 4 + 2 + 70 + 70)  # in header version 1 and 2
SIZES = [
    1,
    1000,
    *(SMALL - beside + surplus for beside in BESIDE_PIXELS for surplus in (-1, 0, 1)),
    *(SMALL + surplus for surplus in (-1, 0, 1)),
    65536,
    200_000,
]


def pixels_of(size: int) -> bytes:
    return np.arange(size, dtype=np.uint32).astype(np.uint8).tobytes()


def image_messages(size: int) -> list[bytes]:
    """Return an image of ``size`` bytes in header versions 1 and 2."""
    i = next(i for i in range(min(size, 65535), 0, -1) if size % i == 0)
    image = Image(pixels_of(size), (i, size // i, 1))
    return [
        codec.pack(codec.Message(image, 'Imager')),
        codec.pack(codec.Message(image, 'Imager', 0, 2, 7, METADATA)),
    ]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('version', [1, 2])
@pytest.mark.parametrize('feed', FEEDS)
def test_pixels_that_came_through_a_connection_are_exactly_those_sent(
    size: int, version: int, feed: Any
) -> None:
    data = image_messages(size)[version - 1]
    expected = codec.unpack(data)
    pieces = [data[start : start + 1461] for start in range(0, len(data), 1461)]
    for way in ([data], [data[:-1], data[-1:]], pieces, *cuts(data)):
        (message,) = feed(codec.Connection(), way)
        assert message == expected
        assert memoryview(message.content.data).cast('B') == pixels_of(size)
        assert message.metadata == expected.metadata
        if len(data) - codec.HEADER_SIZE > SMALL:
            assert isinstance(message.content.data, array)
            assert message.content.data.typecode == 'B'
            assert len(message.content.data) == size
    assert feed(codec.Connection(), [data + NEXT]) == [expected, codec.unpack(NEXT)]


@pytest.mark.parametrize('size', [SET_ASIDE - 2**14, SET_ASIDE, SET_ASIDE + 2**14])
@pytest.mark.parametrize('version', [1, 2])
def test_pixels_around_what_is_set_aside_are_exactly_those_sent(size: int, version: int) -> None:
    data = image_messages(size)[version - 1]
    connection = codec.Connection()
    position = 0
    message: Any = codec.NEED_DATA
    while position < len(data):
        buffer = connection.get_buffer()
        count = min(len(buffer), len(data) - position, 5_000_000)
        buffer[:count] = memoryview(data)[position : position + count]
        connection.buffer_updated(count)
        position += count
        assert message is codec.NEED_DATA
        message = connection.next_message()
    assert isinstance(message.content.data, array)
    assert bytes(message.content.data) == pixels_of(size)
    assert message == codec.unpack(data)
    assert connection.idle


@pytest.mark.parametrize('step', [1, 1000, 40_000])
def test_a_buffer_that_grows_ends_with_the_same_pixels(step: int) -> None:
    data = image_messages(200_000)[1]
    for feed in FEEDS:
        (message,) = feed(codec.Connection(codec.Limits(max_unreceived=step)), [data])
        assert message == codec.unpack(data)


def test_the_pixels_are_received_into_the_buffer_that_is_handed_on() -> None:
    data = image_messages(200_000)[0]
    connection = codec.Connection()
    connection.get_buffer()[:130] = data[:130]
    connection.buffer_updated(130)
    assert connection.next_message() is codec.NEED_DATA
    buffer = connection.get_buffer()
    assert len(buffer) == 200_000
    buffer[:] = data[130:]
    connection.buffer_updated(200_000)
    message = connection.next_message()
    assert isinstance(message, codec.Message)
    assert message.content.data is buffer.obj


@pytest.mark.parametrize('size', [1000, 200_000])
def test_a_later_message_does_not_touch_an_earlier_ones_pixels(size: int) -> None:
    first, second = image_messages(size)
    connection = codec.Connection()
    connection.receive_data(first)
    message = connection.next_message()
    assert isinstance(message, codec.Message)
    connection.receive_data(bytes(len(second)).join((second, b'')))
    connection.next_message()
    assert memoryview(message.content.data).cast('B') == pixels_of(size)


@pytest.mark.parametrize(
    'body',
    [
        extended_body(bytes(71), ((b'k', 3, bytes(40_000)),)),
        extended_body(b'', ((b'k', 3, bytes(40_000)),)),
        extended_body(header() + bytes(40_000)),
        extended_body(header() + bytes(40_000), header_size=50_000),
        extended_body(header(size=(200, 200, 1)) + bytes(40_000), ((b'k', 3, b'v'),), count=2),
        header() + bytes(40_000),
    ],
    ids=['short', 'empty', 'surplus', 'extended header', 'metadata', 'version 1'],
)
def test_a_large_image_is_refused_for_the_cause_that_a_small_one_is(body: bytes) -> None:
    data = message_bytes(b'IMAGE', body, version=1 if body[:2] == b'\0\1' else 2)
    with pytest.raises(codec.MessageError) as caught:
        codec.unpack(data)
    for feed in FEEDS:
        for pieces in cuts(data):
            (error,) = feed(codec.Connection(), pieces)
            assert type(error) is type(caught.value)
            assert str(error) == str(caught.value)


def test_an_extended_header_larger_than_what_is_gathered_is_honoured() -> None:
    body = extended_body(header(size=(100, 10, 1)) + pixels_of(1000), extended_size=60_000)
    data = message_bytes(b'IMAGE', body, version=2)
    for feed in FEEDS:
        (message,) = feed(codec.Connection(), [data])
        assert isinstance(message, codec.Message)
        assert message == codec.unpack(data)
        assert bytes(message.content.data) == pixels_of(1000)


def test_b6_a_large_image_with_a_wrong_crc_is_refused_or_marked() -> None:
    for data in image_messages(200_000):
        wrong = data[:-1] + bytes((data[-1] ^ 1,))
        (error,) = FEEDS[1](codec.Connection(), [wrong])
        assert isinstance(error, codec.CrcError)
        with pytest.raises(codec.CrcError) as caught:
            codec.unpack(wrong)
        assert str(error) == str(caught.value)
        assert error.header == caught.value.header
        (message,) = FEEDS[1](codec.Connection(crc_policy='warn'), [wrong])
        assert isinstance(message, codec.Message)
        assert not message.crc_ok


@given(
    st.tuples(*[st.integers(1, 6)] * 3),
    st.integers(1, 4),
    st.sampled_from(SCALARS),
    st.sampled_from('<>'),
    st.randoms(use_true_random=False),
)
def test_any_image_comes_back(
    size: tuple[int, int, int], components: int, scalar: Any, order: str, random: Any
) -> None:
    dtype = np.dtype(order + scalar[1])
    raw = random.randbytes(math.prod(size) * components * dtype.itemsize)
    pixels = np.frombuffer(raw, dtype).reshape((*size, components))
    message = codec.Message(Image.from_pixels(pixels), 'Imager')
    received = codec.unpack(codec.pack(message))
    assert received.content.pixels.tobytes() == raw
    assert codec.pack(received) == codec.pack(message)

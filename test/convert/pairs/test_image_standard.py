# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.image: IMAGE of one slice, standard."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem, Endian, ScalarType
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_data
from ros2_igtl.convert.pairs.image import image_from_ros, image_to_image_geometry, image_to_ros
from ros2_igtl.msg import ImageGeometry

CONTEXT = Context('Camera', Time(sec=5), 'igtl_ras', 'Camera')
# scalar type, components, encoding, dtype without byte order
ENCODINGS = [
    (ScalarType.UINT8, 1, 'mono8', 'u1'),
    (ScalarType.UINT8, 2, '8UC2', 'u1'),
    (ScalarType.UINT8, 3, 'rgb8', 'u1'),
    (ScalarType.UINT8, 4, 'rgba8', 'u1'),
    (ScalarType.UINT8, 255, '8UC255', 'u1'),
    (ScalarType.INT8, 1, '8SC1', 'i1'),
    (ScalarType.INT8, 3, '8SC3', 'i1'),
    (ScalarType.UINT16, 1, 'mono16', 'u2'),
    (ScalarType.UINT16, 2, '16UC2', 'u2'),
    (ScalarType.UINT16, 3, 'rgb16', 'u2'),
    (ScalarType.UINT16, 4, 'rgba16', 'u2'),
    (ScalarType.INT16, 1, '16SC1', 'i2'),
    (ScalarType.INT16, 12, '16SC12', 'i2'),
    (ScalarType.INT32, 1, '32SC1', 'i4'),
    (ScalarType.FLOAT32, 1, '32FC1', 'f4'),
    (ScalarType.FLOAT32, 3, '32FC3', 'f4'),
    (ScalarType.FLOAT64, 1, '64FC1', 'f8'),
]
encodings = pytest.mark.parametrize(('scalar_type', 'components', 'encoding', 'dtype'), ENCODINGS)
endians = pytest.mark.parametrize('endian', [Endian.BIG, Endian.LITTLE])


def image_message(width: int, height: int, encoding: str, pixel_size: int, **fields: Any) -> Image:
    """Return a valid image whose bytes count up."""
    size = width * height * pixel_size
    values = {
        'header': Header(stamp=Time(sec=7, nanosec=8), frame_id='camera'),
        'width': width,
        'height': height,
        'encoding': encoding,
        'step': width * pixel_size,
        'data': array('B', (np.arange(size) % 256).astype(np.uint8).tobytes()),
    }
    return Image(**{**values, **fields})


@encodings
@endians
def test_b23_a_slice_has_the_encoding_of_its_type_and_passes_through_ros_unchanged(
    scalar_type: ScalarType, components: int, encoding: str, dtype: str, endian: Endian
) -> None:
    order = '>' if endian is Endian.BIG else '<'
    pixels = np.arange(4 * 3 * components).reshape(1, 3, 4, components).astype(order + dtype)
    content = codec.Image(array('B', pixels.tobytes()), (4, 3, 1), scalar_type, components, endian)
    message = image_to_ros(content, CONTEXT)
    assert (message.width, message.height, message.encoding) == (4, 3, encoding)
    assert message.step == 4 * pixels.itemsize * components
    assert message.is_bigendian == (endian is Endian.BIG)
    assert message.data is content.data
    seen = np.frombuffer(message.data, order + dtype).reshape(1, 3, 4, components)
    assert np.array_equal(seen, pixels)

    back = image_from_ros(message).content
    assert isinstance(back, codec.Image)
    assert bytes(back.data) == bytes(content.data)
    assert (back.scalar_type, back.components, back.endian) == (scalar_type, components, endian)
    assert back.size == content.size
    assert back.is_whole


@endians
@pytest.mark.parametrize('components', [1, 2])
def test_b23_uint32_becomes_float64_with_every_value_exact(
    endian: Endian, components: int
) -> None:
    order = '>' if endian is Endian.BIG else '<'
    values = np.array([0, 1, 2**24 + 1, 2**31, 2**32 - 1, 7] * components, f'{order}u4')
    content = codec.Image(
        array('B', values.tobytes()), (3, 2, 1), ScalarType.UINT32, components, endian
    )
    message = image_to_ros(content, CONTEXT)
    assert message.encoding == f'64FC{components}'
    assert message.step == 3 * 8 * components
    assert np.array_equal(np.frombuffer(message.data, f'{order}f8'), values)


def test_pixels_going_out_are_those_of_the_message() -> None:
    message = image_message(640, 480, 'rgb8', 3)
    data = array('B', message.data)
    message = message_with_data(Image, data, width=640, height=480, encoding='rgb8', step=1920)
    content: Any = image_from_ros(message).content
    data[5] = 77
    assert content.data[5] == 77
    assert codec.pack_parts(codec.Message(content, 'Camera'))[-1][5] == 77


@pytest.mark.parametrize('data', [bytes(6), bytearray(6), memoryview(bytes(6))])
def test_pixels_in_another_buffer_are_copied_into_an_array(data: Any) -> None:
    message = image_to_ros(codec.Image(data, (3, 2, 1)), CONTEXT)
    assert message.data == array('B', bytes(6))


@pytest.mark.parametrize(
    ('encoding', 'components', 'dtype', 'order', 'becomes'),
    [
        ('bgr8', 3, 'u1', [2, 1, 0], ScalarType.UINT8),
        ('bgra8', 4, 'u1', [2, 1, 0, 3], ScalarType.UINT8),
        ('bgr16', 3, '>u2', [2, 1, 0], ScalarType.UINT16),
        ('bgra16', 4, '<u2', [2, 1, 0, 3], ScalarType.UINT16),
    ],
)
@pytest.mark.parametrize('padding', [0, 1, 6])
def test_b34_blue_before_red_becomes_red_before_blue(
    encoding: str, components: int, dtype: str, order: list[int], becomes: int, padding: int
) -> None:
    pixels = np.arange(1000, 1000 + 5 * 4 * components).reshape(4, 5, components).astype(dtype)
    rows = pixels.reshape(4, -1).view(np.uint8)
    padded = np.pad(rows, [(0, 0), (0, padding)], constant_values=99)
    message = image_message(
        5,
        4,
        encoding,
        pixels.itemsize * components,
        step=padded.shape[1],
        data=array('B', padded.tobytes()),
        is_bigendian=int(dtype[0] == '>'),
    )
    content = image_from_ros(message).content
    assert isinstance(content, codec.Image)
    assert content.scalar_type == becomes
    assert np.array_equal(content.pixels[0], pixels[:, :, order])
    assert codec.unpack(codec.pack(codec.Message(content, 'Camera'))).content == content


@encodings
def test_b34_padding_of_rows_is_stripped(
    scalar_type: ScalarType, components: int, encoding: str, dtype: str
) -> None:
    plain = np.arange(4 * 3 * components).astype(f'<{dtype}').reshape(3, -1).view(np.uint8)
    padded = np.pad(plain, [(0, 0), (0, 5)], constant_values=99)
    message = image_message(
        4, 3, encoding, 1, step=padded.shape[1], data=array('B', padded.tobytes())
    )
    content = image_from_ros(message).content
    assert isinstance(content, codec.Image)
    assert bytes(content.data) == plain.tobytes()
    assert content.scalar_type == scalar_type


@pytest.mark.parametrize(
    'fields',
    [
        {'step': 5, 'data': array('B', bytes(10))},  # less than a row
        {'step': 7},  # data too short for it
        {'data': array('B', bytes(11))},
        {'data': array('B', bytes(13))},
        {'data': array('B')},
    ],
)
def test_b34_data_that_contradicts_its_size_is_refused(fields: dict[str, Any]) -> None:
    message = image_message(6, 2, 'mono8', 1, **fields)
    assert cause(image_from_ros, message) == 'size_mismatch'


@pytest.mark.parametrize(
    'encoding',
    ['yuv422', 'bayer_rggb8', '', 'MONO8', '8UC', '8UC0', '8UC256', '8UC01', '32UC1', '16FC1'],
)
def test_b34_an_encoding_that_openigtlink_does_not_have_is_refused(encoding: str) -> None:
    with pytest.raises(ConvertError, match='mono8, rgb8') as refusal:
        image_from_ros(image_message(2, 2, encoding, 2))
    assert refusal.value.cause == 'encoding'


@pytest.mark.parametrize(('width', 'height'), [(0, 2), (2, 0), (65536, 1), (1, 65536)])
def test_b19_an_image_of_no_pixels_or_too_many_is_refused(width: int, height: int) -> None:
    message = image_message(width, height, 'mono8', 1)
    assert cause(image_from_ros, message) == 'image_size'


def test_without_geometry_the_first_pixel_lies_at_the_origin() -> None:
    sent = image_from_ros(image_message(5, 3, 'mono8', 1))
    content = sent.content
    assert isinstance(content, codec.Image)
    assert content.spacing == (1.0, 1.0, 1.0)
    assert content.position == (2.0, 1.0, 0.0)
    assert content.coordinate == CoordinateSystem.RAS
    assert sent == Outbound(content, 7_000_000_008, '', 'camera')


@pytest.mark.parametrize('coordinate', [CoordinateSystem.RAS, CoordinateSystem.LPS])
def test_with_geometry_the_image_lies_where_it_came_from(coordinate: CoordinateSystem) -> None:
    content = codec.Image(
        array('B', bytes(6)),
        (3, 2, 1),
        coordinate=coordinate,
        axes=(0.5, 0.25, 0.0, -0.25, 0.5, 0.0, 0.0, 0.0, 3.0),
        position=(10.0, -20.0, 30.0),
    )
    image = image_to_ros(content, CONTEXT)
    geometry = image_to_image_geometry(content, CONTEXT)
    sent = image_from_ros(image, geometry)
    assert sent == Outbound(sent.content, 5_000_000_000, 'igtl_ras', 'Camera')
    back = sent.content
    assert isinstance(back, codec.Image)
    assert back.coordinate == CoordinateSystem.RAS
    flip = np.array([1, 1, 1] if coordinate == CoordinateSystem.RAS else [-1, -1, 1])
    assert np.array(back.axes) == pytest.approx((np.reshape(content.axes, (3, 3)) * flip).ravel())
    assert np.array(back.position) == pytest.approx(content.position * flip)


def test_the_geometry_of_another_image_is_refused() -> None:
    geometry = ImageGeometry(size=[3, 3, 1], ijk_to_frame=np.eye(3, 4).ravel())
    message = image_message(3, 2, 'mono8', 1)
    assert cause(image_from_ros, message, geometry) == 'size_mismatch'


def test_a_geometry_that_says_nothing_is_refused() -> None:
    message = image_message(3, 2, 'mono8', 1)
    geometry = ImageGeometry(size=[3, 2, 1])
    assert cause(image_from_ros, message, geometry) == 'zero_axis'
    geometry.ijk_to_frame = [math.nan] * 12
    assert cause(image_from_ros, message, geometry) == 'not_finite'


def test_a_volume_is_no_image() -> None:
    content = codec.Image(bytes(12), (3, 2, 2))
    assert cause(image_to_ros, content, CONTEXT) == 'image_size'


def test_b22_a_part_of_a_slice_is_no_image() -> None:
    content = codec.Image(bytes(3), (3, 2, 1), sub_size=(3, 1, 1))
    assert cause(image_to_ros, content, CONTEXT) == 'sub_volume'


@pytest.mark.parametrize(
    ('axes', 'expected'),
    [((0.0,) * 9, 'zero_axis'), ((math.nan,) * 9, 'not_finite'), ((1e38,) * 9, 'out_of_range')],
)
def test_b21_a_slice_that_lies_nowhere_is_refused(axes: Any, expected: str) -> None:
    content = codec.Image(bytes(6), (3, 2, 1), axes=axes)
    assert cause(image_to_ros, content, CONTEXT) == expected

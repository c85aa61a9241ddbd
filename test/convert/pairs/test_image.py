# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.image: IMAGE of one slice."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time

from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import image_geometry
from ros2_igtl.convert.pairs.image import (
    image_from_ros,
    image_to_image_geometry,
    image_to_ros,
    image_to_slice_geometries,
    image_to_slices,
    slices_of,
)

CONTEXT = Context('CT', Time(sec=5, nanosec=999_999_998), 'igtl_ras', 'CT_plane')
AXES = (0.5, 0.25, 0.0, -0.25, 0.5, 0.125, 0.0, 0.375, -3.0)


def volume(**fields: Any) -> codec.Image:
    """Return an image of 2 x 3 x 4 voxels of two big-endian numbers, each another one."""
    values: dict[str, Any] = {
        'scalar_type': codec.ScalarType.INT16,
        'components': 2,
        'endian': codec.Endian.BIG,
        'axes': AXES,
        'position': (10.0, -20.0, 30.0),
    }
    return codec.Image(array('B', range(96)), (2, 3, 4), **{**values, **fields})


def test_slices_together_have_the_voxels_of_the_volume() -> None:
    content = volume()
    slices = [part for part, _ in slices_of(content, CONTEXT)]
    assert len(slices) == 4
    assert np.array_equal(np.concatenate([part.pixels for part in slices]), content.pixels)
    for part in slices:
        assert part.size == part.sub_size == (2, 3, 1)
        assert (part.components, part.endian, part.axes) == (2, codec.Endian.BIG, AXES)
    content.data[95] = 200
    assert slices[3].data[23] == 200


@pytest.mark.parametrize('coordinate', list(CoordinateSystem))
@pytest.mark.parametrize('depth', [1, 4])
def test_every_voxel_of_a_slice_lies_where_it_lay_in_the_volume(
    coordinate: CoordinateSystem, depth: int
) -> None:
    lps = coordinate == CoordinateSystem.LPS
    content = codec.Image(
        bytes(6 * depth),
        (2, 3, depth),
        coordinate=coordinate,
        axes=AXES,
        position=(10.0, -20.0, 30.0),
    )
    whole = np.reshape(
        image_geometry.ijk_to_frame(content.size, AXES, content.position, lps=lps), (3, 4)
    )
    for k, (part, _) in enumerate(slices_of(content, CONTEXT)):
        assert part.coordinate == coordinate
        numbers = image_geometry.ijk_to_frame(part.size, part.axes, part.position, lps=lps)
        matrix = np.reshape(numbers, (3, 4))
        assert matrix @ [1, 2, 0, 1] == pytest.approx(whole @ [1, 2, k, 1], abs=1e-12)


def test_each_slice_is_a_nanosecond_later_than_the_one_before_it() -> None:
    stamps = [context.stamp for _, context in slices_of(volume(), CONTEXT)]
    assert [(stamp.sec, stamp.nanosec) for stamp in stamps] == [
        (5, 999_999_998),
        (5, 999_999_999),
        (6, 0),
        (6, 1),
    ]
    (_, last) = list(slices_of(volume(), CONTEXT))[-1]
    assert (last.device_name, last.frame_id, last.child_frame_id) == ('CT', 'igtl_ras', 'CT_plane')
    assert CONTEXT.stamp.nanosec == 999_999_998


def test_a_stamp_beyond_2038_is_refused() -> None:
    end = Context('CT', Time(sec=2**31 - 1, nanosec=999_999_998), '', '')
    with pytest.raises(ConvertError) as refusal:
        list(slices_of(volume(), end))
    assert refusal.value.cause == 'timestamp_range'


def test_b22_a_part_has_no_slices() -> None:
    part = codec.Image(bytes(6), (2, 3, 4), sub_size=(2, 3, 1))
    with pytest.raises(ConvertError) as refusal:
        list(slices_of(part, CONTEXT))
    assert refusal.value.cause == 'sub_volume'


def test_a_volume_becomes_images_and_geometries_that_find_one_another() -> None:
    content = volume()
    images = image_to_slices(content, CONTEXT)
    geometries = image_to_slice_geometries(content, CONTEXT)
    for k, (image, geometry) in enumerate(zip(images, geometries, strict=True)):
        assert image.header.stamp == geometry.header.stamp
        assert image.header.stamp.nanosec == (999_999_998 + k) % 10**9
        assert (image.header.frame_id, geometry.header.frame_id) == ('CT_plane', 'igtl_ras')
        assert (image.width, image.height, image.encoding) == (2, 3, '16SC2')
        assert image.data == content.data[24 * k : 24 * k + 24]
        sent: Any = image_from_ros(image, geometry).content
        (part, _) = list(slices_of(content, CONTEXT))[k]
        assert sent.axes == pytest.approx(part.axes)
        assert sent.position == pytest.approx(part.position)
        assert bytes(sent.data) == bytes(part.data)


def test_a_slice_alone_is_what_it_is_without_others() -> None:
    content = codec.Image(array('B', range(6)), (2, 3, 1))
    (image,) = image_to_slices(content, CONTEXT)
    assert image == image_to_ros(content, CONTEXT)
    assert image.data is content.data
    assert image_to_slice_geometries(content, CONTEXT) == [
        image_to_image_geometry(content, CONTEXT)
    ]


def test_a_volume_of_uint32_has_slices_of_exact_numbers() -> None:
    values = np.array([2**32 - 1, 7, 2**24 + 1, 9], '<u4')
    content = codec.Image(array('B', values.tobytes()), (2, 1, 2), codec.ScalarType.UINT32)
    images = image_to_slices(content, CONTEXT)
    assert [image.encoding for image in images] == ['64FC1', '64FC1']
    seen = [np.frombuffer(image.data, '<f8').tolist() for image in images]
    assert seen == [[2**32 - 1, 7], [2**24 + 1, 9]]

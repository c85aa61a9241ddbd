# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.volume: IMAGE of several slices."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem, Endian, ScalarType
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.image import image_to_image_geometry
from ros2_igtl.convert.pairs.volume import image_from_volume, image_to_volume
from ros2_igtl.msg import PolyDataAttribute, TrackedTool, Trajectory, Volume

CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


def volume(**fields: Any) -> Volume:
    """Return a valid volume of 2 x 3 x 4 bytes."""
    values = {
        'size': [2, 3, 4],
        'ijk_to_frame': np.eye(3, 4).ravel() / 1000,
        'components': 1,
        'scalar_type': Volume.UINT8,
        'data': array('B', bytes(24)),
    }
    return Volume(**{**values, **fields})


@pytest.mark.parametrize('scalar_type', list(ScalarType))
@pytest.mark.parametrize('components', [1, 3, 255])
@pytest.mark.parametrize('endian', list(Endian))
def test_b23_a_volume_of_any_type_passes_through_ros_unchanged(
    scalar_type: ScalarType, components: int, endian: Endian
) -> None:
    empty = codec.Image(b'', (2, 3, 4), scalar_type, components, endian)
    size = 24 * components * empty.dtype.itemsize
    content = codec.Image(
        array('B', (np.arange(size) % 251).astype(np.uint8).tobytes()),
        (2, 3, 4),
        scalar_type,
        components,
        endian,
        axes=(0.5, 0.25, 0.0, -0.25, 0.5, 0.0, 0.0, 0.0, -3.0),  # left-handed
        position=(10.0, -20.0, 30.0),
    )
    message = image_to_volume(content, CONTEXT)
    assert message.data is content.data
    assert message.scalar_type == scalar_type
    assert message.is_bigendian is (endian is Endian.BIG)
    back: Any = image_from_volume(message).content
    assert back == content
    content.data[7] = 1
    assert back.data[7] == 1


@pytest.mark.parametrize(
    ('message_class', 'numbers'),
    [
        (Volume, ScalarType),
        (TrackedTool, codec.ToolType),
        (Trajectory, codec.TrajectoryType),
        (PolyDataAttribute, codec.AttributeType),
    ],
)
def test_the_constants_of_messages_are_those_of_the_protocol(
    message_class: Any, numbers: Any
) -> None:
    for number in numbers:
        assert getattr(message_class, number.name) == number


def test_an_lps_volume_arrives_in_ras() -> None:
    content = codec.Image(
        bytes(24), (2, 3, 4), coordinate=CoordinateSystem.LPS, position=(10.0, 20.0, 30.0)
    )
    message = image_to_volume(content, CONTEXT)
    assert message.ijk_to_frame == pytest.approx(
        [-0.001, 0, 0, -0.0095, 0, -0.001, 0, -0.019, 0, 0, 0.001, 0.0285]
    )
    back: Any = image_from_volume(message).content
    assert back.coordinate == CoordinateSystem.RAS
    assert back.position == pytest.approx((-10.0, -20.0, 30.0))


def test_axes_at_any_angle_are_kept() -> None:
    axes = (1.0, 0.5, 0.0, 0.0, 1.0, 0.25, 0.125, 0.0, 1.0)
    content = codec.Image(bytes(24), (2, 3, 4), axes=axes)
    message = image_to_volume(content, CONTEXT)
    back: Any = image_from_volume(message).content
    assert back.axes == pytest.approx(axes, rel=1e-15)


def test_b22_a_part_of_a_volume_is_refused_but_its_geometry_is_that_of_the_whole() -> None:
    whole = codec.Image(bytes(24), (2, 3, 4))
    part = codec.Image(bytes(6), (2, 3, 4), offset=(0, 0, 2), sub_size=(2, 3, 1))
    assert cause(image_to_volume, part, CONTEXT) == 'sub_volume'
    assert image_to_image_geometry(part, CONTEXT) == image_to_image_geometry(whole, CONTEXT)


@pytest.mark.parametrize(
    ('axes', 'expected'), [((0.0,) * 9, 'zero_axis'), ((math.nan,) * 9, 'not_finite')]
)
def test_b21_a_volume_that_lies_nowhere_is_refused(axes: Any, expected: str) -> None:
    content = codec.Image(bytes(24), (2, 3, 4), axes=axes)
    assert cause(image_to_volume, content, CONTEXT) == expected
    assert cause(image_to_image_geometry, content, CONTEXT) == expected


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'size': [0, 3, 4]}, 'image_size'),
        ({'size': [2, 3, 65536]}, 'image_size'),
        ({'scalar_type': 0}, 'scalar_type'),
        ({'scalar_type': 8}, 'scalar_type'),
        ({'components': 0}, 'scalar_type'),
        ({'components': 2}, 'size_mismatch'),
        ({'scalar_type': Volume.INT16}, 'size_mismatch'),
        ({'data': array('B', bytes(23))}, 'size_mismatch'),
        ({'ijk_to_frame': [0.0] * 12}, 'zero_axis'),
        ({'ijk_to_frame': [math.inf] * 12}, 'not_finite'),
    ],
)
def test_b19_b20_a_volume_that_openigtlink_cannot_say_is_refused(
    fields: dict[str, Any], expected: str
) -> None:
    image_from_volume(volume())
    assert cause(image_from_volume, volume(**fields)) == expected

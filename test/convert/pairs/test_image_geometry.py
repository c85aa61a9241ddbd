# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.image: IMAGE of one slice, geometry."""

from __future__ import annotations

import math
from typing import Any

import pytest
from builtin_interfaces.msg import Time

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.image import image_to_transform_stamped

CONTEXT = Context('Probe', Time(sec=5), 'Tracker', 'Probe')


def image(size: tuple[int, int, int], **fields: Any) -> codec.Image:
    return codec.Image(bytes(math.prod(size)), size, **fields)


def test_the_plane_of_a_slice_goes_to_tf() -> None:
    content = image(
        (5, 3, 1),
        axes=(0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 9.0, 0.0, 0.0),
        position=(10.0, 20.0, 30.0),
    )
    (transform,) = image_to_transform_stamped(content, CONTEXT)
    translation, rotation = transform.transform.translation, transform.transform.rotation
    assert (translation.x, translation.y, translation.z) == pytest.approx((0.01, 0.016, 0.028))
    # x along y, y along z, z along x
    assert (rotation.x, rotation.y, rotation.z, rotation.w) == pytest.approx((0.5,) * 4)
    assert (transform.header.frame_id, transform.child_frame_id) == ('Tracker', 'Probe')


def test_the_plane_of_an_lps_slice_goes_to_tf_in_ras() -> None:
    content = image((1, 1, 1), coordinate=codec.CoordinateSystem.LPS, position=(10.0, 20.0, 30.0))
    (transform,) = image_to_transform_stamped(content, CONTEXT)
    translation, rotation = transform.transform.translation, transform.transform.rotation
    assert (translation.x, translation.y, translation.z) == (-0.01, -0.02, 0.03)
    assert (rotation.x, rotation.y, rotation.z, rotation.w) == (0.0, 0.0, 1.0, 0.0)


def test_a_volume_has_no_plane() -> None:
    assert image_to_transform_stamped(image((2, 2, 2)), CONTEXT) == []


def test_b21_a_plane_with_its_axes_at_an_angle_is_refused() -> None:
    content = image((2, 2, 1), axes=(1.0, 0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0, 1.0))
    assert cause(image_to_transform_stamped, content, CONTEXT) == 'non_rigid'

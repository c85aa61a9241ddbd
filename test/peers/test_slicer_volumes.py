# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The volume node of 3D Slicer agrees where an IMAGE lies after its way through ROS."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from numpy.typing import NDArray

from helpers.slicer_volumes import ask_slicer
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.volume import image_from_volume, image_to_volume

pytestmark = pytest.mark.timeout(400)  # the first run installs VTK

RAS, LPS = codec.CoordinateSystem.RAS, codec.CoordinateSystem.LPS
CONTEXT = Context('Scanner', Time(sec=1), 'scanner_ras', 'Scanner')
SIZE = (4, 5, 6)
BRIGHT = (3, 1, 4)
SPACING = (0.5, 0.75, 2.5)
POSITION = (10.0, -20.0, 30.5)


def turned(*degrees: float) -> NDArray[np.float64]:
    """Return the rotation about x, then y, then z."""
    rotation = np.eye(3)
    for (a, b), angle in zip(((1, 2), (2, 0), (0, 1)), np.radians(degrees), strict=True):
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[b, a] = np.sin(angle)
        one[a, b] = -one[b, a]
        rotation = one @ rotation
    return rotation


# i, j and k axis of each, in RAS: L is -x, P is -y, S is +z; names of scan orders are Slicer's
ORIENTATIONS = {
    'axial': ('IS', np.array([[-1, 0, 0], [0, -1, 0], [0, 0, 1]])),
    'axial from above': ('SI', np.array([[-1, 0, 0], [0, -1, 0], [0, 0, -1]])),
    'sagittal': ('LR', np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])),
    'coronal': ('PA', np.array([[-1, 0, 0], [0, 0, -1], [0, 1, 0]])),
    'oblique': ('IS', np.array([[-1, 0, 0], [0, -1, 0], [0, 0, 1]]) @ turned(20, -15, 30).T),
}


def image_of(axes: NDArray[Any], coordinate: codec.CoordinateSystem, position: Any) -> codec.Image:
    """Return an image with one bright voxel; axes and position are RAS, it says them its way."""
    voxels = np.zeros(SIZE[::-1], np.uint8)
    voxels[BRIGHT[2], BRIGHT[1], BRIGHT[0]] = 255
    flip = np.array([-1, -1, 1]) if coordinate == LPS else np.ones(3)
    scaled = axes * np.array(SPACING)[:, np.newaxis] * flip
    return codec.Image(
        array('B', voxels.tobytes()),
        SIZE,
        coordinate=coordinate,
        axes=tuple(scaled.ravel().tolist()),
        position=tuple((flip * position).tolist()),
    )


@pytest.fixture(scope='module')
def cases() -> dict[tuple[str, codec.CoordinateSystem], tuple[codec.Image, Any, Any]]:
    """Provide an image of each case, the Volume it becomes, and what Slicer says of that."""
    images = {
        (name, coordinate): image_of(axes, coordinate, POSITION)
        for name, (_, axes) in ORIENTATIONS.items()
        for coordinate in (RAS, LPS)
    }
    # what was received: numbers of float32
    images = {key: codec.unpack(codec.pack(codec.Message(i))).content for key, i in images.items()}
    volumes = [image_to_volume(image, CONTEXT) for image in images.values()]
    answers = ask_slicer([asked(volume) for volume in volumes])
    return dict(zip(images, zip(images.values(), volumes, answers, strict=True), strict=True))


def asked(volume: Any) -> dict[str, Any]:
    return {
        'size': [int(count) for count in volume.size],
        'data': list(volume.data),
        'ijk_to_ras': [number * 1000 for number in volume.ijk_to_frame.tolist()],
    }


@pytest.mark.parametrize('coordinate', [RAS, LPS])
@pytest.mark.parametrize('name', ORIENTATIONS)
def test_slicer_sees_the_volume_where_the_image_says(
    cases: Any, name: str, coordinate: codec.CoordinateSystem
) -> None:
    image, volume, slicer = cases[name, coordinate]
    order, axes = ORIENTATIONS[name]
    assert slicer['scan_order'] == order
    assert slicer['spacing'] == pytest.approx(SPACING, abs=1e-6)
    assert slicer['centre'] == pytest.approx(POSITION, abs=1e-4)
    assert slicer['brightest_ijk'] == list(BRIGHT)
    steps = np.array(SPACING) * (np.array(BRIGHT) - (np.array(SIZE) - 1) / 2)
    assert slicer['brightest_ras'] == pytest.approx(POSITION + steps @ axes, abs=1e-4)
    # and back: the matrix that Slicer keeps is the image again
    volume.ijk_to_frame = [number / 1000 for number in slicer['ijk_to_ras']]
    content: Any = image_from_volume(volume).content
    ras = image_of(axes, RAS, POSITION)
    assert content.axes == pytest.approx(ras.axes, abs=1e-6)
    assert content.position == pytest.approx(ras.position, abs=1e-5)
    assert bytes(content.data) == bytes(image.data)


def test_a_volume_at_the_origin_is_centred_in_slicer_and_half_a_voxel_beside_it_is_not() -> None:
    axes = ORIENTATIONS['axial'][1]
    half = -np.array(SPACING) / 2
    volumes = [image_to_volume(image_of(axes, RAS, at), CONTEXT) for at in (np.zeros(3), half)]
    at_origin, beside = ask_slicer([asked(volume) for volume in volumes])
    assert (at_origin['is_centered'], beside['is_centered']) == (True, False)
    assert at_origin['centre'] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.math.image_geometry against plain matrix products and NIfTI affines."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ros2_igtl import codec
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import image_geometry

AXES = (0.5, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 2.0)
SIZE = (5, 3, 2)

millimetres32 = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
spacing_axes = st.tuples(*[st.floats(-10.0, 10.0, width=32)] * 9).filter(
    lambda axes: all(math.hypot(*axes[n : n + 3]) > 1e-3 for n in (0, 3, 6))
)
sizes = st.tuples(*[st.integers(1, 65535)] * 3)


def matrix_of(numbers: Any) -> NDArray[np.float64]:
    return np.array(numbers).reshape(3, 4)


def test_the_position_is_the_centre_of_the_volume() -> None:
    numbers = image_geometry.ijk_to_frame(SIZE, AXES, (100.0, 200.0, 300.0))
    assert numbers == pytest.approx(
        [0.0005, 0, 0, 0.099, 0, 0.00025, 0, 0.19975, 0, 0, 0.002, 0.299]
    )
    # the index of the centre maps to the position
    centre = matrix_of(numbers) @ [2.0, 1.0, 0.5, 1.0]
    assert centre == pytest.approx([0.1, 0.2, 0.3])


def test_lps_has_x_and_y_negated() -> None:
    ras = matrix_of(image_geometry.ijk_to_frame(SIZE, AXES, (100.0, 200.0, 300.0)))
    lps = matrix_of(image_geometry.ijk_to_frame(SIZE, AXES, (100.0, 200.0, 300.0), lps=True))
    assert np.array_equal(lps, np.diag([-1.0, -1.0, 1.0]) @ ras)


@given(sizes, spacing_axes, st.tuples(*[millimetres32] * 3), st.booleans())
def test_every_voxel_lies_where_the_specification_puts_it(
    size: tuple[int, int, int], axes: Any, position: Any, lps: bool
) -> None:
    matrix = matrix_of(image_geometry.ijk_to_frame(size, axes, position, lps=lps))
    columns = np.array(axes).reshape(3, 3).T
    flip = np.diag([-1.0, -1.0, 1.0]) if lps else np.eye(3)
    for index in ((0, 0, 0), tuple(n - 1 for n in size)):
        expected = position + columns @ (np.array(index) - (np.array(size) - 1) / 2)
        assert matrix @ [*index, 1] * 1000 == pytest.approx(flip @ expected, rel=1e-12, abs=1e-8)


@given(sizes, spacing_axes, st.tuples(*[millimetres32] * 3))
def test_axes_come_back_bit_by_bit_and_the_position_within_a_picometre(
    size: tuple[int, int, int], axes: Any, position: Any
) -> None:
    numbers = image_geometry.ijk_to_frame(size, axes, position)
    axes_back, position_back = image_geometry.axes_and_position(size, numbers)
    assert struct.pack('>9f', *axes_back) == struct.pack('>9f', *axes)
    reach = sum(map(abs, position)) + sum(abs(a) for a in axes) * max(size)
    assert position_back == pytest.approx(position, rel=0, abs=1e-9 + 1e-15 * reach)


@pytest.mark.parametrize(
    ('bad', 'cause'),
    [
        ({0: math.nan}, 'not_finite'),
        ({8: math.inf}, 'not_finite'),
        ({11: -math.inf}, 'not_finite'),
        ({10: 1e38}, 'out_of_range'),
        ({0: 0.0}, 'zero_axis'),
        ({4: 0.0}, 'zero_axis'),
        ({8: 0.0}, 'zero_axis'),
    ],
)
def test_b21_an_image_that_lies_nowhere_is_refused(bad: dict[int, float], cause: str) -> None:
    numbers = [*AXES, 1.0, 2.0, 3.0]
    for place, value in bad.items():
        numbers[place] = value
    axes, position = numbers[:9], numbers[9:]
    for refuse in (
        lambda: image_geometry.check_axes(axes, position),
        lambda: image_geometry.ijk_to_frame(SIZE, axes, position),
        lambda: image_geometry.plane_pose(SIZE, axes, position),
        lambda: image_geometry.axes_and_position(
            (1, 1, 1), (np.array(numbers).reshape(4, 3).T / 1000).ravel()
        ),
    ):
        with pytest.raises(ConvertError) as refusal:
            refuse()
        assert refusal.value.cause == cause


def test_a_centre_that_is_too_far_away_is_refused() -> None:
    numbers = [100.0, 0, 0, 0, 0, 100.0, 0, 0, 0, 0, 100.0, 0]
    with pytest.raises(ConvertError) as refusal:
        image_geometry.axes_and_position((65535, 1, 1), numbers)
    assert refusal.value.cause == 'out_of_range'


@pytest.mark.parametrize('size', [(0, 1, 1), (1, 0, 1), (1, 1, 0), (65536, 1, 1), (1, -1, 1)])
def test_b19_a_size_that_openigtlink_cannot_say_is_refused(size: tuple[int, int, int]) -> None:
    with pytest.raises(ConvertError) as refusal:
        image_geometry.check_size(size)
    assert refusal.value.cause == 'image_size'


def test_the_largest_and_the_smallest_size_are_taken() -> None:
    image_geometry.check_size((1, 1, 1))
    image_geometry.check_size((65535, 65535, 65535))


def rotation(quaternion: Any) -> NDArray[np.float64]:
    x, y, z, w = quaternion
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross)


@pytest.mark.parametrize('lps', [False, True])
@pytest.mark.parametrize('k_axis', [(0.0, 0.0, 3.0), (0.0, 0.0, -3.0), (1.0, 1.0, 1.0)])
def test_the_plane_has_x_along_i_and_y_along_j_whichever_way_k_points(
    lps: bool, k_axis: tuple[float, ...]
) -> None:
    i_axis, j_axis, position = (0.0, 0.5, 0.0), (0.0, 0.0, 0.25), (10.0, 20.0, 30.0)
    translation, quaternion = image_geometry.plane_pose(
        (5, 3, 1), (*i_axis, *j_axis, *k_axis), position, lps=lps
    )
    flip = np.array([-1.0, -1.0, 1.0]) if lps else np.ones(3)
    x, y, z = rotation(quaternion).T
    assert x == pytest.approx(flip * [0, 1, 0])
    assert y == pytest.approx([0, 0, 1])
    assert z == pytest.approx(np.cross(x, y))
    assert translation == pytest.approx(flip * [0.010, 0.019, 0.02975])
    assert abs(math.hypot(*quaternion) - 1.0) < 1e-12


@given(spacing_axes, st.tuples(*[millimetres32] * 3), st.booleans())
def test_a_slice_lies_where_its_voxels_lie(axes: Any, position: Any, lps: bool) -> None:
    size = (640, 480, 1)
    i_axis = np.array(axes[:3])
    j_axis = np.cross(i_axis, axes[3:6])  # orthogonal by construction
    if not np.linalg.norm(j_axis) > 1e-3:
        return
    axes = (*i_axis.tolist(), *j_axis.tolist(), *axes[6:])
    translation, quaternion = image_geometry.plane_pose(size, axes, position, lps=lps)
    matrix = matrix_of(image_geometry.ijk_to_frame(size, axes, position, lps=lps))
    spacing = np.array([np.linalg.norm(i_axis), np.linalg.norm(j_axis)]) / 1000
    for i, j in ((0, 0), (639, 0), (0, 479), (639, 479)):
        expected = matrix @ [i, j, 0, 1]
        actual = translation + rotation(quaternion) @ [i * spacing[0], j * spacing[1], 0.0]
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize('lps', [False, True])
def test_the_plane_of_a_tilted_slice_agrees_with_scipy(lps: bool) -> None:
    transform = pytest.importorskip(
        'scipy.spatial.transform', reason='SciPy is a second opinion and need not be there'
    )
    flip = np.array([-1.0, -1.0, 1.0]) if lps else np.ones(3)
    spacing, size, centre = (
        np.array([0.5, 0.75, 2.5]),
        (640, 480, 1),
        np.array([10.0, -20.0, 30.0]),
    )
    corner = -spacing * (np.array(size) - 1) / 2
    for theirs in transform.Rotation.random(200, random_state=2):
        axes = (theirs.as_matrix() * spacing).T * flip
        translation, quaternion = image_geometry.plane_pose(
            size, axes.ravel().tolist(), (flip * centre).tolist(), lps=lps
        )
        assert abs(abs(np.dot(theirs.as_quat(), quaternion)) - 1.0) < 1e-12
        assert np.multiply(translation, 1000) == pytest.approx(centre + theirs.apply(corner))


def test_in_plane_axes_at_an_angle_are_refused_beyond_the_tolerance() -> None:
    axes = [1.0, 0.0, 0.0, 0.002, 2.0, 0.0, 0.0, 0.0, 1.0]  # cosine just below 1e-3
    translation, quaternion = image_geometry.plane_pose((2, 2, 1), axes, (0.0, 0.0, 0.0))
    # the two are 1e-3 rad too far apart: each gives way by half of it
    assert quaternion == pytest.approx((0.0, 0.0, -0.5e-3 / 2, 1.0), abs=1e-6)
    assert translation == pytest.approx((-0.000501, -0.001, 0.0))
    axes[3] = 0.0021
    with pytest.raises(ConvertError) as refusal:
        image_geometry.plane_pose((2, 2, 1), axes, (0.0, 0.0, 0.0))
    assert refusal.value.cause == 'non_rigid'


def test_b22_a_part_of_an_image_is_told_from_a_whole_one() -> None:
    image_geometry.check_whole((2, 3, 4), (2, 3, 4))
    text = r'a part of \(2, 3, 1\) of an image of \(2, 3, 4\); a whole image is needed'
    with pytest.raises(ConvertError, match=text) as refusal:
        image_geometry.check_whole((2, 3, 1), (2, 3, 4))
    assert refusal.value.cause == 'sub_volume'


@pytest.fixture(scope='module')
def nibabel() -> Any:
    return pytest.importorskip('nibabel', reason='needs nibabel, which reads NIfTI')


def nifti_affine(nibabel: Any, size: Any, affine: Any) -> Any:
    """Return the affine of a NIfTI image that was written and read: RAS, millimetres, float32."""
    image = nibabel.Nifti1Image(np.zeros(size, np.uint8), affine)
    return nibabel.Nifti1Image.from_bytes(image.to_bytes()).affine


@given(st.tuples(*[st.integers(1, 4)] * 3), spacing_axes, st.tuples(*[millimetres32] * 3))
def test_an_image_lies_where_nifti_says(
    nibabel: Any, size: tuple[int, int, int], axes: Any, origin: Any
) -> None:
    given_affine = np.eye(4)
    given_affine[:3, :3] = np.reshape(axes, (3, 3)).T
    given_affine[:3, 3] = origin
    affine = nifti_affine(nibabel, size, given_affine)
    apply_affine = nibabel.affines.apply_affine
    centre = apply_affine(affine, (np.array(size) - 1) / 2)
    matrix = matrix_of(image_geometry.ijk_to_frame(size, affine[:3, :3].T.ravel(), centre))
    assert matrix * 1000 == pytest.approx(affine[:3], rel=1e-12, abs=1e-8)
    for index in np.ndindex(*size):
        assert matrix @ [*index, 1] * 1000 == pytest.approx(apply_affine(affine, index), abs=1e-8)
    axes_back, position_back = image_geometry.axes_and_position(size, affine[:3].ravel() / 1000)
    assert axes_back == pytest.approx(affine[:3, :3].T.ravel(), rel=1e-12)
    assert position_back == pytest.approx(centre, rel=1e-12, abs=1e-8)


@pytest.mark.parametrize(
    ('axes', 'lps', 'codes'),
    [
        ((1, 0, 0, 0, 1, 0, 0, 0, 1), False, 'RAS'),
        ((1, 0, 0, 0, 1, 0, 0, 0, 1), True, 'LPS'),
        ((0, 0, -2, 3, 0, 0, 0, 0.5, 0), False, 'IRA'),
        ((0, 0, -2, 3, 0, 0, 0, 0.5, 0), True, 'ILP'),
        ((-1, 0, 0, 0, -1, 0, 0, 0, 1), True, 'RAS'),
    ],
)
def test_the_axes_point_where_nibabel_says(nibabel: Any, axes: Any, lps: bool, codes: str) -> None:
    matrix = matrix_of(image_geometry.ijk_to_frame((3, 4, 5), axes, (7.0, 8.0, 9.0), lps=lps))
    affine = np.vstack([matrix * 1000, [0, 0, 0, 1]])
    assert ''.join(nibabel.orientations.aff2axcodes(affine)) == codes
    spacing = codec.Image(b'', (3, 4, 5), axes=axes).spacing
    assert nibabel.affines.voxel_sizes(affine) == pytest.approx(spacing)

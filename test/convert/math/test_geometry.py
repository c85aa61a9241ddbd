# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.math.geometry against SVD, SciPy and the bit patterns of float32."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import geometry

NAN, INF = math.nan, math.inf
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

float32 = st.floats(
    -geometry.MAX_DISTANCE_MM,
    geometry.MAX_DISTANCE_MM,
    width=32,
    allow_subnormal=False,
)
quaternions = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: math.hypot(*q) > 0.1)


def rotation(quaternion: Any) -> NDArray[np.float64]:
    """Return the matrix of any quaternion but zero, by Rodrigues' sum: slow and obvious."""
    x, y, z, w = np.asarray(quaternion) / math.hypot(*quaternion)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross)


def columns(matrix: NDArray[np.float64]) -> list[float]:
    return [float(entry) for entry in matrix.T.ravel()]


def matrix_of(numbers: Any) -> NDArray[np.float64]:
    return np.asarray(np.reshape(numbers, (3, 3)).T)


def as_float32(value: float) -> float:
    return float(struct.unpack('>f', struct.pack('>f', value))[0])


@given(x=float32, y=float32, z=float32)
def test_millimetres_survive_the_way_to_metres_and_back_bit_by_bit(
    x: float, y: float, z: float
) -> None:
    back = geometry.millimetres(*geometry.metres(x, y, z))
    assert struct.pack('>3f', *back) == struct.pack('>3f', x, y, z)


def test_every_sampled_bit_pattern_of_a_float32_survives() -> None:
    # every exponent from 1e-38 to 1e9, with 4096 mantissas each: the arithmetic of metres() and
    # millimetres() on whole arrays
    exponents = np.arange(1, 127 + 30, dtype=np.uint32)[:, None] << 23
    mantissas = np.random.default_rng(1).integers(0, 2**23, (1, 4096), dtype=np.uint32)
    values = (exponents | mantissas).view(np.float32)
    back = (values.astype(np.float64) / geometry.MM_PER_M * geometry.MM_PER_M).astype(np.float32)
    assert np.array_equal(values.view(np.uint32), back.view(np.uint32))


def test_a_thousand_millimetres_are_a_metre() -> None:
    assert geometry.metres(1000.0, -2000.0, 0.5) == (1.0, -2.0, 0.0005)
    assert geometry.millimetres(1.0, -2.0, 0.0005) == (1000.0, -2000.0, 0.5)


@pytest.mark.parametrize('convert', [geometry.metres, geometry.millimetres])
@pytest.mark.parametrize(
    ('value', 'cause'),
    [
        (NAN, 'not_finite'),
        (INF, 'not_finite'),
        (-INF, 'not_finite'),
        (1e38, 'out_of_range'),
        (-1e38, 'out_of_range'),
        (1.1e9, 'out_of_range'),
    ],
)
@pytest.mark.parametrize('place', [0, 1, 2])
def test_a_position_that_is_nowhere_is_refused(
    convert: Any, value: float, cause: str, place: int
) -> None:
    position = [1.0, 2.0, 3.0]
    position[place] = value
    with pytest.raises(ConvertError) as refusal:
        convert(*position)
    assert refusal.value.cause == cause


@given(quaternions)
def test_a_rotation_gives_its_quaternion_with_w_not_negative(quaternion: Any) -> None:
    expected = np.array(quaternion) / math.hypot(*quaternion)
    result = geometry.quaternion_from_rotation(*columns(rotation(quaternion)))
    assert result[3] >= 0.0
    assert abs(math.hypot(*result) - 1.0) < 1e-12
    assert abs(abs(np.dot(expected, result)) - 1.0) < 1e-12


@pytest.mark.parametrize('axis', [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3), (-3, 1, -2)])
@pytest.mark.parametrize('degrees', [0, 1, 90, 119, 121, 179, 179.9999, 180, 181, 270, 359])
def test_each_branch_of_shepperd_agrees_with_the_axis_and_angle(
    axis: tuple[int, int, int], degrees: float
) -> None:
    half = math.radians(degrees) / 2
    vector = np.array(axis) / math.hypot(*axis) * math.sin(half)
    result = geometry.quaternion_from_rotation(*columns(rotation([*vector, math.cos(half)])))
    assert abs(abs(np.dot(result, [*vector, math.cos(half)])) - 1.0) < 1e-14
    assert rotation(result) == pytest.approx(rotation([*vector, math.cos(half)]), abs=1e-14)


@given(quaternions, st.lists(st.floats(-1e-4, 1e-4), min_size=9, max_size=9))
def test_noise_is_projected_away_onto_the_nearest_rotation(
    quaternion: Any, noise: list[float]
) -> None:
    noisy = rotation(quaternion) + np.array(noise).reshape(3, 3)
    u, _, vt = np.linalg.svd(noisy)
    result = geometry.quaternion_from_rotation(*columns(noisy))
    assert rotation(result) == pytest.approx(u @ vt, abs=1e-11)
    assert abs(math.hypot(*result) - 1.0) < 1e-12


def test_rotations_agree_with_scipy() -> None:
    transform = pytest.importorskip(
        'scipy.spatial.transform', reason='SciPy is a second opinion and need not be there'
    )
    for theirs in transform.Rotation.random(500, random_state=1):
        unit, matrix = theirs.as_quat(), theirs.as_matrix()
        ours = geometry.quaternion_from_rotation(*columns(matrix))
        assert abs(abs(np.dot(unit, ours)) - 1.0) < 1e-12
        back = matrix_of(geometry.rotation_from_quaternion(*unit.tolist()))
        assert back == pytest.approx(matrix, abs=1e-14)


@given(quaternions)
def test_a_float32_rotation_comes_back_within_5e_7(quaternion: Any) -> None:
    sent = [as_float32(entry) for entry in columns(rotation(quaternion))]
    result = geometry.rotation_from_quaternion(*geometry.quaternion_from_rotation(*sent))
    back = [as_float32(entry) for entry in result]
    assert max(abs(a - b) for a, b in zip(sent, back, strict=True)) < 5e-7


@pytest.mark.parametrize(
    ('matrix', 'cause'),
    [
        (np.diag([1.0, 1.0, -1.0]), 'non_rigid'),  # mirror
        (-np.eye(3), 'non_rigid'),
        (np.zeros((3, 3)), 'non_rigid'),
        (2.0 * np.eye(3), 'non_rigid'),
        (np.diag([1.0, 1.0, 1.0006]), 'non_rigid'),
        (np.array([[1.0, 0.0011, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), 'non_rigid'),  # shear
        (np.full((3, 3), 1e38), 'non_rigid'),
        (np.diag([NAN, 1.0, 1.0]), 'not_finite'),
        (np.diag([1.0, 1.0, -INF]), 'not_finite'),
    ],
)
def test_a_matrix_that_is_no_rotation_is_refused(matrix: Any, cause: str) -> None:
    with pytest.raises(ConvertError) as refusal:
        geometry.quaternion_from_rotation(*columns(matrix))
    assert refusal.value.cause == cause


@pytest.mark.parametrize('place', range(9))
def test_nan_in_any_entry_of_a_matrix_is_found(place: int) -> None:
    numbers = list(IDENTITY)
    numbers[place] = NAN
    with pytest.raises(ConvertError) as refusal:
        geometry.quaternion_from_rotation(*numbers)
    assert refusal.value.cause == 'not_finite'


@pytest.mark.parametrize('row', range(3))
@pytest.mark.parametrize('column', range(3))
def test_a_scale_or_shear_in_any_entry_is_found(row: int, column: int) -> None:
    matrix = np.eye(3)
    matrix[row, column] += 0.0015
    with pytest.raises(ConvertError) as refusal:
        geometry.quaternion_from_rotation(*columns(matrix))
    assert refusal.value.cause == 'non_rigid'


def test_a_matrix_just_within_the_tolerance_is_taken() -> None:
    quaternion = geometry.quaternion_from_rotation(*columns(np.diag([1.0004, 0.9996, 1.0])))
    assert quaternion == pytest.approx((0.0, 0.0, 0.0, 1.0), abs=1e-15)


@given(quaternions, st.floats(0.991, 1.009))
def test_a_quaternion_within_one_percent_is_scaled_and_keeps_its_sign(
    quaternion: Any, length: float
) -> None:
    unit = np.array(quaternion) / math.hypot(*quaternion)
    result = geometry.unit_quaternion(*(float(part) for part in unit * length))
    assert result == pytest.approx(tuple(unit), abs=1e-14)
    assert abs(math.hypot(*result) - 1.0) < 1e-12


@pytest.mark.parametrize('convert', [geometry.unit_quaternion, geometry.rotation_from_quaternion])
@pytest.mark.parametrize(
    ('quaternion', 'cause'),
    [
        ((0.0, 0.0, 0.0, 0.0), 'zero_quaternion'),
        ((0.0, 0.0, 0.0, 1.02), 'quaternion_norm'),
        ((0.0, 0.0, 0.98, 0.0), 'quaternion_norm'),
        ((1e200, 0.0, 0.0, 0.0), 'quaternion_norm'),
        ((NAN, 0.0, 0.0, 1.0), 'not_finite'),
        ((0.0, NAN, 0.0, 1.0), 'not_finite'),
        ((0.0, 0.0, INF, 1.0), 'not_finite'),
        ((0.0, 0.0, 0.0, -INF), 'not_finite'),
    ],
)
def test_a_quaternion_that_is_no_rotation_is_refused(
    convert: Any, quaternion: tuple[float, ...], cause: str
) -> None:
    with pytest.raises(ConvertError) as refusal:
        convert(*quaternion)
    assert refusal.value.cause == cause


@given(quaternions)
def test_a_quaternion_gives_its_rotation(quaternion: Any) -> None:
    unit = [float(part) for part in np.array(quaternion) / math.hypot(*quaternion)]
    result = geometry.rotation_from_quaternion(*unit)
    assert matrix_of(result) == pytest.approx(rotation(quaternion), abs=1e-14)

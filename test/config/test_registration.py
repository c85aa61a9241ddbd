# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Registrations as a mapping file says them; those that are refused are in refused_files.txt."""

from __future__ import annotations

import math

import pytest

from ros2_igtl import config

HALF = math.sqrt(0.5)


def registration_of(pose: str, rows: str = '') -> tuple[config.RegistrationConfig, ...]:
    text = (
        'version: 1\n'
        f'registration: [{{parent_frame_id: patient_ras, child_frame_id: Tracker, {pose}}}]\n'
        f'connections: [{{mappings: [{rows}]}}]\n'
    )
    return config.parse_config(text.encode(), 'f').registration


def test_a_registration_is_translation_and_rotation() -> None:
    assert registration_of('translation: [0.1, -2, 3e-3], rotation: [0, 0, 0, -1]') == (
        config.RegistrationConfig(
            'patient_ras', 'Tracker', (0.1, -2.0, 0.003), (0.0, 0.0, 0.0, -1.0), 2
        ),
    )


def test_a_quaternion_is_scaled_to_length_one() -> None:
    (registration,) = registration_of('translation: [0, 0, 0], rotation: [0, 0, 0.7, 0.71]')
    assert math.hypot(*registration.rotation) == pytest.approx(1.0, abs=1e-12)
    assert registration.rotation[2] / registration.rotation[3] == pytest.approx(0.7 / 0.71)


def test_a_matrix_is_read_row_by_row_in_metres() -> None:
    matrix = 'matrix: [0, -1, 0, 0.1, 1, 0, 0, 0.2, 0, 0, 1, 0.3, 0, 0, 0, 1]'
    (registration,) = registration_of(matrix)
    assert registration.translation == (0.1, 0.2, 0.3)
    assert registration.rotation == pytest.approx((0.0, 0.0, HALF, HALF))  # x is turned to y


def test_a_matrix_of_few_digits_becomes_the_rotation_that_is_nearest() -> None:
    matrix = 'matrix: [0.8660, -0.5, 0, 0, 0.5, 0.8660, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]'
    (registration,) = registration_of(matrix)
    angle = 2 * math.atan2(registration.rotation[2], registration.rotation[3])
    assert math.degrees(angle) == pytest.approx(30.0, abs=0.01)
    assert math.hypot(*registration.rotation) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize('more', ['publish_tf: false', 'skip: false, frame_id: Tracker'])
def test_a_row_that_does_not_place_the_frame_on_tf_may_name_it(more: str) -> None:
    child = 'Tracker' if 'publish_tf' in more else 'Probe'
    row = (
        '{igtl_device_name: A, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS, '
        f'child_frame_id: {child}, {more}}}'
    )
    assert registration_of('translation: [0, 0, 0], rotation: [0, 0, 0, 1]', row)

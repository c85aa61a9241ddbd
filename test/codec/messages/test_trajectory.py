# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from helpers.contents import assert_content_refused, content_bytes, receive_content
from ros2_igtl import codec

CASES = [
    (codec.Trajectory.from_trajectories([]), b''),
    (
        codec.Trajectory.from_trajectories(
            [
                {
                    'name': 'Needle',
                    'group': 'Plan',
                    'trajectory_type': codec.TrajectoryType.ENTRY_TARGET,
                    'rgba': (255, 0, 128, 1),
                    'entry': (1, 2, -1),
                    'target': (0, 0, 0.5),
                    'size': 2,
                    'owner': 'CT',
                }
            ]
        ),
        b'Needle'.ljust(64, b'\0')
        + b'Plan'.ljust(32, b'\0')
        + b'\3\0\xff\0\x80\1'
        + bytes.fromhex('3f800000 40000000 bf800000 00000000 00000000 3f000000 40000000')
        + b'CT'.ljust(20, b'\0'),
    ),
    (
        codec.Trajectory.from_trajectories([{}, {'trajectory_type': 255}]),
        bytes(246) + b'\xff' + bytes(53),
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_trajectories_pack_to_their_bytes(value: codec.Trajectory, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_trajectories_are_read_from_their_bytes(value: codec.Trajectory, data: bytes) -> None:
    received = receive_content('TRAJ', data)
    assert received == value
    assert len(received.trajectories) == len(data) // 150


@pytest.mark.parametrize('size', [1, 149, 151, 299])
def test_a_broken_trajectory_is_refused(size: int) -> None:
    assert_content_refused('TRAJ', bytes(size), codec.ContentSizeError, 'a multiple of 150 bytes')


@pytest.mark.parametrize(('field', 'size'), [('name', 64), ('group', 32), ('owner', 20)])
def test_a_name_that_fills_its_field_is_not_written(field: str, size: int) -> None:
    with pytest.raises(codec.NameTooLongError, match=f'TRAJ {field} .* {size - 1} are allowed'):
        codec.Trajectory.from_trajectories([{field: 'x' * size}])


def test_there_are_three_kinds_of_trajectories() -> None:
    assert [kind.value for kind in codec.TrajectoryType] == [1, 2, 3]

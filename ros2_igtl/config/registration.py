# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The list `registration` of a mapping file: static transforms between frames."""

from __future__ import annotations

from collections.abc import Iterator

from ros2_igtl import options
from ros2_igtl.config import checks
from ros2_igtl.config.section import Section
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.geometry import (
    RIGID_TOLERANCE,
    Quaternion,
    Vector,
    quaternion_from_rotation,
    unit_quaternion,
)
from ros2_igtl.options import RegistrationConfig

REGISTRATION_KEYS = checks.checks_of(options.SECTIONS['RegistrationKeys'])
_PARTS = ('translation', 'rotation')


def read_registrations(file: Section) -> Iterator[tuple[Section, RegistrationConfig]]:
    """Yield the registrations without problems of their own, with their sections."""
    for index, node in enumerate(file.items('registration')):
        key = file.key(f'registration[{index}]')
        section = Section(node, key, REGISTRATION_KEYS, file.problems)
        problems_before = len(file.problems)
        check_frame_pair(section)
        pose = _read_matrix(section) if section.has('matrix') else _read_parts(section)
        frames = section.values.get('parent_frame_id'), section.values.get('child_frame_id')
        if pose is not None and all(frames) and len(file.problems) == problems_before:
            yield section, RegistrationConfig(*frames, *pose, section.line)  # type: ignore[arg-type]


def check_frame_pair(section: Section) -> None:
    """Refuse a pair of frames with a missing frame, or with the same frame twice."""
    section.require('parent_frame_id', 'child_frame_id')
    parent = section.values.get('parent_frame_id')
    if parent is not None and parent == section.values.get('child_frame_id'):
        text = f'is {parent!r}, like parent_frame_id; allowed: another frame'
        section.refuse('child_frame_id', text)


def _read_parts(section: Section) -> tuple[Vector, Quaternion] | None:
    """Return the pose in translation and rotation, or None if they have problems."""
    section.require(*_PARTS, hint='allowed: translation and rotation, or matrix')
    if not all(name in section.values for name in _PARTS):
        return None
    try:
        return section.values['translation'], unit_quaternion(*section.values['rotation'])
    except ConvertError as error:
        section.refuse('rotation', f'is refused: {error}')
        return None


def _read_matrix(section: Section) -> tuple[Vector, Quaternion] | None:
    """Return the pose in a matrix, or None if it has problems."""
    section.forbid(_PARTS, 'is given together with matrix; allowed: one of them')
    if 'matrix' not in section.values:
        return None
    r11, r12, r13, x, r21, r22, r23, y, r31, r32, r33, z, *last = section.values['matrix']
    off = max(abs(a - b) for a, b in zip(last, (0.0, 0.0, 0.0, 1.0), strict=True))
    if off > RIGID_TOLERANCE:
        text = f'has {" ".join(f"{number:g}" for number in last)} as its last row'
        section.refuse('matrix', f'{text}; allowed: row by row, the last 0 0 0 1')
        return None
    try:
        return (x, y, z), quaternion_from_rotation(r11, r21, r31, r12, r22, r32, r13, r23, r33)
    except ConvertError as error:
        section.refuse('matrix', f'is refused: {error}')
        return None

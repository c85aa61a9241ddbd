# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The reference C++ programs as the tests use them: skipped, with the reason, where they cannot be.

How they are built and run is in demo/reference_programs.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'demo'))

import reference_programs as _reference_programs
from reference_programs import (
    ProgramError,
    ReferenceProgramsUnavailableError,
    free_port,
    locked,
)
from reference_programs import (
    ReferenceProgram as _ReferenceProgram,
)

__all__ = [
    'ProgramError',
    'ReferenceProgram',
    'find_test_images',
    'free_port',
    'locked',
]


class ReferenceProgram(_ReferenceProgram):
    """A reference program for the length of a test; the test is skipped where there is none."""

    def __enter__(self) -> ReferenceProgram:
        """Start it, or skip the test."""
        try:
            super().__enter__()
        except ReferenceProgramsUnavailableError as error:
            pytest.skip(f'no reference programs: {error}')
        return self


def find_test_images() -> Path:
    """Return the folder of the reference's test images; skip the test where there is none."""
    try:
        return _reference_programs.find_test_images()
    except ReferenceProgramsUnavailableError as error:
        pytest.skip(f'no reference programs: {error}')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The golden messages of ``vectors/golden``; what they mean is not judged here."""

from __future__ import annotations

from helpers import vectors
from helpers.vectors import Vector as Golden

__all__ = ['FOLDER', 'GOLDENS', 'Golden', 'golden']

FOLDER = vectors.FOLDER / 'golden'
GOLDENS = vectors.GOLDEN


def golden(name: str) -> bytes:
    """Return the bytes of one golden message."""
    return next(case.data for case in GOLDENS if case.name == name)

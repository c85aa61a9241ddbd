# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Millimetres and metres of many positions at a time, independent of OpenIGTLink and ROS messages.

For a single position see :mod:`~.geometry`: numpy is slower on three numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.geometry import MAX_DISTANCE_MM, MM_PER_M


def metres(positions: NDArray[Any]) -> NDArray[np.float64]:
    """
    Return in metres positions given in millimetres, in the same shape.

    As exact as :func:`.geometry.metres`.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad position rejects all.
    """
    _check(positions, 1.0)
    return positions.astype(np.float64) / MM_PER_M


def millimetres(positions: NDArray[Any]) -> NDArray[np.float64]:
    """
    Return in millimetres positions given in metres, in the same shape.

    :raises ConvertError: as :func:`metres`.
    """
    _check(positions, MM_PER_M)
    return positions.astype(np.float64) * MM_PER_M


def _check(positions: NDArray[Any], unit_mm: float) -> None:
    with np.errstate(invalid='ignore'):  # numpy would warn about some NaN
        largest = float(np.abs(positions).max(initial=0.0))  # NaN if any number is
    if not largest * unit_mm <= MAX_DISTANCE_MM:
        if not np.isfinite(largest):
            raise ConvertError(
                'not_finite', f'{largest} in the positions: finite numbers are needed'
            )
        raise ConvertError(
            'out_of_range', f'{largest * unit_mm:g} mm is farther than {MAX_DISTANCE_MM:g} mm'
        )

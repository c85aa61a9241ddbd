# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""TRAJ: planned trajectories. Source: ``trajectory.md``, ``igtl_trajectory.h``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.messages.companions import Get, Reply, companions
from ros2_igtl.codec.messages.elements import ElementList
from ros2_igtl.codec.registry import register
from ros2_igtl.codec.wire import F32, U8, Char20, Char32, Char64, F32x3, U8x4

__all__ = ['GetTrajectory', 'Trajectory', 'TrajectoryReply', 'TrajectoryType']


class TrajectoryType(IntEnum):
    """The ends of a trajectory that are valid; a message always contains both."""

    ENTRY = 1
    TARGET = 2
    ENTRY_TARGET = 3


class _TrajectoryElement(NamedTuple):
    name: Char64
    group: Char32
    trajectory_type: U8  # igtl_trajectory.h says int8
    reserved: U8  # 0
    rgba: U8x4
    entry: F32x3  # millimetres
    target: F32x3  # millimetres
    size: F32  # millimetres; trajectory.md calls it a diameter, igtl_trajectory.h a radius
    owner: Char20  # device name of the image that the trajectory belongs to


@register
class Trajectory(ElementList):
    """
    A list of trajectories, a structured array that views the received bytes. 150 bytes each.

    :ivar trajectories: shape (n,), dtype :attr:`dtype`: name, group (bytes), trajectory_type (u1,
        a :class:`TrajectoryType`), reserved (u1), rgba (4 of u1), entry and target (3 of f4,
        millimetres), size (f4, millimetres), owner (bytes).
    """

    __slots__ = ()
    type_name = 'TRAJ'
    dtype: ClassVar[np.dtype[Any]] = wire.dtype_of(_TrajectoryElement)
    sizes = f'{dtype.itemsize} n'
    protocol_version = 2

    @property
    def trajectories(self) -> NDArray[Any]:
        """The elements."""
        return self.elements

    @classmethod
    def from_trajectories(cls, trajectories: Iterable[Mapping[str, Any]]) -> Trajectory:
        """
        Return a list of trajectories given by field name; missing fields become empty or zero.

        :raises NameTooLongError: a name fills its field (63, 31, 19 bytes are allowed).
        :raises ValueRangeError: a field is unknown or its value does not fit.
        """
        return cls(cls.array_of(trajectories))


GetTrajectory, TrajectoryReply = companions(Trajectory, Get, Reply)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""POINT: named points, for example of a plan. Source: ``point.md``, ``igtl_point.h``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.messages.companions import Get, Reply, companions
from ros2_igtl.codec.messages.elements import ElementList
from ros2_igtl.codec.registry import register
from ros2_igtl.codec.wire import F32, Char20, Char32, Char64, F32x3, U8x4

__all__ = ['GetPoint', 'Point', 'PointReply']


class _PointElement(NamedTuple):
    name: Char64
    group: Char32
    rgba: U8x4
    position: F32x3  # millimetres
    size: F32  # millimetres; point.md calls it a diameter, igtl_point.h a radius
    owner: Char20  # device name of the image that the point belongs to


@register
class Point(ElementList):
    """
    A list of points, a structured array that views the received bytes. 136 bytes each.

    :ivar points: shape (n,), dtype :attr:`dtype`: name, group (bytes), rgba (4 of u1), position
        (3 of f4, millimetres), size (f4, millimetres), owner (bytes).
    """

    __slots__ = ()
    type_name = 'POINT'
    dtype: ClassVar[np.dtype[Any]] = wire.dtype_of(_PointElement)
    sizes = f'{dtype.itemsize} n'
    protocol_version = 2

    @property
    def points(self) -> NDArray[Any]:
        """The elements."""
        return self.elements

    @classmethod
    def from_points(cls, points: Iterable[Mapping[str, Any]]) -> Point:
        """
        Return a list of points given by field name; missing fields become empty or zero.

        :raises NameTooLongError: a name fills its field (63, 31, 19 bytes are allowed).
        """
        return cls(cls.array_of(points))


GetPoint, PointReply = companions(Point, Get, Reply)

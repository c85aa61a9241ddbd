# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""POSITION (QTRANS): position and quaternion. Source: ``position.md``, ``igtl_position.h``."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.messages.transform import pack_floats
from ros2_igtl.codec.registry import Content, register, size_error
from ros2_igtl.codec.wire import F32, Buffer

__all__ = ['GetPosition', 'Position', 'PositionReply', 'StartPosition', 'StopPosition']


class _Position(NamedTuple):
    x: F32  # millimetres, as are y and z
    y: F32
    z: F32
    ox: F32  # quaternion, Hamilton, scalar last
    oy: F32
    oz: F32
    w: F32


_FULL = wire.struct_of(_Position)
# Only the form of 28 bytes is documented; the reference library also packs the other two.
_LAYOUTS = {layout.size: layout for layout in (_FULL, struct.Struct('>6f'), struct.Struct('>3f'))}


@register
@dataclass(slots=True)
class Position(Content):
    """
    A position in millimetres and a quaternion as sent, not normalised.

    The content has 28 bytes; 24 bytes without ``w``, which is then read as the positive root; or
    12 bytes without the quaternion, which is then read as the identity
    (``igtlPositionMessage.cxx``).
    """

    type_name = 'POSITION'
    sizes = '{}, {} or {}'.format(*_LAYOUTS)
    protocol_version = 1
    views = False
    aliases = ('QTRANS',)

    x: float
    y: float
    z: float
    ox: float = 0.0
    oy: float = 0.0
    oz: float = 0.0
    w: float = 1.0
    content_size: int = 28

    @classmethod
    def unpack(cls, content: Buffer) -> Position:
        """Return the position from 28, 24 or 12 bytes."""
        size = len(content)
        layout = _LAYOUTS.get(size)
        if layout is None:
            raise size_error('POSITION', content, '28, 24 or 12 bytes')
        position = cls(*layout.unpack(content))
        position.content_size = size
        if size == 24:
            square = 1.0 - position.ox**2 - position.oy**2 - position.oz**2
            # If there is no root, the reference uses the identity. This codec keeps the vector
            # part, so that the conversions can reject the quaternion for its length.
            position.w = sqrt(square) if square > 0.0 else 0.0
        return position

    def pack_parts(self) -> tuple[bytes]:
        """Return 28, 24 or 12 bytes."""
        layout = _LAYOUTS.get(self.content_size)
        if layout is None:
            raise ValueRangeError(
                f'POSITION content_size is {self.content_size}; 28, 24 or 12 are allowed'
            )
        values = (self.x, self.y, self.z, self.ox, self.oy, self.oz, self.w)
        return (pack_floats(layout, 'POSITION', values[: self.content_size // 4]),)


GetPosition, StartPosition, StopPosition, PositionReply = companions(
    Position,
    Get,
    Start,
    Stop,
    Reply,
    aliases=('GET_QTRANS', 'STT_QTRANS', 'STP_QTRANS', 'RTS_QTRANS'),
)

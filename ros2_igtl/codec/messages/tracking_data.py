# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
TDATA and QTDATA: the poses of several tools at the same time.

Source: ``trackingdata.md``, ``igtl_tdata.h``; ``qtrackingdata.md``, ``igtl_qtdata.h``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.messages.elements import ElementList
from ros2_igtl.codec.messages.transform import column_major
from ros2_igtl.codec.names import pack_inner_name
from ros2_igtl.codec.registry import check_size, register
from ros2_igtl.codec.wire import I32, U8, Buffer, Char20, Char32, F32x3, F32x4, F32x4x3

__all__ = [
    'GetQuaternionTrackingData',
    'GetTrackingData',
    'QuaternionTrackingData',
    'QuaternionTrackingDataReply',
    'StartQuaternionTrackingData',
    'StartTrackingData',
    'StopQuaternionTrackingData',
    'StopTrackingData',
    'ToolType',
    'TrackingData',
    'TrackingDataReply',
]


class ToolType(IntEnum):
    """The kinds of tools of ``trackingdata.md``."""

    TRACKER = 1
    INSTRUMENT_6D = 2
    INSTRUMENT_3D = 3  # only the tip
    INSTRUMENT_5D = 4  # tip and handle


class _Tool(NamedTuple):
    name: Char20
    tool_type: U8
    reserved: U8  # 0
    matrix: F32x4x3  # as in TRANSFORM: column by column, millimetres


@register
class TrackingData(ElementList):
    """
    The tools seen at one time, a structured array that views the received bytes. 70 bytes each.

    A tool that is not seen is left out; an empty list means that all are lost.

    :ivar tools: shape (n,), dtype :attr:`dtype`: name (bytes), tool_type (u1), reserved (u1),
        matrix (shape (4, 3): [column][row], millimetres).
    """

    __slots__ = ()
    type_name = 'TDATA'
    dtype: ClassVar[np.dtype[Any]] = wire.dtype_of(_Tool)
    sizes = f'{dtype.itemsize} n'
    protocol_version = 2

    @property
    def tools(self) -> NDArray[Any]:
        """The elements."""
        return self.elements

    @classmethod
    def from_tools(cls, tools: Iterable[tuple[str, int, ArrayLike]]) -> TrackingData:
        """
        Return the tracking data of these tools.

        :param tools: name, :class:`ToolType` and matrix, shape (4, 4) or (3, 4), millimetres.
        :raises NameTooLongError: a name has more than 19 bytes.
        :raises ValueRangeError: a matrix has another shape.
        """
        return cls(
            cls.array_of(
                {'name': name, 'tool_type': tool_type, 'matrix': column_major(matrix)}
                for name, tool_type, matrix in tools
            )
        )


class _QuaternionTool(NamedTuple):
    name: Char20
    tool_type: U8
    reserved: U8  # 0
    position: F32x3  # millimetres
    quaternion: F32x4  # Hamilton, scalar last


@register
class QuaternionTrackingData(ElementList):
    """
    The tools seen at one time, a structured array that views the received bytes. 50 bytes each.

    Like TDATA, with quaternions instead of matrices, as sent and not normalised.

    :ivar tools: shape (n,), dtype :attr:`dtype`: name (bytes), tool_type (u1), reserved (u1),
        position (3 of f4, millimetres), quaternion (4 of f4: x, y, z, w).
    """

    __slots__ = ()
    type_name = 'QTDATA'
    dtype: ClassVar[np.dtype[Any]] = wire.dtype_of(_QuaternionTool)
    sizes = f'{dtype.itemsize} n'
    protocol_version = 2

    @property
    def tools(self) -> NDArray[Any]:
        """The elements."""
        return self.elements

    @classmethod
    def from_tools(
        cls, tools: Iterable[tuple[str, int, ArrayLike, ArrayLike]]
    ) -> QuaternionTrackingData:
        """
        Return the tracking data of these tools.

        :param tools: name, :class:`ToolType`, position (x, y, z) in millimetres and quaternion
            (x, y, z, w).
        :raises NameTooLongError: a name has more than 19 bytes.
        :raises ValueRangeError: a value does not fit its field.
        """
        fields = ('name', 'tool_type', 'position', 'quaternion')
        return cls(cls.array_of(dict(zip(fields, tool, strict=True)) for tool in tools))


class _StartTrackingData(NamedTuple):
    resolution: (
        I32  # milliseconds; the documents say uint32, and have a status before it in QTDATA
    )
    coordinate_name: Char32


_START = wire.struct_of(_StartTrackingData)
_COORDINATE_NAME_SIZE = wire.size_of(_StartTrackingData, 'coordinate_name')
_S = TypeVar('_S', bound='StartTrackingData')


@register
@dataclass(slots=True)
class StartTrackingData(Start):
    """
    STT_TDATA: asks for a stream of tracking data. 36 bytes.

    :ivar resolution: smallest time between two messages in milliseconds; 0 for all messages.
    :ivar coordinate_name: the coordinate system to use; empty for the sender's own.
    """

    type_name = 'STT_TDATA'
    sizes = str(_START.size)
    subject = 'TDATA'

    resolution: int = 0
    coordinate_name: str = ''

    @classmethod
    def unpack(cls: type[_S], content: Buffer) -> _S:
        """Return the query from 36 bytes."""
        check_size(cls.type_name, content, _START.size)
        resolution, coordinate_name = _START.unpack(content)
        return cls(resolution, wire.text(coordinate_name))

    def pack_parts(self) -> tuple[bytes]:
        """Return 36 bytes."""
        if not -(2**31) <= self.resolution < 2**31:
            raise ValueRangeError(
                f'resolution {self.resolution} ms: -2**31 to 2**31 - 1 are allowed'
            )
        name = pack_inner_name(self.coordinate_name, _COORDINATE_NAME_SIZE, 'coordinate name')
        return (_START.pack(self.resolution, name),)


GetTrackingData, StopTrackingData, TrackingDataReply = companions(TrackingData, Get, Stop, Reply)


@register
class StartQuaternionTrackingData(StartTrackingData):
    """STT_QTDATA: asks for a stream of tracking data with quaternions. 36 bytes."""

    __slots__ = ()
    type_name = 'STT_QTDATA'
    subject = 'QTDATA'


GetQuaternionTrackingData, StopQuaternionTrackingData, QuaternionTrackingDataReply = companions(
    QuaternionTrackingData, Get, Stop, Reply, aliases=('RTS_QDATA',)
)

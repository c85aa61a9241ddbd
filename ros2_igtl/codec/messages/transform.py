# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""TRANSFORM: a homogeneous matrix. Source: ``transform.md``, ``igtl_transform.h``."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.registry import Content, register, size_error
from ros2_igtl.codec.wire import F32, Buffer

__all__ = ['GetTransform', 'StartTransform', 'StopTransform', 'Transform', 'TransformReply']


class _Transform(NamedTuple):
    r11: F32
    r21: F32
    r31: F32
    r12: F32
    r22: F32
    r32: F32
    r13: F32
    r23: F32
    r33: F32
    tx: F32  # millimetres, as are ty and tz
    ty: F32
    tz: F32


_LAYOUT = wire.struct_of(_Transform)
_pack, _unpack = _LAYOUT.pack, _LAYOUT.unpack  # bound here: this is the most frequent message
_new = tuple.__new__


@register
class Transform(_Transform, Content):
    """
    The upper 3x4 of a homogeneous matrix, column by column; the last row is 0 0 0 1.

    Translation in millimetres. The codec accepts any matrix, even one that scales or mirrors; the
    conversions check whether it is a pose. 48 bytes.
    """

    __slots__ = ()
    type_name = 'TRANSFORM'
    sizes = str(_LAYOUT.size)
    protocol_version = 1
    views = False

    @classmethod
    def unpack(cls, content: Buffer) -> Transform:
        """Return the transform from 48 bytes."""
        try:
            return _new(cls, _unpack(content))
        except struct.error:
            raise size_error('TRANSFORM', content, f'{_LAYOUT.size} bytes') from None

    def pack_parts(self) -> tuple[bytes]:
        """Return 48 bytes."""
        try:
            return (_pack(*self[:]),)  # a slice is a plain tuple, which * unpacks fastest
        except (struct.error, OverflowError) as error:
            raise ValueRangeError(f'TRANSFORM {tuple(self)}: {error}') from None

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> Transform:
        """
        Return the transform with this matrix; packing rounds it to float32.

        :param matrix: shape (4, 4) or (3, 4), translation in millimetres in the last column.
        :raises ValueRangeError: the matrix has another shape or last row.
        """
        return cls._make(column_major(matrix).ravel().tolist())

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The matrix, shape (4, 4), translation in millimetres."""
        matrix = np.eye(4)
        matrix[:3] = np.array(self).reshape(4, 3).T
        return matrix


def column_major(matrix: ArrayLike) -> NDArray[np.float64]:
    """
    Return the upper 3x4 of a matrix transposed, shape (4, 3), as TRANSFORM and TDATA write it.

    :raises ValueRangeError: the shape is not (4, 4) or (3, 4), or the last row is not 0 0 0 1.
    """
    array = np.asarray(matrix, dtype=np.float64)
    if array.shape not in ((4, 4), (3, 4)):
        raise ValueRangeError(f'matrix has shape {array.shape}; (4, 4) or (3, 4) are allowed')
    if array.shape == (4, 4) and not np.array_equal(array[3], (0, 0, 0, 1)):
        raise ValueRangeError(f'matrix has last row {array[3].tolist()}; 0 0 0 1 is allowed')
    upper: NDArray[np.float64] = array[:3].T
    return upper


def pack_floats(layout: struct.Struct, type_name: str, values: tuple[Any, ...]) -> bytes:
    """
    Pack numbers with a layout.

    :raises ValueRangeError: a value is not a number or overflows its field.
    """
    try:
        return layout.pack(*values)
    except (struct.error, OverflowError) as error:
        raise ValueRangeError(f'{type_name} {tuple(values)}: {error}') from None


GetTransform, StartTransform, StopTransform, TransformReply = companions(
    Transform,
    Get,
    Start,
    Stop,
    Reply,
    name='TRANS',
    aliases=('GET_TRANSFOR', 'STT_TRANSFOR', 'STP_TRANSFOR', 'RTS_TRANSFOR'),
)

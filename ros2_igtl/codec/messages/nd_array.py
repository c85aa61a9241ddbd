# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""NDARRAY: an array of any number of dimensions. Source: ``ndarray.md``, ``igtl_ndarray.h``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentSizeError, ContentValueError, ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import U8

__all__ = ['GetNDArray', 'NDArray', 'NDArrayReply', 'StartNDArray', 'StopNDArray']


class _NDArrayHeader(NamedTuple):
    scalar_type: U8
    dimensions: U8  # their sizes follow, a uint16 each


_LAYOUT = wire.struct_of(_NDArrayHeader)
_SIZE = np.dtype('>u2')
# As in IMAGE, and complex numbers: real part, imaginary part.
_DTYPES = {
    number: np.dtype(code)
    for number, code in (
        (2, 'i1'),
        (3, 'u1'),
        (4, '>i2'),
        (5, '>u2'),
        (6, '>i4'),
        (7, '>u4'),
        (10, '>f4'),
        (11, '>f8'),
        (13, '>c16'),
    )
}
_SCALAR_TYPES = {dtype: number for number, dtype in _DTYPES.items()}
_MAX_DIMENSIONS = 32  # the limit of numpy before version 2; the field allows 255


@register
class NDArray(Content):
    """
    An array of numbers that views the received bytes.

    :param array: at most 32 dimensions of at most 65535 elements, with the last index fastest on
        the wire; dtype i1, u1, i2, u2, i4, u4, f4, f8 or c16 in either byte order. Received arrays
        are big-endian.
    """

    __slots__ = ('array',)
    type_name = 'NDARRAY'
    sizes = f'{_LAYOUT.size} + {_SIZE.itemsize} d + numbers'
    protocol_version = 2

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array = array

    @classmethod
    def unpack(cls, content: memoryview) -> NDArray:
        """Return the array from 2 bytes, the sizes and the numbers, which are not copied."""
        check_minimum_size('NDARRAY', content, _LAYOUT.size)
        scalar_type, dimensions = _LAYOUT.unpack_from(content)
        dtype = _DTYPES.get(scalar_type)
        if dtype is None:
            allowed = ', '.join(map(str, _DTYPES))
            raise ContentValueError(
                f'NDARRAY has scalar type {scalar_type}; {allowed} are allowed'
            )
        if dimensions > _MAX_DIMENSIONS:
            raise ContentValueError(
                f'NDARRAY has {dimensions} dimensions, {_MAX_DIMENSIONS} are allowed'
            )
        start = _LAYOUT.size + dimensions * _SIZE.itemsize
        check_minimum_size('NDARRAY', content, start)
        shape = np.frombuffer(content[_LAYOUT.size : start], _SIZE).tolist()
        size = start + math.prod(shape) * dtype.itemsize
        if len(content) != size:
            raise ContentSizeError(
                f'NDARRAY of {shape} {dtype} takes {size} bytes, got {len(content)}'
            )
        try:
            return cls(np.frombuffer(content[start:], dtype).reshape(shape))
        except (
            ValueError
        ) as error:  # a dimension of 0: numpy rejects too large a product of the others
            raise ContentValueError(f'NDARRAY of {shape}: {error}') from None

    def pack_parts(self) -> tuple[bytes, bytes, Any]:
        """Return 2 bytes, the sizes and the numbers, copied only if they are not big-endian."""
        array = self.array
        scalar_type = _SCALAR_TYPES.get(array.dtype.newbyteorder('>'))
        if scalar_type is None:
            allowed = ', '.join(str(dtype) for dtype in _SCALAR_TYPES)
            raise ValueRangeError(f'NDARRAY of {array.dtype}: {allowed} are allowed')
        if array.ndim > _MAX_DIMENSIONS or max(array.shape, default=0) > 0xFFFF:
            raise ValueRangeError(
                f'NDARRAY of {array.shape}: at most {_MAX_DIMENSIONS} dimensions of at most 65535 '
                'elements are allowed'
            )
        sizes = np.array(array.shape, _SIZE).tobytes()
        return _LAYOUT.pack(scalar_type, array.ndim), sizes, wire.big_endian(array)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NDArray):
            return NotImplemented
        return wire.same_array(self.array, other.array)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'NDArray({self.array!r})'


GetNDArray, StartNDArray, StopNDArray, NDArrayReply = companions(NDArray, Get, Start, Stop, Reply)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""IMAGE: a slice, a volume or a part of one. Source: ``image.md``, ``igtl_image.h``."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import (
    CodecError,
    ContentSizeError,
    ContentValueError,
    ValueRangeError,
)
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.messages.transform import pack_floats
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import F32, U8, U16

__all__ = [
    'CoordinateSystem',
    'Endian',
    'GetImage',
    'Image',
    'ImageReply',
    'ScalarType',
    'StartImage',
    'StopImage',
]

Indices = tuple[int, int, int]


class ScalarType(IntEnum):
    """The number format of a component of a voxel."""

    INT8 = 2
    UINT8 = 3
    INT16 = 4
    UINT16 = 5
    INT32 = 6
    UINT32 = 7
    FLOAT32 = 10
    FLOAT64 = 11


class Endian(IntEnum):
    """The byte order of the pixels, the only numbers of the protocol that may be little-endian."""

    BIG = 1
    LITTLE = 2


class CoordinateSystem(IntEnum):
    """The anatomical directions that the axes point to."""

    RAS = 1  # right, anterior, superior
    LPS = 2  # left, posterior, superior


_SCALAR_CODES = {
    ScalarType.INT8: 'i1',
    ScalarType.UINT8: 'u1',
    ScalarType.INT16: 'i2',
    ScalarType.UINT16: 'u2',
    ScalarType.INT32: 'i4',
    ScalarType.UINT32: 'u4',
    ScalarType.FLOAT32: 'f4',
    ScalarType.FLOAT64: 'f8',
}
_DTYPES = {
    (scalar, endian): np.dtype(('>' if endian is Endian.BIG else '<') + code)
    for scalar, code in _SCALAR_CODES.items()
    for endian in Endian
}
# By the three numbers on the wire, which is faster than making enumerations. With the bytes of a
# component.
_FORMATS = {
    (scalar.value, endian.value, coordinate.value): (scalar, endian, coordinate, dtype.itemsize)
    for (scalar, endian), dtype in _DTYPES.items()
    for coordinate in CoordinateSystem
}
_SCALARS = {np.dtype(code): scalar for scalar, code in _SCALAR_CODES.items()}


class _ImageHeader(NamedTuple):
    version: U16  # always 1
    components: U8  # of a voxel, interleaved
    scalar_type: U8
    endian: U8  # of the pixels
    coordinate: U8
    ri: U16  # size of the whole image
    rj: U16
    rk: U16
    tx: F32  # unit vector of the i axis times the spacing in millimetres
    ty: F32
    tz: F32
    sx: F32  # j axis
    sy: F32
    sz: F32
    nx: F32  # k axis
    ny: F32
    nz: F32
    px: F32  # centre of the whole image in millimetres
    py: F32
    pz: F32
    di: U16  # first index of the part that is sent
    dj: U16
    dk: U16
    dri: U16  # size of the part that is sent
    drj: U16
    drk: U16


_LAYOUT = wire.struct_of(_ImageHeader)


class Picture(Content):
    """
    The base of IMAGE and VIDEO: data of a part of a grid, and the pose of the grid.

    :ivar data: any contiguous bytes-like object.
    """

    __slots__ = (
        'axes',
        'coordinate',
        'data',
        'endian',
        'offset',
        'position',
        'size',
        'sub_size',
    )
    axes: tuple[float, ...]
    coordinate: CoordinateSystem
    data: Any
    endian: Endian
    offset: Indices
    position: tuple[float, ...]
    size: Indices
    sub_size: Indices

    def check_part(self, error: type[CodecError]) -> None:
        """
        Check that the part lies within the whole, and that the whole fits its fields.

        :raises error: one of them is not so.
        """
        i, j, k = self.offset
        di, dj, dk = self.sub_size
        ri, rj, rk = self.size
        if not (
            0 <= i < i + di <= ri <= 0xFFFF
            and 0 <= j < j + dj <= rj <= 0xFFFF
            and 0 <= k < k + dk <= rk <= 0xFFFF
        ):
            raise error(
                f'{self.type_name} of {self.size} has a part of {self.sub_size} at {self.offset}; '
                'sizes of 1 to 65535 and a part within the whole are allowed'
            )

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, others = memoryview(self.data).cast('B'), memoryview(other.data).cast('B')
        return self._header() == other._header() and mine == others

    __hash__ = None  # type: ignore[assignment]

    def _header(self) -> tuple[Any, ...]:
        names = (*Picture.__slots__, *self.__slots__)
        return tuple(getattr(self, name) for name in names if name != 'data')


@register
class Image(Picture):
    """
    An image of up to three dimensions, or a part of one. 72 bytes and the pixels.

    :param data: the pixels of the part, any contiguous bytes-like object: i fastest, then j, then
        k, components interleaved. A stream returns large ones as ``array.array('B')``.
    :param size: voxels of the whole image along i, j and k.
    :param scalar_type: the number format of a component.
    :param components: components of each voxel, 1 to 255.
    :param endian: byte order of the pixels.
    :param coordinate: the anatomical directions of the axes and the position.
    :param axes: i, j and k axis, each a unit vector times the spacing in millimetres.
    :param position: the centre of the whole image in millimetres, that is index (size - 1) / 2, as
        in 3D Slicer, PLUS and pyigtl; ``image.md`` only says centre.
    :param offset: first index of the part.
    :param sub_size: size of the part; None for the whole image.
    """

    __slots__ = ('components', 'scalar_type')
    type_name = 'IMAGE'
    sizes = f'{_LAYOUT.size} + pixels'
    protocol_version = 1
    bulk_offset = _LAYOUT.size

    def __init__(
        self,
        data: Any,
        size: Indices,
        scalar_type: ScalarType = ScalarType.UINT8,
        components: int = 1,
        endian: Endian = Endian.LITTLE,
        coordinate: CoordinateSystem = CoordinateSystem.RAS,
        axes: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        position: tuple[float, ...] = (0.0, 0.0, 0.0),
        offset: Indices = (0, 0, 0),
        sub_size: Indices | None = None,
    ) -> None:
        self.data = data
        self.size = size
        self.scalar_type = scalar_type
        self.components = components
        self.endian = endian
        self.coordinate = coordinate
        self.axes = axes
        self.position = position
        self.offset = offset
        self.sub_size = size if sub_size is None else sub_size

    @classmethod
    def from_pixels(
        cls,
        pixels: NDArray[Any],
        *,
        axes: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        position: tuple[float, ...] = (0.0, 0.0, 0.0),
        coordinate: CoordinateSystem = CoordinateSystem.RAS,
    ) -> Image:
        """
        Return the image with the pixels of an array, copied only if it is not contiguous.

        :param pixels: shape (k, j, i) or (k, j, i, components), in either byte order.
        :raises ValueRangeError: the array has another shape, or a dtype that IMAGE lacks.
        """
        if pixels.ndim not in (3, 4):
            raise ValueRangeError(
                f'pixels have shape {pixels.shape}; (k, j, i) or (k, j, i, components) are allowed'
            )
        scalar_type = _SCALARS.get(pixels.dtype.newbyteorder('='))
        if scalar_type is None:
            allowed = ', '.join(str(dtype) for dtype in _SCALARS)
            raise ValueRangeError(f'pixels have dtype {pixels.dtype}; {allowed} are allowed')
        endian = Endian.BIG if pixels.dtype == pixels.dtype.newbyteorder('>') else Endian.LITTLE
        if pixels.dtype.itemsize == 1:
            endian = Endian.LITTLE
        k, j, i = pixels.shape[:3]
        return cls(
            np.ascontiguousarray(pixels).reshape(-1).view(np.uint8),
            (i, j, k),
            scalar_type,
            pixels.shape[3] if pixels.ndim == 4 else 1,
            endian,
            coordinate,
            axes,
            position,
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the pixels, in their byte order."""
        return _DTYPES[ScalarType(self.scalar_type), Endian(self.endian)]

    @property
    def pixels(self) -> NDArray[Any]:
        """
        The pixels of the part, a view of :attr:`data`.

        Shape (k, j, i), or (k, j, i, components) if there are several components.
        """
        i, j, k = self.sub_size
        shape = (k, j, i) if self.components == 1 else (k, j, i, self.components)
        return np.frombuffer(self.data, self.dtype).reshape(shape)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The distance between neighbouring voxels along i, j and k in millimetres."""
        axes = self.axes
        return math.hypot(*axes[0:3]), math.hypot(*axes[3:6]), math.hypot(*axes[6:9])

    @property
    def is_whole(self) -> bool:
        """Whether the part is the whole image."""
        return self.sub_size == self.size

    def _check_size(self, item_size: int, size: int, error: type[CodecError]) -> None:
        i, j, k = self.sub_size
        expected = i * j * k * self.components * item_size
        if size != expected:
            raise error(
                f'IMAGE part of {self.sub_size}, {self.components} x {self.dtype} takes '
                f'{expected} bytes of pixels, got {size}'
            )

    @classmethod
    def unpack(cls, content: memoryview) -> Image:
        """Return the image from 72 bytes and the pixels, which are not copied."""
        check_minimum_size('IMAGE', content, _LAYOUT.size)
        return cls.unpack_parts(content[: _LAYOUT.size], content[_LAYOUT.size :])

    @classmethod
    def unpack_parts(cls, fixed: memoryview, bulk: Any) -> Image:
        """
        Return the image from 72 bytes and a buffer, which becomes :attr:`data`.

        :raises ContentValueError: a field has a value that the specification does not define, or
            the part does not lie within the image.
        :raises ContentSizeError: there are more or fewer pixels than announced.
        """
        values = _LAYOUT.unpack(fixed)
        components = values[1]
        if values[0] != 1:
            raise ContentValueError(f'IMAGE version is {values[0]}, 1 is allowed')
        if not components:
            raise ContentValueError('IMAGE has 0 components, 1 to 255 are allowed')
        scalar_type, endian, coordinate, item_size = _find_format(
            values[2], values[3], values[4], ContentValueError
        )
        self = cls(
            bulk,
            values[5:8],
            scalar_type,
            components,
            endian,
            coordinate,
            values[8:17],
            values[17:20],
            values[20:23],
            values[23:26],
        )
        self.check_part(ContentValueError)
        self._check_size(item_size, len(bulk), ContentSizeError)
        return self

    def pack_parts(self) -> tuple[Any, Any]:
        """Return 72 bytes and the buffer of the pixels."""
        data = memoryview(self.data).cast('B')
        self.check_part(ValueRangeError)
        if not 1 <= self.components <= 255:
            raise ValueRangeError(f'IMAGE has {self.components} components, 1 to 255 are allowed')
        scalar_type, endian, coordinate, item_size = _find_format(
            self.scalar_type, self.endian, self.coordinate, ValueRangeError
        )
        self._check_size(item_size, len(data), ValueRangeError)
        values = (
            1,
            self.components,
            scalar_type,
            endian,
            coordinate,
            *self.size,
            *self.axes,
            *self.position,
            *self.offset,
            *self.sub_size,
        )
        return pack_floats(_LAYOUT, 'IMAGE', values), data

    def __repr__(self) -> str:
        return (
            f'Image(size={self.size}, {self.components} x {ScalarType(self.scalar_type).name}, '
            f'offset={self.offset}, sub_size={self.sub_size})'
        )


def _find_format(
    scalar_type: int, endian: int, coordinate: int, error: type[CodecError]
) -> tuple[ScalarType, Endian, CoordinateSystem, int]:
    """
    Return the enumeration members for three numbers, and the bytes of a component.

    :raises error: the specification does not define a number.
    """
    try:
        return _FORMATS[scalar_type, endian, coordinate]
    except KeyError:
        kinds = (
            (ScalarType, scalar_type),
            (Endian, endian),
            (CoordinateSystem, coordinate),
        )
        unknown = ', '.join(
            f'{number} is not a valid {kind.__name__}'
            for kind, number in kinds
            if number not in kind._value2member_map_
        )
        raise error(f'IMAGE: {unknown}') from None


GetImage, StartImage, StopImage, ImageReply = companions(Image, Get, Start, Stop, Reply)

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
from ros2_igtl.codec.errors import ContentSizeError, ContentValueError, ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop
from ros2_igtl.codec.messages.transform import pack_floats
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import F32, U8, U16

Indices = tuple[int, int, int]


class ScalarType(IntEnum):
    """What a component of a voxel is."""

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


def is_part(offset: Indices, sub_size: Indices, size: Indices) -> bool:
    """Return whether a part lies within a whole whose sizes fit their fields."""
    return all(
        first >= 0 and part > 0 and first + part <= whole <= 0xFFFF
        for first, part, whole in zip(offset, sub_size, size, strict=True)
    )


@register
class Image(Content):
    """
    An image of up to three dimensions, or a part of one. 72 bytes and the pixels.

    :param data: the pixels of the part, any contiguous bytes-like object: i fastest, then j, then
        k, components interleaved. One that came through a connection is an ``array.array('B')``.
    :param size: voxels of the whole image along i, j and k.
    :param scalar_type: what a component is.
    :param components: numbers a voxel, 1 to 255.
    :param endian: byte order of the pixels.
    :param coordinate: what the axes and the position are measured in.
    :param axes: i, j and k axis, each a unit vector times the spacing in millimetres.
    :param position: the centre of the whole image in millimetres. ``image.md`` says centre;
        3D Slicer, PLUS and pyigtl take it as index (size - 1) / 2, and so is it meant here.
    :param offset: first index of the part.
    :param sub_size: size of the part; None for the whole image.
    """

    __slots__ = (
        'axes',
        'components',
        'coordinate',
        'data',
        'endian',
        'offset',
        'position',
        'scalar_type',
        'size',
        'sub_size',
    )
    type_name = 'IMAGE'
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
        Return the image of an array, which is copied only where it is not contiguous.

        :param pixels: shape (k, j, i) or (k, j, i, components), in either byte order.
        :raises ValueRangeError: another shape, or a dtype that IMAGE does not have.
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
        """The dtype of the pixels, in the byte order that they have."""
        return _DTYPES[ScalarType(self.scalar_type), Endian(self.endian)]

    @property
    def pixels(self) -> NDArray[Any]:
        """
        The pixels of the part, a view of :attr:`data`.

        Shape (k, j, i), or (k, j, i, components) where there are several.
        """
        i, j, k = self.sub_size
        shape = (k, j, i) if self.components == 1 else (k, j, i, self.components)
        return np.frombuffer(self.data, self.dtype).reshape(shape)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The distance of neighbouring voxels along i, j and k in millimetres."""
        axes = self.axes
        return math.hypot(*axes[0:3]), math.hypot(*axes[3:6]), math.hypot(*axes[6:9])

    @property
    def is_whole(self) -> bool:
        """Whether the part is the whole image."""
        return self.sub_size == self.size

    def _byte_count(self) -> int:
        return math.prod(self.sub_size) * self.components * self.dtype.itemsize

    @classmethod
    def unpack(cls, content: memoryview) -> Image:
        """Return the image of 72 bytes and the pixels, which are not copied."""
        check_minimum_size('IMAGE', content, _LAYOUT.size)
        return cls.unpack_parts(content[: _LAYOUT.size], content[_LAYOUT.size :])

    @classmethod
    def unpack_parts(cls, fixed: memoryview, bulk: Any) -> Image:
        """
        Return the image of its 72 bytes and a buffer that is kept as :attr:`data`.

        :raises ContentValueError: a field has a value that the specification does not know, or
            the part does not lie within the image.
        :raises ContentSizeError: there are more or fewer pixels than announced.
        """
        values = _LAYOUT.unpack(fixed)
        version, components, scalar_type, endian, coordinate = values[:5]
        if version != 1:
            raise ContentValueError(f'IMAGE version is {version}, 1 is allowed')
        if not components:
            raise ContentValueError('IMAGE has 0 components, 1 to 255 are allowed')
        try:
            self = cls(
                bulk,
                values[5:8],
                ScalarType(scalar_type),
                components,
                Endian(endian),
                CoordinateSystem(coordinate),
                values[8:17],
                values[17:20],
                values[20:23],
                values[23:26],
            )
        except ValueError as error:
            raise ContentValueError(f'IMAGE: {error}') from None
        if not is_part(self.offset, self.sub_size, self.size):
            raise ContentValueError(
                f'IMAGE of {self.size} has a part of {self.sub_size} at {self.offset}'
            )
        if len(bulk) != self._byte_count():
            raise ContentSizeError(
                f'IMAGE part of {self.sub_size}, {components} x {self.dtype} takes '
                f'{self._byte_count()} bytes of pixels, got {len(bulk)}'
            )
        return self

    def pack_parts(self) -> tuple[Any, Any]:
        """Return 72 bytes and the pixels' own buffer."""
        data = memoryview(self.data).cast('B')
        if not is_part(self.offset, self.sub_size, self.size):
            raise ValueRangeError(
                f'IMAGE of {self.size} has a part of {self.sub_size} at {self.offset}; '
                'sizes of 1 to 65535 and a part within the whole are allowed'
            )
        if not 1 <= self.components <= 255:
            raise ValueRangeError(f'IMAGE has {self.components} components, 1 to 255 are allowed')
        if len(data) != self._byte_count():
            raise ValueRangeError(
                f'IMAGE part of {self.sub_size}, {self.components} x {self.dtype} takes '
                f'{self._byte_count()} bytes of pixels, got {len(data)}'
            )
        values = (
            1,
            self.components,
            ScalarType(self.scalar_type),
            Endian(self.endian),
            CoordinateSystem(self.coordinate),
            *self.size,
            *self.axes,
            *self.position,
            *self.offset,
            *self.sub_size,
        )
        return pack_floats(_LAYOUT, 'IMAGE', values), data

    def _header(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__ if name != 'data')

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return self._header() == other._header() and memoryview(self.data).cast('B') == memoryview(
            other.data
        ).cast('B')

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f'Image(size={self.size}, {self.components} x {ScalarType(self.scalar_type).name}, '
            f'offset={self.offset}, sub_size={self.sub_size})'
        )


@register
class GetImage(Get):
    """GET_IMAGE: asks for an image. Empty."""

    __slots__ = ()
    type_name = 'GET_IMAGE'
    subject = 'IMAGE'


@register
class StartImage(Start):
    """STT_IMAGE: asks for a stream of images. Empty."""

    __slots__ = ()
    type_name = 'STT_IMAGE'
    subject = 'IMAGE'


@register
class StopImage(Stop):
    """STP_IMAGE: asks for no more images. Empty."""

    __slots__ = ()
    type_name = 'STP_IMAGE'
    subject = 'IMAGE'


@register
class ImageReply(Reply):
    """RTS_IMAGE: answers GET_IMAGE, STT_IMAGE and STP_IMAGE. 1 byte."""

    __slots__ = ()
    type_name = 'RTS_IMAGE'
    subject = 'IMAGE'

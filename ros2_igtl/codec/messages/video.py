# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
VIDEO: frames of an encoded video; VIDEOMETA: a list of the videos that a peer offers.

Source: ``igtl_video.h``, ``igtl_videometa.h``. ``video.md`` has COORD as three bytes and SIZE as
one number, which no program sends. This module does not decode the video.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentValueError, ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.messages.elements import ElementList
from ros2_igtl.codec.messages.image import CoordinateSystem, Endian, Indices, Picture
from ros2_igtl.codec.messages.transform import pack_floats
from ros2_igtl.codec.registry import check_minimum_size, check_size, register
from ros2_igtl.codec.wire import (
    F32,
    F64,
    I16,
    U8,
    U16,
    U32,
    Buffer,
    Char4,
    Char64,
    F32x3,
    F32x3x3,
    U16x3,
)

__all__ = [
    'FrameType',
    'GetVideo',
    'GetVideoMeta',
    'StartVideo',
    'StopVideo',
    'Video',
    'VideoMeta',
    'VideoMetaReply',
    'VideoReply',
]


class FrameType(IntEnum):
    """The dependence of a frame on others."""

    INVALID = 0
    KEY = 1
    INTRA = 2
    INTER = 3  # needs the frames before it
    SKIP = 4
    UNKNOWN = 5  # the VP9 encoder of the reference sends KEY or this


class _VideoHeader(NamedTuple):
    version: U16  # always 1
    endian: U8
    fourcc: Char4  # the video codec: I420, H264, VP90, X265, O265, AV10
    frame_type: U16  # in the upper byte if the frame is greyscale
    coordinate: U8
    ri: U16  # size of the whole frame
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
    px: F32  # centre of the frame in millimetres
    py: F32
    pz: F32
    di: U16  # first index of the part that is sent
    dj: U16
    dk: U16
    dri: U16  # size of the part that is sent
    drj: U16
    drk: U16


_LAYOUT = wire.struct_of(_VideoHeader)


@register
class Video(Picture):
    """
    A frame of a video, encoded. 76 bytes and the bit stream.

    :param data: the bit stream, any contiguous bytes-like object. A stream returns large ones as
        ``array.array('B')``.
    :param size: pixels of the whole frame along i, j and k.
    :param fourcc: the video codec, any four characters.
    :param frame_type: a frame of type INTER cannot be shown without the frames before it.
    :param is_grayscale: whether the frame has no colour.
    :param endian: byte order of the pixels.
    :param coordinate: the anatomical directions of the axes and the position.
    :param axes: i, j and k axis, each a unit vector times the spacing in millimetres.
    :param position: the centre of the frame in millimetres, as in IMAGE.
    :param offset: first index of the part.
    :param sub_size: size of the part; None for the whole frame.
    """

    __slots__ = ('fourcc', 'frame_type', 'is_grayscale')
    type_name = 'VIDEO'
    sizes = f'{_LAYOUT.size} + bit stream'
    protocol_version = 3
    bulk_offset = _LAYOUT.size

    def __init__(
        self,
        data: Any,
        size: Indices,
        fourcc: str = 'H264',
        frame_type: FrameType = FrameType.UNKNOWN,
        is_grayscale: bool = False,
        endian: Endian = Endian.LITTLE,
        coordinate: CoordinateSystem = CoordinateSystem.RAS,
        axes: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        position: tuple[float, ...] = (0.0, 0.0, 0.0),
        offset: Indices = (0, 0, 0),
        sub_size: Indices | None = None,
    ) -> None:
        self.data = data
        self.size = size
        self.fourcc = fourcc
        self.frame_type = frame_type
        self.is_grayscale = is_grayscale
        self.endian = endian
        self.coordinate = coordinate
        self.axes = axes
        self.position = position
        self.offset = offset
        self.sub_size = size if sub_size is None else sub_size

    @classmethod
    def unpack(cls, content: memoryview) -> Video:
        """Return the frame from 76 bytes and the bit stream, which is not copied."""
        check_minimum_size('VIDEO', content, _LAYOUT.size)
        return cls.unpack_parts(content[: _LAYOUT.size], content[_LAYOUT.size :])

    @classmethod
    def unpack_parts(cls, fixed: memoryview, bulk: Any) -> Video:
        """
        Return the frame from 76 bytes and a buffer, which becomes :attr:`data`.

        :raises ContentValueError: a field has a value that the specification does not define, or
            the part does not lie within the frame.
        """
        values = _LAYOUT.unpack(fixed)
        version, endian, fourcc, frame_type, coordinate = values[:5]
        if version != 1:
            raise ContentValueError(f'VIDEO version is {version}, 1 is allowed')
        is_grayscale = frame_type > 0xFF
        if is_grayscale and not frame_type & 0xFF:
            frame_type >>= 8
        try:
            self = cls(
                bulk,
                values[5:8],
                fourcc.decode('latin-1'),
                FrameType(frame_type),
                is_grayscale,
                Endian(endian),
                CoordinateSystem(coordinate),
                values[8:17],
                values[17:20],
                values[20:23],
                values[23:26],
            )
        except ValueError as error:
            raise ContentValueError(f'VIDEO: {error}') from None
        self.check_part(ContentValueError)
        return self

    def pack_parts(self) -> tuple[Any, Any]:
        """Return 76 bytes and the buffer of the bit stream."""
        self.check_part(ValueRangeError)
        frame_type = FrameType(self.frame_type)
        if self.is_grayscale and frame_type is FrameType.INVALID:
            raise ValueRangeError(
                'VIDEO frame of type INVALID is greyscale; only colour is allowed for it'
            )
        values = (
            1,
            Endian(self.endian),
            pack_fourcc(self.fourcc),
            frame_type << 8 if self.is_grayscale else frame_type,
            CoordinateSystem(self.coordinate),
            *self.size,
            *self.axes,
            *self.position,
            *self.offset,
            *self.sub_size,
        )
        return pack_floats(_LAYOUT, 'VIDEO', values), memoryview(self.data).cast('B')

    def __repr__(self) -> str:
        return (
            f'Video(size={self.size}, {self.fourcc!r}, {FrameType(self.frame_type).name}, '
            f'{memoryview(self.data).nbytes} bytes)'
        )


def pack_fourcc(fourcc: str) -> bytes:
    """
    Return the four bytes of a video codec's name.

    :raises ValueRangeError: the name does not have four bytes.
    """
    try:
        data = fourcc.encode('latin-1')
    except UnicodeEncodeError:
        data = b''
    if len(data) != 4:
        raise ValueRangeError(f'fourcc {fourcc!r}: four characters of Latin-1 are allowed')
    return data


class _StartVideo(NamedTuple):
    fourcc: Char4
    interval: U32  # milliseconds
    unused: U8  # igtl_video.h declares 9 bytes for a structure of 8


_START = wire.struct_of(_StartVideo)


@register
@dataclass(slots=True)
class StartVideo(Start):
    """
    STT_VIDEO: asks for a video stream. 9 bytes, the last of them unused; 8 are read as well.

    :ivar fourcc: the video codec to use.
    :ivar interval: smallest time between two frames in milliseconds; 0 for all frames.
    """

    type_name = 'STT_VIDEO'
    sizes = str(_START.size)
    subject = 'VIDEO'

    fourcc: str = 'VP90'
    interval: int = 50

    @classmethod
    def unpack(cls, content: Buffer) -> StartVideo:
        """Return the query from 9 or 8 bytes."""
        if len(content) != _START.size - 1:
            check_size('STT_VIDEO', content, _START.size)
        fourcc, interval, _ = _START.unpack(bytes(content).ljust(_START.size, b'\0'))
        return cls(fourcc.decode('latin-1'), interval)

    def pack_parts(self) -> tuple[bytes]:
        """Return 9 bytes."""
        if not 0 <= self.interval < 2**32:
            raise ValueRangeError(f'interval {self.interval} ms: 0 to 2**32 - 1 are allowed')
        return (_START.pack(pack_fourcc(self.fourcc), self.interval, 0),)


GetVideo, StopVideo, VideoReply = companions(Video, Get, Stop, Reply)


class _VideoMetaElement(NamedTuple):
    name: Char64  # or description
    device_name: Char64  # for queries of VIDEO and COLORT; a header has only 20 bytes for it
    patient_name: Char64
    patient_id: Char64
    zoom_level: I16
    focal_length: F64  # millimetres
    size: U16x3  # pixels along i, j and k
    axes: F32x3x3  # i, j and k axis, unit vectors times the spacing in millimetres
    position: F32x3  # centre of the frame in millimetres
    scalar_type: U8  # as in IMAGE
    reserved: U8  # 0


@register
class VideoMeta(ElementList):
    """
    A list of videos, a structured array that views the received bytes. 322 bytes each.

    :ivar videos: shape (n,), dtype :attr:`dtype`: name, device_name, patient_name, patient_id
        (bytes), zoom_level (i2), focal_length (f8, millimetres), size (3 of u2: i, j, k), axes
        (shape (3, 3): [axis][xyz], f4, millimetres), position (3 of f4, millimetres),
        scalar_type (u1, a ``ScalarType``), reserved (u1).
    """

    __slots__ = ()
    type_name = 'VIDEOMETA'
    dtype: ClassVar[np.dtype[Any]] = wire.dtype_of(_VideoMetaElement)
    sizes = f'{dtype.itemsize} n'
    protocol_version = 3

    @property
    def videos(self) -> NDArray[Any]:
        """The elements."""
        return self.elements

    @classmethod
    def from_videos(cls, videos: Iterable[Mapping[str, Any]]) -> VideoMeta:
        """
        Return a list of videos given by field name; missing fields become empty or zero.

        :raises NameTooLongError: a name fills its field (63 bytes are allowed).
        :raises ValueRangeError: a field is unknown or its value does not fit.
        """
        return cls(cls.array_of(videos))


GetVideoMeta, VideoMetaReply = companions(VideoMeta, Get, Reply, name='VMETA')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
IMGMETA and LBMETA: what images and labels a peer can be asked for.

Source: ``imagemeta.md``, ``labelmeta.md``, ``igtl_imgmeta.h``, ``igtl_lbmeta.h``.

The reference receiver counts their elements from the whole body of header version 2
(``igtlImageMetaMessage.cxx``): beside much metadata it sees elements that are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.messages.companions import Get, Reply, companions
from ros2_igtl.codec.messages.elements import ElementList
from ros2_igtl.codec.registry import register
from ros2_igtl.codec.wire import U8, U64, Char20, Char32, Char64, U8x4, U16x3

__all__ = [
    'GetImageMeta',
    'GetLabelMeta',
    'ImageMeta',
    'ImageMetaReply',
    'LabelMeta',
    'LabelMetaReply',
]


class _ImageMetaElement(NamedTuple):
    name: Char64  # or description
    device_name: Char20  # to ask for IMAGE and COLORT with; the documents call it ID
    modality: Char32
    patient_name: Char64
    patient_id: Char64
    timestamp: U64  # of the scan: raw 32.32 word
    size: U16x3  # voxels along i, j and k
    scalar_type: U8  # as in IMAGE
    reserved: U8  # 0


@register
class ImageMeta(ElementList):
    """
    A list of images, a structured array that views the received bytes. 260 bytes each.

    :ivar images: shape (n,), dtype :attr:`dtype`: name, device_name, modality, patient_name,
        patient_id (bytes), timestamp (u8, the raw 32.32 word), size (3 of u2: i, j, k),
        scalar_type (u1, a ``ScalarType``), reserved (u1).
    """

    __slots__ = ()
    type_name = 'IMGMETA'
    dtype: ClassVar[np.dtype[Any]] = wire.dtype_of(_ImageMetaElement)
    sizes = f'{dtype.itemsize} n'
    protocol_version = 2

    @property
    def images(self) -> NDArray[Any]:
        """The elements."""
        return self.elements

    @classmethod
    def from_images(cls, images: Iterable[Mapping[str, Any]]) -> ImageMeta:
        """
        Return the list of images given by field name; what is missing is empty or zero.

        :raises NameTooLongError: a name fills its field (63, 19, 31 bytes are allowed).
        :raises ValueRangeError: a field is unknown or its value does not fit.
        """
        return cls(cls.array_of(images))


GetImageMeta, ImageMetaReply = companions(ImageMeta, Get, Reply)


class _LabelMetaElement(NamedTuple):
    name: Char64  # or description
    device_name: Char20  # to ask for the IMAGE with, which may hold several labels; called ID
    label: U8  # value of its voxels, 0 if unused
    reserved: U8  # 0
    rgba: U8x4  # 0 0 0 0 if there is no colour
    size: U16x3  # voxels along i, j and k of its bounding box
    owner: Char20  # device name of the image it belongs to


@register
class LabelMeta(ElementList):
    """
    A list of labels, a structured array that views the received bytes. 116 bytes each.

    :ivar labels: shape (n,), dtype :attr:`dtype`: name, device_name (bytes), label (u1), reserved
        (u1), rgba (4 of u1), size (3 of u2: i, j, k), owner (bytes).
    """

    __slots__ = ()
    type_name = 'LBMETA'
    dtype: ClassVar[np.dtype[Any]] = wire.dtype_of(_LabelMetaElement)
    sizes = f'{dtype.itemsize} n'
    protocol_version = 2

    @property
    def labels(self) -> NDArray[Any]:
        """The elements."""
        return self.elements

    @classmethod
    def from_labels(cls, labels: Iterable[Mapping[str, Any]]) -> LabelMeta:
        """
        Return the list of labels given by field name; what is missing is empty or zero.

        :raises NameTooLongError: a name fills its field (63, 19 bytes are allowed).
        :raises ValueRangeError: a field is unknown or its value does not fit.
        """
        return cls(cls.array_of(labels))


GetLabelMeta, LabelMetaReply = companions(LabelMeta, Get, Reply)

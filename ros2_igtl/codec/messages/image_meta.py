# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
IMGMETA and LBMETA: lists of the images and labels that a peer offers.

Source: ``imagemeta.md``, ``labelmeta.md``, ``igtl_imgmeta.h``, ``igtl_lbmeta.h``.

In header version 2 the reference receiver computes the number of elements from the size of the
whole body (``igtlImageMetaMessage.cxx``), so with large metadata it reads elements that do not
exist.
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
    device_name: Char20  # for queries of IMAGE and COLORT; the documents call it ID
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
        Return a list of images given by field name; missing fields become empty or zero.

        :raises NameTooLongError: a name fills its field (63, 19, 31 bytes are allowed).
        :raises ValueRangeError: a field is unknown or its value does not fit.
        """
        return cls(cls.array_of(images))


GetImageMeta, ImageMetaReply = companions(ImageMeta, Get, Reply)


class _LabelMetaElement(NamedTuple):
    name: Char64  # or description
    device_name: Char20  # for queries of the IMAGE, which may contain several labels; called ID
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
        Return a list of labels given by field name; missing fields become empty or zero.

        :raises NameTooLongError: a name fills its field (63, 19 bytes are allowed).
        :raises ValueRangeError: a field is unknown or its value does not fit.
        """
        return cls(cls.array_of(labels))


GetLabelMeta, LabelMetaReply = companions(LabelMeta, Get, Reply)

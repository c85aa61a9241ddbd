# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Assembles whole images from the parts of an IMAGE (sub-volumes); this module makes no ROS message.

The protocol does not mark the last part (``image.md``): an image is complete when all of its
voxels have arrived. A scanner that streams sends the same parts again for the next image, so a
part that arrives a second time begins a new image, and the incomplete one is discarded.
"""

from __future__ import annotations

import math
from mmap import mmap
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec
from ros2_igtl.convert.errors import ConvertError

_PART_SIZE = 400  # bytes needed to remember one received part

Box: TypeAlias = tuple[tuple[int, int, int], tuple[int, int, int]]  # offset, size


class VolumeAssembler:
    """
    Assembles the images of one peer from their parts; only one thread may use it.

    :param max_bytes: limit of all incomplete images together: their voxels, one more byte for each
        voxel, and 400 for each part. The image that has waited longest for a part is discarded.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0
        """Bytes of all incomplete images after the last part; other threads may read it."""
        self._incomplete: dict[str, _Incomplete] = {}  # by device name, the most recent part last

    def add(self, device_name: str, part: codec.Image) -> codec.Image | None:
        """
        Add a part to the image of a device; return the image if that completes it.

        A whole image is returned as it is. A whole image, a part that differs in any field but
        offset, size and voxels, and a part that has already arrived discard the incomplete image.
        Where parts overlap, the later one counts.

        :param part: within its image, as the codec returns it.
        :returns: the whole image, with the fields of its parts, in a buffer of its own.
        :raises ConvertError: ``volume_too_large``: the image alone is over the limit.
        """
        try:
            return self._add(device_name, part)
        finally:
            self.held_bytes = self._count()

    def _add(self, device_name: str, part: codec.Image) -> codec.Image | None:
        image = self._incomplete.pop(device_name, None)
        if part.is_whole:
            return part
        if image is not None and not image.takes(part):
            image = None
        self._make_room((_size_of(part) if image is None else image.size) + _PART_SIZE)
        if image is None:
            image = _Incomplete(part)
        self._incomplete[device_name] = image
        if not image.paste(part):
            return None
        del self._incomplete[device_name]
        return image.whole()

    def _make_room(self, size: int) -> None:
        if size > self.max_bytes:
            raise ConvertError(
                'volume_too_large',
                f'a volume sent in parts takes {size} bytes; {self.max_bytes} are allowed',
            )
        while self._count() + size > self.max_bytes:
            del self._incomplete[next(iter(self._incomplete))]

    def _count(self) -> int:
        return sum(image.size for image in self._incomplete.values())


class _Incomplete:
    """An image of which some voxels are missing."""

    def __init__(self, part: codec.Image) -> None:
        """Begin the image of a part, without pasting the part."""
        self._header = _header(part)
        self._parts: set[Box] = set()
        self._size = _size_of(part)
        self._missing = math.prod(part.size)
        i, j, k = part.size
        self._pixels = _zeros(self._size - self._missing).reshape(k, j, i, -1)
        self._has_come = _zeros(self._missing).view(bool).reshape(k, j, i)

    @property
    def size(self) -> int:
        """Memory of this image, in bytes."""
        return self._size + len(self._parts) * _PART_SIZE

    def takes(self, part: codec.Image) -> bool:
        """Return whether a part belongs to this image and has not arrived yet."""
        return _header(part) == self._header and _box(part) not in self._parts

    def paste(self, part: codec.Image) -> bool:
        """Paste a part; return whether the image is complete."""
        i, j, k = part.offset
        di, dj, dk = part.sub_size
        box = (slice(k, k + dk), slice(j, j + dj), slice(i, i + di))
        pixels = np.frombuffer(part.data, np.uint8)
        self._pixels[box] = pixels.reshape(dk, dj, di, -1)
        has_come = self._has_come[box]
        self._missing -= has_come.size - np.count_nonzero(has_come)
        has_come[...] = True
        self._parts.add(_box(part))
        return self._missing == 0

    def whole(self) -> codec.Image:
        """Return the image."""
        return codec.Image(self._pixels.reshape(-1), *self._header)


def _size_of(part: codec.Image) -> int:
    """Return the bytes of the whole image, with one more for each voxel."""
    return math.prod(part.size) * (part.components * part.dtype.itemsize + 1)


def _zeros(size: int) -> NDArray[np.uint8]:
    """
    Return zeros that take neither memory nor time until they are written to.

    A part may announce a huge image. ``np.zeros`` would clear memory at once if malloc reuses it.
    """
    return np.frombuffer(mmap(-1, size), np.uint8)


def _box(part: codec.Image) -> Box:
    return part.offset, part.sub_size


def _header(image: codec.Image) -> tuple[Any, ...]:
    """Return the fields that all parts of an image share, in the order of the class."""
    return (
        image.size,
        image.scalar_type,
        image.components,
        image.endian,
        image.coordinate,
        image.axes,
        image.position,
    )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Assembles whole images from the parts of an IMAGE (sub-volumes); this module makes no ROS message.

The protocol does not mark the last part (``image.md``): an image is complete when all of its
voxels have arrived. A scanner that streams sends the same parts again for the next image, so a
part that arrives a second time begins a new image, and the incomplete one is discarded.

Memory follows what has arrived and not what is announced. A part whose voxels are contiguous in
the image, such as a slice, is pasted at once. Each voxel of a column would occupy a page of its
own, so parts of short runs are kept as they are until half of the image has arrived.
"""

from __future__ import annotations

import math
import mmap
from collections import deque
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec
from ros2_igtl.convert.errors import ConvertError

PART_BYTES = 600  # needed to remember one received part, and to keep it
PAGE = mmap.PAGESIZE
MIN_RUN_BYTES = 4096  # a run of this length occupies at most four pages: pixels, has_come
STEP_VOXELS = 65536  # numpy keeps other threads waiting while it counts those of a long part

Box: TypeAlias = tuple[tuple[int, int, int], tuple[int, int, int]]  # offset, size


class VolumeAssembler:
    """
    Assembles the images of one peer from their parts; only one thread may use it.

    Incomplete images occupy at most five times the bytes that have arrived, and 600 for each part.
    Adding a part takes a time in proportion to its voxels.

    :param max_bytes: limit of a whole image: its voxels, one more byte for each voxel, and 600 for
        each part; and of the memory of all incomplete images together. The image that has waited
        longest for a part is discarded.
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
        if image is None or not image.takes(part):
            image = _Incomplete(part)
        if image.whole_size + PART_BYTES > self.max_bytes:
            raise ConvertError(
                'volume_too_large',
                f'a volume sent in parts takes {image.whole_size + PART_BYTES} bytes; '
                f'{self.max_bytes} are allowed',
            )
        if image.paste(part):
            return image.whole()
        self._incomplete[device_name] = image
        while len(self._incomplete) > 1 and self._count() > self.max_bytes:
            del self._incomplete[next(iter(self._incomplete))]
        return None

    def _count(self) -> int:
        return sum(image.size for image in self._incomplete.values())


class _Incomplete:
    """
    An image of which some voxels are missing.

    Once half of the voxels have arrived, each part pastes twice as many of the kept ones, so that
    none is left when the last voxel arrives, and no part has to paste them all.
    """

    _pixels: NDArray[np.uint8]  # both from the first pasted part on
    _has_come: NDArray[np.bool_]

    def __init__(self, part: codec.Image) -> None:
        """Begin the image of a part, without adding the part."""
        self._header = _header(part)
        self._voxels = self._missing = math.prod(part.size)
        self._voxel_bytes = part.components * part.dtype.itemsize
        self._parts: set[Box] = set()
        self._arrived = 0  # voxels; where parts overlap, of each of them
        self._kept: deque[tuple[Box, bytes]] = deque()
        self._kept_bytes = 0
        self._pasted_bytes = 0  # memory that pasted parts occupy, at most

    @property
    def whole_size(self) -> int:
        """Memory of the image when its last voxel arrives, in bytes."""
        return self._whole_bytes + len(self._parts) * PART_BYTES

    @property
    def size(self) -> int:
        """Memory of this image now, in bytes."""
        return self._pasted_bytes + self._kept_bytes + len(self._parts) * PART_BYTES

    @property
    def _whole_bytes(self) -> int:
        return self._voxels * (self._voxel_bytes + 1)

    def takes(self, part: codec.Image) -> bool:
        """Return whether a part belongs to this image and has not arrived yet."""
        return _header(part) == self._header and _box(part) not in self._parts

    def paste(self, part: codec.Image) -> bool:
        """Paste or keep a part; return whether the image is complete."""
        box = _box(part)
        self._parts.add(box)
        voxels = math.prod(part.sub_size)
        self._arrived += voxels
        if not self._kept and self._run_of(part.sub_size) * self._voxel_bytes >= MIN_RUN_BYTES:
            self._paste(box, part.data)
        else:  # after kept ones, since the later part counts
            self._kept.append((box, bytes(part.data)))  # a copy, which frees a larger message
            self._kept_bytes += len(part.data)
        if self._arrived * 2 >= self._voxels:
            pasted = 0
            while self._kept and pasted < 2 * voxels:
                kept, data = self._kept.popleft()
                self._kept_bytes -= len(data)
                self._paste(kept, data)
                pasted += math.prod(kept[1])
        return self._missing == 0 and not self._kept

    def whole(self) -> codec.Image:
        """Return the image."""
        return codec.Image(self._pixels.reshape(-1), *self._header)

    def _run_of(self, sub_size: tuple[int, int, int]) -> int:
        """Return how many voxels of a part are contiguous in the image."""
        (i, j, _), (di, dj, dk) = self._header[0], sub_size
        return di if di < i else di * dj if dj < j else di * dj * dk

    def _paste(self, box: Box, data: Any) -> None:
        """Paste the data of a part."""
        if not self._pasted_bytes:
            i, j, k = self._header[0]
            pixels = _zeros(self._voxels * self._voxel_bytes)
            self._pixels = pixels.reshape(k, j, i, self._voxel_bytes)
            self._has_come = _zeros(self._voxels).view(bool).reshape(k, j, i)
        (i, j, k), (di, dj, dk) = box
        where = (slice(k, k + dk), slice(j, j + dj), slice(i, i + di))
        source = np.frombuffer(data, np.uint8).reshape(dk, dj, di, -1)
        target, has_come = self._pixels[where], self._has_come[where]
        step = max(1, STEP_VOXELS // (di * dj))
        for first in range(0, dk, step):
            some = slice(first, first + step)
            target[some] = source[some]
            self._missing -= has_come[some].size - np.count_nonzero(has_come[some])
            has_come[some] = True
        run = self._run_of(box[1])
        occupied = has_come.size // run * (run * (self._voxel_bytes + 1) + 2 * PAGE)
        self._pasted_bytes = min(self._pasted_bytes + occupied, self._whole_bytes)


def _zeros(size: int) -> NDArray[np.uint8]:
    """
    Return zeros that take neither memory nor time until they are written to.

    A part may announce a huge image. ``np.zeros`` would clear memory at once if malloc reuses it,
    and a huge page would take 2 MB for a part of 4 KB.
    """
    memory = mmap.mmap(-1, size)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)


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

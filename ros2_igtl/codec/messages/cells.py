# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The cells of a POLYDATA: lists of indices of points.

Source: ``polydata.md`` (STRUCT_ARRAY). Everything works on whole arrays, not cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ValueRangeError

__all__ = ['Cells']

WORD = np.dtype('>u4')
_BLOCK = 16384  # words processed together; their tables fit the processor's cache


class Cells:
    """
    Cells in their wire format: for each cell the number of its points, then their indices.

    :param words: shape (n,), dtype big-endian u4. Do not change them afterwards, since values
        derived from them are cached; :attr:`words` is a read-only view.
    :raises ValueRangeError: the last cell announces more points than follow, or the array has
        another shape or dtype.
    """

    __slots__ = ('_largest', '_starts', '_step', 'words')

    def __init__(self, words: NDArray[Any]) -> None:
        if words.dtype != WORD or words.ndim != 1:
            raise ValueRangeError(
                f'cells take words of shape (n,) and dtype {WORD}, '
                f'got {words.shape} and {words.dtype}'
            )
        self.words = words[:]
        self.words.flags.writeable = False
        self._largest: int | None = None  # word
        self._step = int(words[0]) + 1 if len(words) else 1  # 0 if the cells differ in size
        self._starts: NDArray[np.intp] | None = None
        step = self._step
        if len(words) % step or not np.all(words[::step] == step - 1):
            self._step = 0
            self._starts = _find_starts(words)

    @classmethod
    def from_rows(cls, rows: NDArray[Any] | Sequence[Sequence[int] | NDArray[Any]]) -> Cells:
        """
        Return cells with these indices of points.

        :param rows: shape (n, k), or n rows of different lengths.
        :raises ValueRangeError: an index is not a whole number from 0 to 2**32 - 1.
        """
        if isinstance(rows, np.ndarray) and rows.ndim == 2:
            words = np.full((len(rows), rows.shape[1] + 1), rows.shape[1], WORD)
            words[:, 1:] = _indices(rows)
            return cls(words.reshape(-1))
        counts = np.array([len(row) for row in rows], np.int64)
        starts = np.cumsum(counts + 1) - (counts + 1)
        words = np.zeros(len(counts) + int(counts.sum()), WORD)
        is_index = np.ones(len(words), bool)
        is_index[starts] = False
        words[starts] = counts
        filled = [np.zeros(0, np.int64), *(row for row in rows if len(row))]
        words[is_index] = _indices(np.concatenate(filled))
        return cls(words)

    @property
    def starts(self) -> NDArray[np.intp]:
        """The index in :attr:`words` at which each cell begins, shape (n,)."""
        if self._starts is None:
            self._starts = np.arange(0, len(self.words), self._step)
        return self._starts

    @property
    def counts(self) -> NDArray[Any]:
        """The number of points of each cell, shape (n,)."""
        return self.words[self.starts]

    @property
    def indices(self) -> NDArray[Any]:
        """The concatenated indices of all cells, shape (sum of :attr:`counts`,)."""
        if self._step:
            return self.words.reshape(-1, self._step)[:, 1:].reshape(-1)
        is_index = np.ones(len(self.words), bool)
        is_index[self.starts] = False
        return self.words[is_index]

    @property
    def uniform(self) -> NDArray[Any] | None:
        """A view of the indices, shape (n, k), if all cells have k points; otherwise None."""
        return self.words.reshape(-1, self._step)[:, 1:] if self._step else None

    def rows(self) -> list[NDArray[Any]]:
        """Return the indices of each cell."""
        return np.split(self.indices, np.cumsum(self.counts)[:-1]) if len(self) else []

    def within(self, points: int) -> bool:
        """Return whether all indices are below a number of points."""
        if self._largest is None:
            self._largest = int(self.words.max(initial=0))
        if (
            len(self.words) == 0 or self._largest < points
        ):  # _largest includes the counts, which are mostly small
            return True
        indices = self.indices
        return not len(indices) or int(indices.max()) < points

    def __len__(self) -> int:
        return len(self.words) // self._step if self._step else len(self.starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells):
            return NotImplemented
        return wire.same_array(self.words, other.words)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'Cells({len(self)} cells, {len(self.words)} words)'


def _indices(values: NDArray[Any]) -> NDArray[Any]:
    """
    Return the indices, which must fit a word.

    :raises ValueRangeError: one does not.
    """
    fits = values.size == 0 or (
        values.dtype.kind in 'iu' and int(values.min()) >= 0 and int(values.max()) < 2**32
    )
    if not fits:
        raise ValueRangeError('cells take whole numbers from 0 to 2**32 - 1 as indices')
    return values


def _find_starts(words: NDArray[Any]) -> NDArray[np.intp]:
    """
    Return the starts of consecutive cells.

    This works in blocks. If a cell started at word i, the next one would start at ``jump[i]``.
    Pointer doubling: the starts of the first 2**k cells, and ``jump`` applied 2**k times, give the
    starts of the first 2**(k + 1) cells.

    :raises ValueRangeError: the last cell reaches beyond the end.
    """
    found: list[NDArray[np.intp]] = []
    first = 0
    while first < len(words):
        block = words[first : first + _BLOCK]
        size = len(block)
        jump = np.full(size + 1, size, np.intp)  # the end of the block leads to itself
        np.minimum(np.arange(1, size + 1) + block, size, out=jump[:size])
        starts = np.zeros(1, np.intp)
        while starts[-1] < size:
            starts = np.concatenate((starts, jump[starts]))
            jump = jump[jump]
        starts = starts[starts < size]
        found.append(starts + first)
        last = int(starts[-1])
        first += last + 1 + int(block[last])
    if first > len(words):
        raise ValueRangeError(f'cells take {first} words or more, got {len(words)}')
    return np.concatenate(found)

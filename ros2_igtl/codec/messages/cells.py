# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The cells of a POLYDATA, each a list of indices of points; no points in here.

Source: ``polydata.md`` (STRUCT_ARRAY). Nothing is done cell by cell.
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
_BLOCK = 16384  # words that are looked at together; their tables stay in the processor's cache


class Cells:
    """
    Cells as they stand on the wire: for each its number of points, then their indices.

    :param words: shape (n,), dtype big-endian u4. They are not to change any more: what is found
        out about them is kept, and :attr:`words` is a view that cannot be written to.
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
        self._step = int(words[0]) + 1 if len(words) else 1  # 0 where the cells are not alike
        self._starts: NDArray[np.intp] | None = None
        step = self._step
        if len(words) % step or not np.all(words[::step] == step - 1):
            self._step = 0
            self._starts = _find_starts(words)

    @classmethod
    def from_rows(cls, rows: NDArray[Any] | Sequence[Sequence[int] | NDArray[Any]]) -> Cells:
        """
        Return the cells of indices of points.

        :param rows: shape (n, k), or n rows of different lengths.
        :raises ValueRangeError: an index is no whole number of 0 to 2**32 - 1.
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
        """Where each cell begins in :attr:`words`, shape (n,)."""
        if self._starts is None:
            self._starts = np.arange(0, len(self.words), self._step)
        return self._starts

    @property
    def counts(self) -> NDArray[Any]:
        """How many points each cell has, shape (n,)."""
        return self.words[self.starts]

    @property
    def indices(self) -> NDArray[Any]:
        """The indices of all cells, one after the other, shape (sum of :attr:`counts`,)."""
        if self._step:
            return self.words.reshape(-1, self._step)[:, 1:].reshape(-1)
        is_index = np.ones(len(self.words), bool)
        is_index[self.starts] = False
        return self.words[is_index]

    @property
    def uniform(self) -> NDArray[Any] | None:
        """The indices where all cells have k points, a view of shape (n, k); None elsewhere."""
        return self.words.reshape(-1, self._step)[:, 1:] if self._step else None

    def rows(self) -> list[NDArray[Any]]:
        """Return the indices of each cell."""
        return np.split(self.indices, np.cumsum(self.counts)[:-1]) if len(self) else []

    def within(self, points: int) -> bool:
        """Return whether all indices are below a number of points."""
        if self._largest is None:
            self._largest = int(self.words.max(initial=0))
        if len(self.words) == 0 or self._largest < points:  # counts are in it, mostly low
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
    Return indices that fit a word.

    :raises ValueRangeError: one does not.
    """
    fits = values.size == 0 or (
        values.dtype.kind in 'iu' and int(values.min()) >= 0 and int(values.max()) < 2**32
    )
    if not fits:
        raise ValueRangeError('cells take whole numbers of 0 to 2**32 - 1 as indices')
    return values


def _find_starts(words: NDArray[Any]) -> NDArray[np.intp]:
    """
    Return where cells begin, each behind the one before it.

    Block by block: if every word were the start of a cell, the next would begin at ``jump`` of it.
    From the starts of the first 2**k cells and 2**k jumps in one come those of 2**(k + 1).

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

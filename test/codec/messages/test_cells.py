# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec

ROWS = [
    [],
    [[]],
    [[0]],
    [[], [], []],
    [[0, 1, 2], [2, 1, 3]],
    [[0, 1], [2, 1, 3], [], [5]],
    [[1], [1, 2]],
]


def words_of(rows: list[list[int]]) -> list[int]:
    return [word for row in rows for word in (len(row), *row)]


@pytest.mark.parametrize('rows', ROWS)
def test_cells_are_their_numbers_of_points_and_indices(rows: list[list[int]]) -> None:
    cells = codec.Cells.from_rows(rows)
    assert cells.words.tolist() == words_of(rows)
    assert len(cells) == len(rows)
    assert [row.tolist() for row in cells.rows()] == rows
    assert cells.counts.tolist() == [len(row) for row in rows]
    assert cells.indices.tolist() == [index for row in rows for index in row]


@given(st.lists(st.lists(st.integers(0, 5), max_size=5)))
def test_any_cells_are_found_again(rows: list[list[int]]) -> None:
    cells = codec.Cells(np.array(words_of(rows), '>u4'))
    assert [row.tolist() for row in cells.rows()] == rows
    assert cells == codec.Cells.from_rows(rows)


def test_cells_are_found_across_the_blocks_they_are_looked_for_in() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, 20_000)
    counts[[5_000, 5_001]] = 40_000, 16_383  # beyond a block, and up to its end
    rows = [rng.integers(0, 100, count) for count in counts]
    cells = codec.Cells.from_rows(rows)
    assert np.array_equal(codec.Cells(cells.words).counts, counts)
    assert np.array_equal(codec.Cells(cells.words).indices, np.concatenate(rows))


def test_cells_that_are_alike_are_an_array_that_views_the_words() -> None:
    rows = np.arange(6).reshape(2, 3)
    cells = codec.Cells.from_rows(rows)
    assert cells.uniform is not None
    assert np.array_equal(cells.uniform, rows)
    assert np.shares_memory(cells.uniform, cells.words)
    assert cells.starts.tolist() == [0, 4]
    assert cells == codec.Cells.from_rows(rows.tolist())
    assert codec.Cells.from_rows([[1], [1, 2]]).uniform is None


@pytest.mark.parametrize('words', [[1], [2, 0], [3, 1, 2], [0, 5], [1, 7, 2**32 - 1], [2**32 - 1]])
def test_b27_cells_that_reach_beyond_the_end_are_refused(words: list[int]) -> None:
    with pytest.raises(codec.ValueRangeError, match=f'words or more, got {len(words)}'):
        codec.Cells(np.array(words, '>u4'))


@pytest.mark.parametrize(
    'rows',
    [
        [[-1]],
        [[2**32]],
        [[0.5]],
        np.array([[-1, 2]]),
        np.array([[0.0, 1.0]]),
        [['a']],
    ],
)
def test_an_index_that_does_not_fit_is_refused(rows: Any) -> None:
    with pytest.raises(codec.ValueRangeError, match=r'whole numbers from 0 to 2\*\*32 - 1'):
        codec.Cells.from_rows(rows)


@pytest.mark.parametrize(
    'words', [np.zeros(2, '<u4'), np.zeros(2, '>i4'), np.zeros((2, 2), '>u4'), np.zeros(2)]
)
def test_words_of_another_shape_or_dtype_are_refused(words: Any) -> None:
    with pytest.raises(codec.ValueRangeError, match='cells take words of shape'):
        codec.Cells(words)


@pytest.mark.parametrize(
    ('rows', 'points', 'within'),
    [
        ([], 0, True),
        ([[]], 0, True),
        ([[0, 1, 2]], 3, True),
        ([[0, 1, 2]], 2, False),
        ([[0, 0, 0]], 1, True),
        ([[1, 0, 0], [0]], 2, True),
        ([[1, 0, 0], [0]], 1, False),
    ],
)
def test_cells_know_whether_their_points_are_there(
    rows: list[list[int]], points: int, within: bool
) -> None:
    cells = codec.Cells.from_rows(rows)
    assert cells.within(points) is within
    assert cells.within(2**32)
    assert cells.within(points) is within  # as before


def test_words_cannot_be_written_to() -> None:
    words = np.array([2, 0, 1], '>u4')
    cells = codec.Cells(words)
    with pytest.raises(ValueError, match='read-only'):
        cells.words[1] = 7
    assert words.flags.writeable  # the caller's array is the caller's


def test_cells_are_equal_by_words() -> None:
    assert codec.Cells.from_rows([[1]]) == codec.Cells.from_rows(np.array([[1]]))
    assert codec.Cells.from_rows([[1]]) != codec.Cells.from_rows([[2]])
    assert codec.Cells.from_rows([[1]]) != [[1]]
    assert repr(codec.Cells.from_rows([[1], [1, 2]])) == 'Cells(2 cells, 5 words)'

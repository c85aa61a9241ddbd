# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ros2_igtl import codec
from ros2_igtl.codec.timestamp import from_nanoseconds, to_nanoseconds

LAST = 2**32 * 10**9 - 1

# nanoseconds and the word that stands for them
CASES = [
    (0, 0),
    (1, 5),
    (500_000_000, 0x0_8000_0000),
    (1_000_000_000, 0x1_0000_0000),
    (1_234_567_890_000_000_000, 0x499602D2_00000000),
    (LAST, 0xFFFFFFFF_FFFFFFFC),
]


@pytest.mark.parametrize(('nanoseconds', 'word'), CASES)
def test_a_word_stands_for_its_nanoseconds_and_back(nanoseconds: int, word: int) -> None:
    assert from_nanoseconds(nanoseconds) == word
    assert to_nanoseconds(word) == nanoseconds


@given(st.integers(0, LAST))
@example(LAST)
@example(999_999_999)
def test_every_nanosecond_survives(nanoseconds: int) -> None:
    word = from_nanoseconds(nanoseconds)
    assert 0 <= word < 2**64
    assert to_nanoseconds(word) == nanoseconds


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_later_words_are_later_times(first: int, second: int) -> None:
    first, second = sorted((first, second))
    assert to_nanoseconds(first) <= to_nanoseconds(second)


@given(st.integers(0, 2**64 - 1))
def test_no_word_loses_more_than_a_nanosecond(word: int) -> None:
    assert 0 <= word * 10**9 - (to_nanoseconds(word) << 32) < 2**32


def test_b32_the_last_word_is_a_time() -> None:
    assert to_nanoseconds(2**64 - 1) == LAST


@pytest.mark.parametrize('nanoseconds', [-1, LAST + 1])
def test_a_time_before_1970_or_after_2106_is_refused(nanoseconds: int) -> None:
    with pytest.raises(codec.ValueRangeError, match=f'time {nanoseconds} ns does not fit'):
        from_nanoseconds(nanoseconds)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Problems are told together, in line order, and not without end."""

from __future__ import annotations

import pytest

from ros2_igtl.config.errors import MAX_PROBLEMS, ConfigError, Problem, Problems


def test_a_problem_reads_as_file_line_key_and_text() -> None:
    assert str(Problem('a.yaml', 3, 'port', 'is 0')) == 'a.yaml:3: port: is 0'


def test_all_problems_are_told_in_line_order() -> None:
    problems = Problems('f')
    problems.add(9, 'b', 'late')
    problems.add(2, 'a', 'early')
    problems.add(9, 'a', 'later')
    with pytest.raises(ConfigError) as refusal:
        problems.raise_if_any()
    assert str(refusal.value) == 'f:2: a: early\nf:9: b: late\nf:9: a: later'
    assert [problem.line for problem in refusal.value.problems] == [2, 9, 9]


def test_nothing_is_raised_when_nothing_is_wrong() -> None:
    problems = Problems('f')
    problems.raise_if_any()
    assert len(problems) == 0


def test_reading_stops_when_too_much_is_wrong() -> None:
    problems = Problems('f')
    for line in range(1, MAX_PROBLEMS):
        problems.add(line, 'a', 'wrong')
    with pytest.raises(ConfigError) as refusal:
        problems.add(MAX_PROBLEMS, 'a', 'wrong')
    assert len(refusal.value.problems) == MAX_PROBLEMS + 1
    assert refusal.value.problems[-1].text == 'reading stopped after 100 problems'

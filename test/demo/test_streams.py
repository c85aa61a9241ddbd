# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of the demo says what has arrived."""

from __future__ import annotations

import re

import pytest
from streams import LiveTable, Stream, render

# puts the folder of the demo on the path
from helpers import reference_programs  # noqa: F401


def make_stream(to_ros: bool = True) -> Stream:
    return Stream('Probe', 'TRANSFORM', to_ros, '/probe  some/Type', 'node')


def test_a_row_waits_until_something_has_arrived() -> None:
    stream = make_stream()
    assert stream.cells() == (
        *('…', 'Probe', 'TRANSFORM', '──▶', '/probe  some/Type'),
        *('0.0 Hz', '-', '0', '-'),
    )


def test_a_row_has_rate_age_and_counts() -> None:
    stream = make_stream(to_ros=False)
    stream.rejected = '3'
    stream.arrived()
    stream.arrived(5)
    cells = stream.cells()
    assert cells[0] == '✔'
    assert cells[3] == '◀──'
    assert cells[5] == '2.0 Hz'  # six in a window of three seconds
    assert re.fullmatch(r'\d\.\d s', cells[6])
    assert cells[7:] == ('6', '3')


def test_nothing_new_leaves_the_age_alone() -> None:
    stream = make_stream()
    stream.arrived(0)
    assert stream.cells()[6] == '-'


def test_all_lines_of_the_table_are_of_one_length() -> None:
    streams = [make_stream(), Stream('A' * 20, 'IMAGE', False, '/x', 'node')]
    streams[0].arrived(12345)
    lines = render(streams)
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 4


def test_without_a_terminal_the_table_is_repeated_with_pauses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = LiveTable('Title', [make_stream()])
    table.show('first')
    table.show('too soon')
    table.show('last', always=True)
    output = capsys.readouterr().out
    assert 'Title  first\n' in output
    assert 'too soon' not in output
    assert 'Title  last\n' in output
    assert '\x1b' not in output


def test_on_a_terminal_the_table_is_shown_in_its_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('sys.stdout.isatty', lambda: True)
    table = LiveTable('Title', [make_stream()])
    table.show('first')
    table.show('second', always=True)
    output = capsys.readouterr().out
    assert output.count('\x1b[4F') == 1  # back by title, headings, rule and row

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""doc/faults.md: it has every row, and each row has a test that is named after it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

TEST = Path(__file__).parent
ROW = re.compile(r'\| ([FB]\d+) \| [^|]+ \| [^|]+ \| `([\w/]+\.py)::(test\w+)` \|')
EXPECTED = [f'F{n}' for n in range(1, 65)] + [f'B{n}' for n in range(1, 42)]


class Row(NamedTuple):
    """A fault and its test."""

    name: str
    file: str
    function: str


ROWS = [
    Row(*match.groups())
    for line in (TEST.parent / 'doc' / 'faults.md').read_text(encoding='utf-8').splitlines()
    if (match := ROW.fullmatch(line))
]


def test_every_row_stands_there_once_and_in_order() -> None:
    names = [row.name for row in ROWS]
    assert names == EXPECTED


@pytest.mark.parametrize('row', ROWS, ids=[row.name for row in ROWS])
def test_a_row_has_a_test_that_is_named_after_it(row: Row) -> None:
    number = f'{row.name[0].lower()}{int(row.name[1:]):02d}'
    assert re.match(rf'test(_[fb]\d\d)*_{number}_', row.function)
    text = (TEST / row.file).read_text(encoding='utf-8')
    assert len(re.findall(rf'^def {row.function}\(', text, re.MULTILINE)) == 1

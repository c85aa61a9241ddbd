# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The check that every module of the codec is reached by its own tests sees what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('coverage', reason='it is what measures')

PROGRAM = Path(__file__).with_name('coverage_by_file.py')
FIND = (
    'import sys; from pathlib import Path; from coverage_by_file import find_gaps; '
    'print(find_gaps(*map(Path, sys.argv[1:])))'
)
MODULE = """
from __future__ import annotations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

def sign(number: float) -> int:
    result = 1
    if number < 0:
        result = -1
    if number == 0:
        return 0
    return result
"""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROGRAM.parent,
        capture_output=True,
        text=True,
        timeout=50.0,
        check=False,
    )


@pytest.mark.parametrize(
    ('tests', 'gaps'),
    [
        ('assert [sign(-5), sign(0), sign(5)] == [-1, 0, 1]', ''),
        ('assert sign(5) == 1', 'line 11, line 13, branch 10 -> 11, branch 12 -> 13'),
        ('assert [sign(-5), sign(0)] == [-1, 0]', ''),
        ('assert [sign(-5), sign(-6)] == [-1, -1]', 'line 13, branch 10 -> 12, branch 12 -> 13'),
        ('assert sign(5) == 0', "it fails: ['1 failed"),
        ('assert sign', 'line 9, line 10, line 11, line 12, line 13, line 14'),
        (None, 'it is not there'),
    ],
)
def test_what_a_test_file_does_not_reach_is_named(
    tests: str | None, gaps: str, tmp_path: Path
) -> None:
    module, own = tmp_path / 'sign_of.py', tmp_path / 'test_sign_of.py'
    module.write_text(MODULE)
    if tests is not None:
        own.write_text(f'from sign_of import sign\n\ndef test_sign():\n    {tests}\n')
    found = run('-c', FIND, module, own)
    assert found.stderr == ''
    assert found.stdout.startswith(gaps)
    assert gaps or found.stdout == '\n'


def test_a_module_and_its_tests_are_found_by_their_names() -> None:
    found = run(PROGRAM, '../ros2_igtl/codec/timestamp.py', '../ros2_igtl/codec/errors.py')
    assert found.stdout == '2 modules, 0 not reached by their own tests\n'
    assert found.returncode == 0


def test_a_module_without_tests_of_its_own_fails_the_check() -> None:
    found = run(PROGRAM, '../ros2_igtl/codec/__init__.py')
    assert found.stdout == (
        'ros2_igtl/codec/__init__.py: test/codec/test___init__.py: it is not there\n'
        '1 modules, 1 not reached by their own tests\n'
    )
    assert found.returncode == 1

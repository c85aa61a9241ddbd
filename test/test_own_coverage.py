# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The check that the tests of a module reach all of it sees what they do not reach."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('coverage', reason='it is what measures')

from helpers.own_coverage import CODEC, ROOT, OwnCoverage, imported_codec, own_module, own_tests

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
MODULES = [path for path in sorted(CODEC.rglob('*.py')) if path.name != '__init__.py']


@pytest.mark.parametrize(
    ('numbers', 'gaps'),
    [
        ((-5, 0, 5), ''),
        ((5,), 'line 11, line 13, branch 10 -> 11, branch 12 -> 13'),
        ((-5, 0), ''),
        ((-5, -6), 'line 13, branch 10 -> 12, branch 12 -> 13'),
        ((), 'line 9, line 10, line 11, line 12, line 13, line 14'),
    ],
)
def test_what_its_tests_do_not_reach_is_named(
    numbers: tuple[int, ...], gaps: str, tmp_path: Path
) -> None:
    module = tmp_path / 'sign_of.py'
    module.write_text(MODULE)
    coverage = OwnCoverage(module)
    with coverage.measured():
        sign = runpy.run_path(str(module))['sign']
    sign(0)  # outside, as other tests would
    for number in numbers:
        with coverage.measured():
            sign(number)
    found = coverage.gaps()
    assert found.startswith(gaps)
    assert gaps or not found


def test_what_runs_when_the_codec_is_imported_counts_and_nothing_else_does(tmp_path: Path) -> None:
    module = CODEC / 'timestamp.py'
    gaps = OwnCoverage(module).gaps(imported_codec(tmp_path / 'data'))
    lines = module.read_text().splitlines()
    missed = {lines[int(number) - 1].split()[0] for number in re.findall(r'line (\d+)', gaps)}
    assert 'return' in missed
    assert not missed & {'def', 'from', 'import', 'class'}


@pytest.mark.parametrize('module', MODULES, ids=lambda path: path.stem)
def test_each_module_of_the_codec_has_tests_of_its_own(module: Path) -> None:
    assert own_tests(module).exists()
    assert own_module(own_tests(module)) == module


def test_a_test_file_of_several_modules_is_not_measured() -> None:
    assert own_module(ROOT / 'test' / 'codec' / 'test_fuzz.py') is None
    assert own_module(ROOT / 'test' / 'nodes' / 'test_node.py') is None


def test_a_file_whose_tests_leave_out_a_line_fails() -> None:
    tests = ROOT / 'test' / 'codec' / 'test_timestamp.py'
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--own-coverage']
    run = subprocess.run(
        [*command, str(tests), '-k', 'refused'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50.0,
        check=False,
    )
    assert run.returncode == 1
    assert 'not reached by its own tests: line ' in run.stdout

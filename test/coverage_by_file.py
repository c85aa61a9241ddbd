# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Hold every module of the codec to its own test file, which has to reach all its lines and branches.

::

    python test/coverage_by_file.py                          # all modules
    python test/coverage_by_file.py ros2_igtl/codec/wire.py  # some

What other tests reach by the way does not count: each file runs alone, in a process that has
imported nothing of the package before.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parents[1]
CODEC = ROOT / 'ros2_igtl' / 'codec'


def own_tests(module: Path) -> Path:
    """Return the test file of a module."""
    place = module.relative_to(ROOT / 'ros2_igtl')
    return ROOT / 'test' / place.with_name(f'test_{place.name}')


def find_gaps(module: Path, tests: Path) -> str:
    """Return what tests do not reach of a module, in words; '' if they reach it all."""
    if not tests.exists():
        return 'it is not there'
    measured = coverage.Coverage(data_file=None, config_file=str(ROOT / 'pyproject.toml'))
    measured.set_option('run:source_pkgs', [])
    measured.set_option('run:include', [str(module)])
    output = io.StringIO()
    # with one seed the examples of hypothesis are the same each time, and so is what they reach
    options = ('-q', '--hypothesis-seed=0', '-p', 'no:cacheprovider')
    with measured.collect(), contextlib.redirect_stdout(output):
        exit_code = pytest.main([*options, str(tests)])
    if exit_code:
        return f'it fails: {output.getvalue().splitlines()[-1:]}'
    with tempfile.NamedTemporaryFile('r') as report:
        measured.json_report([str(module)], outfile=report.name)
        (found,) = json.load(report)['files'].values()
    gaps = [f'line {line}' for line in found['missing_lines']]
    gaps += [
        f'branch {start} -> {end if end > 0 else "exit"}'
        for start, end in found['missing_branches']
    ]
    return ', '.join(gaps)


def check(module: Path) -> str:
    """Return a line that names a module, its tests and what they do not reach; '' if nothing."""
    tests = own_tests(module)
    gaps = find_gaps(module, tests)
    return gaps and f'{module.relative_to(ROOT)}: {tests.relative_to(ROOT)}: {gaps}'


def main(arguments: Iterable[str]) -> int:
    """Check some modules, or all of the codec; 1 if a test file leaves out anything of its own."""
    modules = [Path(argument).resolve() for argument in arguments] or [
        # a package has no code but the imports of its modules
        module
        for module in sorted(CODEC.rglob('*.py'))
        if module.name != '__init__.py'
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(['--version', '--version'])  # which imports its plugins, for all processes
    processes = multiprocessing.get_context('fork').Pool(os.cpu_count(), maxtasksperchild=1)
    with processes as pool:
        gaps = [line for line in pool.imap(check, modules, chunksize=1) if line]
    print(*gaps, f'{len(modules)} modules, {len(gaps)} not reached by their own tests', sep='\n')
    return 1 if gaps else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

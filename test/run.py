# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run the tests in two passes: ``python test/run.py``, or ``python test/run.py test/codec`` for some.

First those that may run beside others, in TEST_WORKERS processes; then those marked ``alone``,
which measure times or memory, one after the other. Tests marked ``long`` run in neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NO_TESTS = 5  # pytest's exit code where the expressions select nothing


def files_with_alone() -> list[str]:
    """Return the files with a test marked ``alone``; collecting all of them takes 20 s."""
    files = (ROOT / 'test').rglob('test_*.py')
    return sorted(str(file) for file in files if 'pytest.mark.alone' in file.read_text())


def main(arguments: list[str]) -> int:
    """Return 0 if all tests pass; arguments go to pytest."""
    # each worker has a ROS domain, and 64 MB of shared memory; 0: all in one process. A third of
    # the time they wait for others, so three keep two processors busy
    workers = int(os.environ.get('TEST_WORKERS', '3'))
    # modules are held to their own tests where all of these run
    together = [] if arguments else ['--own-coverage']
    beside = [f'-n{workers}', '--dist=loadfile', '--no-loadscope-reorder']  # conftest.py orders
    passes = (
        [*arguments, '-m', 'not alone and not long', *beside, *together],
        [*(arguments or files_with_alone()), '-m', 'alone and not long'],
    )
    command = [sys.executable, '-m', 'pytest']
    codes = [subprocess.run([*command, *options], cwd=ROOT).returncode for options in passes]
    if set(codes) == {NO_TESTS}:
        return NO_TESTS
    return next((code for code in codes if code not in (0, NO_TESTS)), 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

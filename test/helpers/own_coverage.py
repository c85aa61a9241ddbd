# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Which lines and branches of a module its own tests reach, measured while these run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[2]
CODEC = ROOT / 'ros2_igtl' / 'codec'
IMPORT = """
import sys
import coverage
measured = coverage.Coverage(data_file=sys.argv[1], config_file=False, branch=True,
                             include=[sys.argv[2] + '/*'])
with measured.collect():
    import ros2_igtl.codec
measured.save()
"""


def own_tests(module: Path) -> Path:
    """Return the test file of a module of the package."""
    place = module.relative_to(ROOT / 'ros2_igtl')
    return ROOT / 'test' / place.with_name(f'test_{place.name}')


def own_module(tests: Path) -> Path | None:
    """Return the module of the codec that a test file belongs to, if there is one."""
    place = tests.relative_to(ROOT / 'test')
    module = ROOT / 'ros2_igtl' / place.with_name(place.name.removeprefix('test_'))
    return module if module.is_relative_to(CODEC) and module.is_file() else None


def imported_codec(data_file: Path) -> Path:
    """Write the lines that run when the codec is imported, in a process of its own."""
    subprocess.run([sys.executable, '-c', IMPORT, str(data_file), str(CODEC)], check=True)
    return data_file


class OwnCoverage:
    """The lines and branches of one module that run inside ``measured()``."""

    def __init__(self, module: Path) -> None:
        self._module = module
        self._complete = False
        self._coverage = coverage.Coverage(
            data_file=None,
            config_file=str(ROOT / 'pyproject.toml'),
            source_pkgs=[],
            include=[str(module)],
        )
        # between two looks, for example
        self._coverage.set_option('run:disable_warnings', ['no-data-collected'])

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what runs meanwhile, or until all is reached."""
        self._coverage.start()
        try:
            yield
        finally:
            self._coverage.stop()

    def stop_if_complete(self, *data_files: Path) -> None:
        """Measure no more if all is reached, for most tests take twice as long measured."""
        if not self._complete:
            self._coverage.stop()
            self._complete = not self.gaps(*data_files)
            if not self._complete:
                self._coverage.start()

    def gaps(self, *data_files: Path) -> str:
        """
        Return the lines and branches that were not reached, in words; '' if there are none.

        :param data_files: what else counts as reached.
        """
        data = self._coverage.get_data()
        for path in data_files:
            other = coverage.CoverageData(str(path))
            other.read()
            data.update(other)
        with tempfile.NamedTemporaryFile('r') as report:
            self._coverage.json_report([str(self._module)], outfile=report.name)
            (found,) = json.load(report)['files'].values()
        gaps = [f'line {line}' for line in found['missing_lines']]
        gaps += [
            f'branch {start} -> {end if end > 0 else "exit"}'
            for start, end in found['missing_branches']
        ]
        return ', '.join(gaps)

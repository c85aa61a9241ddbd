# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The Python environment that pyigtl lives in, shared by the bench and the tests.

It takes over SIGINT, prints to stdout when it likes and needs a numpy of its own choice, so it has
an environment of its own and is never imported by the project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from reference_programs import locked

VERSION = '0.3.4'
FOLDER = Path(__file__).resolve().parents[1] / '.build' / 'pyigtl-venv'


class PyigtlUnavailableError(RuntimeError):
    """pyigtl cannot be installed on this machine; the text says why."""


def environment() -> dict[str, str]:
    """Return the variables for that interpreter, without what an underlay says of paths."""
    of_the_underlay = ('PYTHONPATH', 'LD_LIBRARY_PATH')
    return {name: text for name, text in os.environ.items() if name not in of_the_underlay}


def find_pyigtl_python(folder: Path = FOLDER) -> Path:
    """
    Return the interpreter that has pyigtl, installed if need be.

    :raises PyigtlUnavailableError: it cannot be installed.
    """
    python = folder / 'bin' / 'python'
    stamp = folder / f'pyigtl-{VERSION}'
    install = ['pip', 'install', '-q', '--only-binary', 'pyigtl', f'pyigtl=={VERSION}']
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix('.lock')):
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
            for command in (
                [sys.executable, '-m', 'venv', str(folder)],
                [str(python), '-m', *install],
            ):
                run = subprocess.run(
                    command, capture_output=True, text=True, env=environment(), timeout=300
                )
                if run.returncode != 0:
                    raise PyigtlUnavailableError(
                        f'{" ".join(command)}: {run.stderr.strip()[-500:]}'
                    )
            stamp.touch()
    return python

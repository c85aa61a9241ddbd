# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Separate Python environments for packages that the project itself does not import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from reference_programs import locked


class EnvironmentUnavailableError(RuntimeError):
    """The packages cannot be installed on this machine; the text says why."""


def environment() -> dict[str, str]:
    """Return the variables for such an interpreter, without the paths of a ROS underlay."""
    of_the_underlay = ('PYTHONPATH', 'LD_LIBRARY_PATH')
    return {name: text for name, text in os.environ.items() if name not in of_the_underlay}


def find_python(folder: Path, *wanted: str) -> Path:
    """
    Return the interpreter of an environment, which is made if it does not exist.

    :param folder: the folder of the environment.
    :param wanted: arguments of pip install: requirements, and options for them.
    :raises EnvironmentUnavailableError: the packages cannot be installed.
    """
    python = folder / 'bin' / 'python'
    stamp = folder / 'installed.txt'
    installed = '\n'.join(wanted)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix('.lock')):
        if not stamp.exists() or stamp.read_text() != installed:
            shutil.rmtree(folder, ignore_errors=True)  # an older environment, or an unfinished one
            for command in (
                [sys.executable, '-m', 'venv', str(folder)],
                [str(python), '-m', 'pip', 'install', '-q', *wanted],
            ):
                run = subprocess.run(
                    command, capture_output=True, text=True, env=environment(), timeout=300
                )
                if run.returncode != 0:
                    raise EnvironmentUnavailableError(
                        f'{" ".join(command)}: {run.stderr.strip()[-500:]}'
                    )
            stamp.write_text(installed)
    return python

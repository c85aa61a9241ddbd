# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The Python environment that pyigtl lives in, shared by the bench and the tests.

It takes over SIGINT, prints to stdout when it likes and needs a numpy of its own choice, so it has
an environment of its own and is never imported by the project.
"""

from __future__ import annotations

from pathlib import Path

from own_environment import EnvironmentUnavailableError, environment, find_python
from places import BUILD_FOLDER

__all__ = ['FOLDER', 'VERSION', 'PyigtlUnavailableError', 'environment', 'find_pyigtl_python']

VERSION = '0.3.4'
FOLDER = BUILD_FOLDER / 'pyigtl-venv'

PyigtlUnavailableError = EnvironmentUnavailableError


def find_pyigtl_python(folder: Path = FOLDER) -> Path:
    """
    Return the interpreter that has pyigtl, installed if need be.

    :raises PyigtlUnavailableError: it cannot be installed.
    """
    return find_python(folder, '--only-binary', 'pyigtl', f'pyigtl=={VERSION}')

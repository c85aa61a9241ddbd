# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The Python environment of pyigtl, which the benchmark and the tests share.

pyigtl installs a handler for SIGINT, prints to stdout and needs its own version of numpy. So it
has an environment of its own, and the project never imports it.
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
    Return an interpreter with pyigtl, which is installed if necessary.

    :raises PyigtlUnavailableError: it cannot be installed.
    """
    return find_python(folder, '--only-binary', 'pyigtl', f'pyigtl=={VERSION}')

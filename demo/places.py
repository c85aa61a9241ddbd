# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Paths of the installed programs, and of the build folder of demo, benchmark and tests."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Tests under colcon must not build in the source tree: CMakeLists.txt sets a folder for them.
BUILD_FOLDER = Path(os.environ.get('ROS2_IGTL_BUILD_FOLDER') or ROOT / '.build')


def installed_program(name: str) -> str:
    """
    Return the path of an installed program of the package.

    :param name: ``igtl`` for the command, or the name of a node's program.
    :raises LookupError: the package is not in AMENT_PREFIX_PATH.
    """
    from ament_index_python import get_package_prefix

    prefix = Path(get_package_prefix('ros2_igtl'))
    place = 'bin' if name == 'igtl' else 'lib/ros2_igtl'
    return str(prefix / place / name)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the package's programs are, and where demo, bench and tests keep what they build."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# colcon's tests build nothing in the source tree: CMakeLists.txt names a folder beside the build
BUILD_FOLDER = Path(os.environ.get('ROS2_IGTL_BUILD_FOLDER') or ROOT / '.build')


def installed_program(name: str) -> str:
    """
    Return the path of a program of the package, where ament has installed it.

    :param name: ``igtl`` for the command, else a node's program.
    :raises LookupError: the package is not installed in any prefix of AMENT_PREFIX_PATH.
    """
    from ament_index_python import get_package_prefix

    prefix = Path(get_package_prefix('ros2_igtl'))
    place = 'bin' if name == 'igtl' else 'lib/ros2_igtl'
    return str(prefix / place / name)

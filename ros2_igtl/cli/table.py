# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of conversions, for the verbs that need it. All others run without ROS."""

from __future__ import annotations

import importlib
from typing import Any

from ros2_igtl.cli.errors import UsageError


def load_table(module: str = 'conversions') -> Any:
    """
    Return a module of ``convert``.

    :raises UsageError: the ROS messages that it imports are not installed.
    """
    try:
        return importlib.import_module(f'ros2_igtl.convert.{module}')
    except ImportError as error:
        raise UsageError(
            f'this verb needs ROS 2: source it and the workspace of ros2_igtl ({error})'
        ) from error

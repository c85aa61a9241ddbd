# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of conversions for the verbs that need it; all others run without ROS."""

from __future__ import annotations

import importlib
from typing import Any

from ros2_igtl.cli.errors import UsageError


def load_table(module: str = 'conversions') -> Any:
    """
    Return a module of ``convert`` that is about the table.

    :raises UsageError: the ROS messages that it is about are not there.
    """
    try:
        return importlib.import_module(f'ros2_igtl.convert.{module}')
    except ImportError as error:
        raise UsageError(
            f'allowed where ROS 2 is sourced and ros2_igtl is built in it: {error}'
        ) from error

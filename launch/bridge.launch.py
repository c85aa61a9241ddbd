# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Launch a bridge: all the connections of a mapping file in one node."""

from launch import LaunchDescription

from ros2_igtl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments, and what is started."""
    return describe('bridge')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Launch a simulated tracker and a simulated imager, and a client for each of them."""

from launch import LaunchDescription

from ros2_igtl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments, and what is started."""
    return describe('demo')

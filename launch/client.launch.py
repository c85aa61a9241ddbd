# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Launch one client: it dials an OpenIGTLink server and keeps to it."""

from launch import LaunchDescription

from ros2_igtl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments, and what is started."""
    return describe('client')

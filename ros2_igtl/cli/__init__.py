# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The verbs of the command `igtl`, in a module each. Most of them run without ROS."""

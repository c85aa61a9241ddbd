# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The verbs of the command `igtl`, a module each; none needs ROS."""

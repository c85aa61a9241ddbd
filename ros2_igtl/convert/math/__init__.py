# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Functions on numbers and arrays, independent of OpenIGTLink and ROS messages."""

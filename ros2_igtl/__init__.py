# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""OpenIGTLink on the ROS graph, and back. Nothing lives here but this line: see the rooms below it."""

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes: parameters, wiring and spinning. The only room that imports rclpy."""

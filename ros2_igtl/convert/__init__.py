# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Values <-> ROS messages: pure functions. No node, no clock, no logger, no default frame."""

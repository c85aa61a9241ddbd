# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Values <-> ROS messages: pure functions without node, clock, logger or default frame."""

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""From a received message to topics and tf."""

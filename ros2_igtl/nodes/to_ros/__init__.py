# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""From received messages to topics and tf."""

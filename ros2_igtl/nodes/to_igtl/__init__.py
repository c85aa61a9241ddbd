# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""From topics and tf to the messages sent to peers."""

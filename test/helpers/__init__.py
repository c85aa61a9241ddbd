# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What several tests need; nothing in here is a test."""

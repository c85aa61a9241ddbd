# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node says of itself: counts, diagnostics, log."""

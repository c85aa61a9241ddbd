# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Commands and queries in both directions."""

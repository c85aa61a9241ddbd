# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers and arrays of them; no message of either side is known here."""

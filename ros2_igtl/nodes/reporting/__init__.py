# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The reports of a node: counts, diagnostics, log."""

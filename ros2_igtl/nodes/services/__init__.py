# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The services of a node, one module each."""

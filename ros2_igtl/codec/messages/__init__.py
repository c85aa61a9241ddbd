# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The message types of the protocol, in one module a family.

``__all__`` of a module lists the names that `ros2_igtl.codec` exports from it.
"""

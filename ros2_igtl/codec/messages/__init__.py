# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The message types of the protocol, one module a family.

``__all__`` of a module lists what `ros2_igtl.codec` offers of it.
"""

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The conversions, a module each family of OpenIGTLink types, both directions side by side.

A module declares its conversions in ``CONVERSIONS``; ``convert/conversions.py`` collects them.
"""

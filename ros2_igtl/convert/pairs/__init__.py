# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The conversions: one module for each family of OpenIGTLink types, with both directions.

A module declares its conversions in ``CONVERSIONS``; ``convert/conversions.py`` collects them.
"""

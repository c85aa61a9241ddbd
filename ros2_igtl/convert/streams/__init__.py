# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
State kept from one message to the next: clocks, images in parts, videos.

An object here belongs to one peer and has no lock: only one thread at a time may use it.
"""

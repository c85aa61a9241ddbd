# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
State that lasts from one message to the next: clocks, images in parts, videos.

An object here belongs to one peer, and one thread at a time uses it: none of them has a lock.
"""

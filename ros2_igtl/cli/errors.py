# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The errors of the command line itself; the codec and the sockets raise their own."""


class UsageError(ValueError):
    """Arguments that contradict each other, or input that cannot be read; exit code 2."""

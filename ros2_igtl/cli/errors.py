# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The errors of the command line itself; what the codec and the sockets refuse is theirs."""


class UsageError(ValueError):
    """Arguments that do not go together; exit code 2."""

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS time as seconds and nanoseconds, and as nanoseconds since the epoch; reads no clock."""

from __future__ import annotations

from ros2_igtl.convert.errors import ConvertError

NANOSECONDS_PER_SECOND = 1_000_000_000
MAX_STAMP_NS = 2**31 * NANOSECONDS_PER_SECOND - 1
"""The end of builtin_interfaces/Time, whose seconds are an int32: 2038."""


def split_stamp(stamp_ns: int) -> tuple[int, int]:
    """
    Return the (sec, nanosec) of builtin_interfaces/Time.

    :raises ConvertError: ``timestamp_range``: before 1970 or after 2038.
    """
    if not 0 <= stamp_ns <= MAX_STAMP_NS:
        raise ConvertError(
            'timestamp_range', f'{stamp_ns} ns is not a ROS time; 0 to 2**31 s are allowed'
        )
    return divmod(stamp_ns, NANOSECONDS_PER_SECOND)


def join_stamp(sec: int, nanosec: int) -> int:
    """
    Return the nanoseconds since the epoch of a builtin_interfaces/Time.

    :raises ConvertError: ``timestamp_range``: before 1970, which OpenIGTLink cannot express.
    """
    stamp_ns = sec * NANOSECONDS_PER_SECOND + nanosec
    if stamp_ns < 0:
        raise ConvertError('timestamp_range', f'{sec} s, {nanosec} ns is before 1970')
    return stamp_ns

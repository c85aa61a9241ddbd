# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Time stamps: conversion between the raw 32.32 fixed-point word and nanoseconds.

Source: ``timestamp.md``. The upper 32 bits are seconds since 1970-01-01 UTC, the lower 32 a
binary fraction; 0 means unset. The reference library rounds its fractions bit by bit and is up to
10 ns off (``igtlTimeStamp.cxx``), so compare raw words, never decoded times. Nothing here reads a
clock.
"""

from __future__ import annotations

from ros2_igtl.codec.errors import ValueRangeError

NANOSECONDS_PER_SECOND = 1_000_000_000
_MAX_SECONDS = 2**32


def to_nanoseconds(timestamp: int) -> int:
    """Return the nanoseconds since the epoch of a raw 32.32 word, rounded down."""
    return (timestamp * NANOSECONDS_PER_SECOND) >> 32


def from_nanoseconds(nanoseconds: int) -> int:
    """
    Return the raw 32.32 word of nanoseconds since the epoch, rounded up.

    Rounding up here and down in :func:`to_nanoseconds` preserves every nanosecond on a round trip.

    :raises ValueRangeError: the time lies before 1970 or after 2106, when the word wraps.
    """
    if not 0 <= nanoseconds < _MAX_SECONDS * NANOSECONDS_PER_SECOND:
        raise ValueRangeError(
            f'time {nanoseconds} ns does not fit a time stamp: 0 to 2**32 s since 1970 are allowed'
        )
    return -((-nanoseconds << 32) // NANOSECONDS_PER_SECOND)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The stamps for the messages of a device clock; this module reads no clock.

A ``timestamp`` is the raw 32.32 word of OpenIGTLink, a ``stamp`` is ROS time.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ros2_igtl.convert.math.stamps import MAX_STAMP_NS, NANOSECONDS_PER_SECOND

TimestampMode: TypeAlias = Literal['device', 'receive', 'auto']


class StampEstimator:
    """
    Chooses the stamp of each message of one device clock.

    :param mode: ``device``: as sent plus ``time_offset_ns``. ``receive``: arrival of the last
        byte. ``auto``: as sent while the two clocks agree, otherwise as sent plus
        :attr:`offset_ns`, so that no stamp lies in the future.
    :param time_offset_ns: added in mode ``device``.
    :param max_clock_skew_ns: in mode ``auto``, the clock difference from which the estimated
        offset is added. It is then added until the clocks agree to half of this, so that a stream
        at the limit does not jump back and forth.
    :param window_ns: the receive time over which the offset is estimated. The estimate follows a
        device clock that was set forward at once, one that was set back after this window.

    A message without timestamp, or with one beyond ROS time, gets its receive time.
    """

    # The window is kept as the extremes of this many parts, which bounds the memory at any message
    # rate; it slides by one part at a time.
    _PARTS = 10

    def __init__(
        self,
        mode: TimestampMode = 'auto',
        time_offset_ns: int = 0,
        max_clock_skew_ns: int = 50_000_000,
        window_ns: int = 10 * NANOSECONDS_PER_SECOND,
    ) -> None:
        if mode not in ('device', 'receive', 'auto'):
            raise ValueError(f'mode {mode!r}: device, receive and auto are allowed')
        if window_ns < self._PARTS:
            raise ValueError(f'window of {window_ns} ns: {self._PARTS} ns or more are needed')
        self._mode = mode
        self._time_offset_ns = time_offset_ns
        self._max_clock_skew_ns = max_clock_skew_ns
        self._part_ns = window_ns // self._PARTS
        self._parts: dict[int, list[int]] = {}  # number: least, greatest receive - device
        self._offset_ns = 0
        self._correcting = False
        self.out_of_range = 0
        """How many messages got their receive time because theirs is beyond ROS time."""

    @property
    def offset_ns(self) -> int:
        """
        Our clock minus the device's: the smallest receive - device of the window.

        The smallest, because delays only add to the difference. 0 before the first timestamp.
        """
        return self._offset_ns

    @property
    def has_observed(self) -> bool:
        """Whether a timestamp has arrived; without one nothing is known about the clock."""
        return bool(self._parts)

    @property
    def jitter_ns(self) -> int:
        """The difference between the longest and the shortest delay in the window."""
        return (
            max((part[1] for part in self._parts.values()), default=self._offset_ns)
            - self._offset_ns
        )

    @property
    def correcting(self) -> bool:
        """Whether mode ``auto`` currently adds the offset, because the clocks disagree."""
        return self._correcting

    def stamp(self, device_timestamp: int, receive_ns: int) -> int:
        """
        Return the stamp of a message, in nanoseconds since the epoch.

        :param device_timestamp: raw 32.32 word of the header; 0 is unset.
        :param receive_ns: arrival of its last byte, by our clock, since the epoch.
        """
        if device_timestamp == 0:
            return receive_ns
        # as timestamp.to_nanoseconds() of the codec; without a call, since all messages pass here
        device_ns = device_timestamp * NANOSECONDS_PER_SECOND >> 32
        if device_ns > MAX_STAMP_NS:
            self.out_of_range += 1
            return receive_ns
        delay_ns = receive_ns - device_ns
        part = self._parts.get(receive_ns // self._part_ns)
        if part is None or not part[0] <= delay_ns <= part[1]:
            self._observe(delay_ns, receive_ns)
        if self._mode == 'receive':
            return receive_ns
        if self._mode == 'device':
            stamp_ns = device_ns + self._time_offset_ns
        else:
            stamp_ns = device_ns + (self._offset_ns if self._correcting else 0)
        if not 0 <= stamp_ns <= MAX_STAMP_NS:
            self.out_of_range += 1
            return receive_ns
        return stamp_ns

    def _observe(self, delay_ns: int, receive_ns: int) -> None:
        number = receive_ns // self._part_ns
        part = self._parts.get(number)
        if part is None:
            # A part lies in the future if our clock was set back since; leave it out.
            first = number - self._PARTS + 1
            self._parts = {n: kept for n, kept in self._parts.items() if first <= n < number}
            self._parts[number] = [delay_ns, delay_ns]
        else:
            part[0] = min(part[0], delay_ns)
            part[1] = max(part[1], delay_ns)
        self._offset_ns = min(kept[0] for kept in self._parts.values())
        limit_ns = self._max_clock_skew_ns
        self._correcting = abs(self._offset_ns) >= (limit_ns / 2 if self._correcting else limit_ns)

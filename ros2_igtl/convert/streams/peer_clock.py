# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The clocks of a peer and its devices, and the stamps that follow; reads no clock itself.

A ``timestamp`` is the raw 32.32 word of OpenIGTLink, a ``stamp`` is ROS time. ``arrival_ns`` is
the steady clock of this machine, ``receive_ns`` the ROS time of the same moment.
:mod:`.timeliness` decides which messages are late.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from ros2_igtl.convert.math.stamps import MAX_STAMP_NS, NANOSECONDS_PER_SECOND

TimestampMode: TypeAlias = Literal['device', 'receive', 'auto']

MIN_SKEW_NS = 10_000_000  # the scheduling of two programs is no better than this

# Two clocks drift apart by at most this part of the time, 122 ppm: quartz is off by less than
# 100, and NTP slews a clock by more only for a short time. So the offset survives a silence, and
# a delay does not pass for drift: one of 10 s would be taken for the offset after 23 hours.
DRIFT_SHIFT = 13


class Stamp(NamedTuple):
    """
    The ROS time of a message.

    :ivar ns: since the epoch.
    :ivar fault: why its poses must not be sent to tf: ``late``, ``clock_unconfirmed`` or
        ``repeated``; empty if they may.
    :ivar arrival_ns: the time of its arrival, on our steady clock.
    """

    ns: int
    fault: str = ''
    arrival_ns: int = 0


class PeerClock:
    """
    What the devices of one peer share: how their stamps are made, and one clock to compare with.

    :param mode: ``device``: as sent plus ``time_offset_ns``. ``receive``: arrival of the last
        byte. ``auto``: as sent while the two clocks agree, otherwise corrected by the offset, so
        that no stamp lies in the future.
    :param time_offset_ns: added in mode ``device``.
    :param max_clock_skew_ns: in mode ``auto``, the clock difference from which stamps are
        corrected. They are then corrected until the clocks agree to half of this, so that a stream
        at the limit does not jump back and forth. In all modes, the delay above which a message
        is late.
    """

    def __init__(
        self,
        mode: TimestampMode = 'auto',
        time_offset_ns: int = 0,
        max_clock_skew_ns: int = 50_000_000,
    ) -> None:
        if mode not in ('device', 'receive', 'auto'):
            raise ValueError(f'mode {mode!r}: device, receive and auto are allowed')
        self.mode = mode
        self.time_offset_ns = time_offset_ns
        self.skew_ns = max_clock_skew_ns
        self.limit_ns = max(max_clock_skew_ns, MIN_SKEW_NS)
        """The longest delay of a message that is not late."""
        self.main: DeviceClock = DeviceClock(self)
        """The clock of the device that has sent most messages with a timestamp."""
        self.out_of_range = 0
        """How many messages got their receive time because theirs is beyond ROS time."""


class DeviceClock:
    """
    The facts about the clock of one device.

    Each device has its own, since a peer may pass on messages of several machines, and one wrong
    timestamp of a device must not change the stamps of another.

    A message without timestamp, or with one beyond ROS time, gets its receive time. So does each
    message of a clock that does not tell the time: one in steps of more than the skew, one that
    stands still, or one that runs at another rate.

    :param peer: of the device.
    """

    def __init__(self, peer: PeerClock) -> None:
        self.peer = peer
        self.mode = peer.mode
        self.limit_ns = peer.limit_ns
        self.count = 0
        """The messages of the device so far, or nearly as many."""
        self.is_known = False
        """Whether the offset is confirmed."""
        self.has_observed = False
        """Whether a timestamp has arrived; without one nothing is known about the clock."""
        self.correcting = False
        """Whether mode ``auto`` currently corrects stamps, because the clocks disagree."""
        self.jitter_ns = 0
        """The longest delay of the last seconds."""
        self.grain_ns = 0
        """The steps in which the clock advances; 0 if they are too small to be seen."""
        self.rate = 1.0
        """The seconds of the clock in one of ours, as far as they differ notably."""
        self.steps = 0
        """How often the clock was set."""
        self.last_step_ns = 0
        """By how much it was set the last time; negative: back."""
        self.lag_ns = 0
        """The steady clock minus the device's, for a message without delay."""
        self._lag_at_ns = 0
        self._jitter_at_ns = 0
        self.ros_ns = 0
        """ROS time minus the steady clock, at the last message."""

    @property
    def offset_ns(self) -> int:
        """
        Our clock minus the device's, for a message without delay; 0 before the first timestamp.

        Of all differences the smallest, because delays only add to them.
        """
        return self.lag_ns + self.ros_ns if self.has_observed else 0

    @property
    def differs(self) -> bool:
        """Whether the device has another clock than the main one of its peer."""
        main = self.peer.main
        limit_ns = self.limit_ns + self.grain_ns + main.grain_ns
        return self.is_known and main.is_known and abs(self.lag_ns - main.lag_ns) > limit_ns

    @property
    def is_trusted(self) -> bool:
        """Whether the clock tells the time of a message to within the allowed skew."""
        return self.grain_ns <= self.limit_ns and self.rate == 1.0

    def device_time_ns(self, timestamp: int) -> int | None:
        """Return the time in a header; None if it has none, or one outside the range of ROS."""
        if timestamp == 0:
            return None
        # as timestamp.to_nanoseconds() of the codec; without a call, since all messages pass here
        device_ns = timestamp * NANOSECONDS_PER_SECOND >> 32
        if device_ns > MAX_STAMP_NS:
            self.peer.out_of_range += 1
            return None
        return device_ns

    def begin(self, lag_ns: int, arrival_ns: int, ros_ns: int) -> None:
        """
        Take the first message; it is timely if its clock agrees with what is known.

        That is the main clock of the peer, or else ROS time. A clock like the main one has its
        faults too, which a device that rarely sends would show too late.

        :param lag_ns: its arrival minus its time on the peer's clock.
        :param ros_ns: ROS time minus steady clock.
        """
        known = self.peer.main
        if known.is_known:
            agrees = abs(lag_ns - known.lag_ns) <= self.limit_ns + known.grain_ns
            if agrees:
                self.grain_ns = known.grain_ns
            if agrees or known.rate != 1.0:  # the lag of such a clock is never the same
                self.rate = known.rate
        else:
            agrees = abs(lag_ns + ros_ns) <= self.limit_ns
        self.is_known = agrees or self.mode == 'device'
        self.has_observed = True
        self.lag_ns, self._lag_at_ns = lag_ns, arrival_ns

    def become_main(self) -> None:
        """Become the main clock of the peer if this device has sent most messages by far."""
        if self.count > 2 * self.peer.main.count:
            self.peer.main = self

    def observe(self, lag_ns: int, arrival_ns: int) -> int:
        """Note the lag of a message, and return its delay; negative if the lag is the smallest."""
        least_ns = self.lag_ns + (arrival_ns - self._lag_at_ns >> DRIFT_SHIFT)
        self.lag_ns, self._lag_at_ns = min(least_ns, lag_ns), arrival_ns
        return lag_ns - least_ns

    def note_jitter(self, delay_ns: int, arrival_ns: int) -> None:
        """Note the delay of a message that is not late."""
        elapsed_ns, self._jitter_at_ns = arrival_ns - self._jitter_at_ns, arrival_ns
        if delay_ns > self.jitter_ns:
            self.jitter_ns = delay_ns
        elif elapsed_ns > 0:  # forget it within ten seconds
            part = min(1.0, elapsed_ns / (10 * NANOSECONDS_PER_SECOND))
            self.jitter_ns -= int((self.jitter_ns - max(0, delay_ns)) * part)

    def set_by(self, step_ns: int, lag_ns: int) -> None:
        """Note that the clock was set."""
        self.steps += 1
        self.last_step_ns = step_ns
        self.lag_ns = lag_ns

    def stamp_ns(self, device_ns: int, arrival_ns: int, receive_ns: int) -> int:
        """Return the stamp of a message that has a timestamp."""
        self.ros_ns = receive_ns - arrival_ns
        if self.mode == 'receive':
            return receive_ns
        if self.mode == 'device':
            stamp_ns = device_ns + self.peer.time_offset_ns
        else:
            limit_ns = self.peer.skew_ns
            offset_ns = self.lag_ns + self.ros_ns
            self.correcting = abs(offset_ns) >= (limit_ns / 2 if self.correcting else limit_ns)
            if not self.is_trusted:
                return receive_ns
            stamp_ns = device_ns + (offset_ns if self.correcting else 0)
        if not 0 <= stamp_ns <= MAX_STAMP_NS:
            self.peer.out_of_range += 1
            return receive_ns
        return stamp_ns

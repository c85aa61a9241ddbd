# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Decides which messages of a device are late, so that an old pose never looks new; reads no clock.

A delay only adds to the *lag* of a message, its arrival minus its time on the peer's clock. So:

* The smallest lag of a device is that of a message without delay. It survives silences.
* A lag that grows by more than the messages were apart is not a delay: the clock was set back.
* A lag below the smallest one is not a delay either: the clock was set forward.
* Messages that waited together arrive faster than they were sent, and their lags fall. While they
  fall, the lag of a new peer is not confirmed.
* A lag that grows evenly, while messages keep their distance, is a clock that runs too slowly.

Where the clock does not tell the time, only the distances between arrivals are left: after a
silence, messages that arrive faster than usual have waited.
"""

from __future__ import annotations

from typing import Any

from ros2_igtl.convert.math.stamps import NANOSECONDS_PER_SECOND
from ros2_igtl.convert.streams.clock_rate import ClockRate, Sample, may_be_fast
from ros2_igtl.convert.streams.peer_clock import DeviceClock, PeerClock, Stamp

CONFIRM_NS = 100_000_000  # in this time nothing that waited arrives any more
MIN_FALL_NS = 5_000_000  # a smaller fall of the lag is a smaller delay by chance
LONGEST_WAIT_NS = 60_000_000_000  # lags that have fallen by more are those of a fast clock
FAST_NS = 1_000_000_000  # so are those that have fallen a little for so long
SET_BACK_COUNT = 3  # messages that show that a clock was set back
FORWARD_COUNT = 3  # steps forward in a row, which are a fast clock
FINE_COUNT = 20  # messages in a row at different times, after which a clock is not coarse

SAMPLE_NS = 50_000_000  # between two samples of the lag
MAX_DRIFT_NS = 1_000_000  # of our own two clocks in this time

USUAL_COUNT = 5  # distances between messages, from which the usual one is known
CALM_COUNT = 3  # messages at the usual distance, after which none wait any more
AT_ONCE_NS = 100_000  # messages at a smaller distance were read from the socket at once
MIN_HOLD_NS, MAX_HOLD_NS = 5_000_000, 100_000_000
STILL_NS = 1_000_000_000  # messages that waited get fewer in this time, or nobody can know


class Cadence:
    """Which messages have waited, judged by the distances between arrivals alone."""

    def __init__(self) -> None:
        self.usual_ns = 0.0
        """The usual distance between two messages."""
        self.count = 0
        """How many distances this was taken from."""
        self.behind_ns = 0.0
        """How long the next message may have waited."""
        self.is_irregular = False
        """Whether the distances differ so much that only messages that arrive at once show it."""
        self._jitter_ns = 0.0
        self._has_burst = False
        self._calm = 0
        self._least_ns = 0.0  # the shortest time that a message may have waited
        self._still_ns = 0  # since it became notably shorter

    def judge(self, gap_ns: int, limit_ns: int) -> bool:
        """
        Return whether a message may have waited.

        :param gap_ns: since the message before it.
        :param limit_ns: the longest delay of a message that is not late.
        """
        usual_ns = self.usual_ns
        if not self.behind_ns:
            excess_ns = gap_ns - usual_ns
            if self.count >= USUAL_COUNT and excess_ns > limit_ns:
                self.behind_ns, self._has_burst, self._calm = excess_ns, False, 0
                self._least_ns, self._still_ns = excess_ns, 0
                self.is_irregular = excess_ns <= 4 * self._jitter_ns
                if self.is_irregular:
                    self._learn(gap_ns)
                return True
            self._learn(gap_ns)
            return False
        if self.is_irregular:
            self._learn(gap_ns)
        self.behind_ns = max(1.0, self.behind_ns + gap_ns - usual_ns)
        self._still_ns += gap_ns
        if self.behind_ns < self._least_ns - limit_ns / 2:
            self._least_ns, self._still_ns = self.behind_ns, 0
        elif self._still_ns > STILL_NS:  # as when messages are read several at a time
            self.behind_ns = 0.0
            return False
        if gap_ns < (AT_ONCE_NS if self.is_irregular else 0.8 * usual_ns):
            self._has_burst, self._calm = True, 0
            return True
        return not self._is_calm(limit_ns)

    def settle(self, limit_ns: int) -> bool:
        """
        Note that no other message came; return whether the last one has waited all the same.

        Messages that waited may also arrive with pauses.

        :param limit_ns: the longest delay of a message that is not late.
        """
        return not self._is_calm(limit_ns)

    def _is_calm(self, limit_ns: int) -> bool:
        """Return whether nothing waits any more, after a message at the usual distance or none."""
        self._calm += 1
        if self._has_burst and self.behind_ns > limit_ns and self._calm < CALM_COUNT:
            return False
        self.behind_ns = 0.0
        return True

    def _learn(self, gap_ns: int) -> None:
        self.count += 1
        weight = max(1 / 8, 1 / self.count)
        difference_ns = gap_ns - self.usual_ns
        self.usual_ns += difference_ns * weight
        if self.count > 1:
            self._jitter_ns += (abs(difference_ns) - self._jitter_ns) * weight


class Confirmation:
    """Whether the smallest lag of a new device is that of a message without delay."""

    def __init__(self) -> None:
        self.fell_ns = 0
        """When the last message with a notably smaller lag arrived."""
        self._fell_lag_ns = 0
        self._begun_ns = self._begun_lag_ns = 0

    def begin(self, lag_ns: int, arrival_ns: int) -> None:
        """Take the first message."""
        self._begun_lag_ns = self._fell_lag_ns = lag_ns
        self._begun_ns = self.fell_ns = arrival_ns

    def judge(self, lag_ns: int, arrival_ns: int, skew_ns: int) -> float:
        """
        Return the rate of the clock if that explains why the lag falls, or else why it does not.

        :returns: 0.0 while messages may have waited, for then the lag falls, too.
        """
        if self._fell_lag_ns - lag_ns <= max(MIN_FALL_NS, skew_ns // 4):
            return 1.0 if arrival_ns - self.fell_ns >= CONFIRM_NS else 0.0
        self.fell_ns, self._fell_lag_ns = arrival_ns, lag_ns
        elapsed_ns, fall_ns = arrival_ns - self._begun_ns, self._begun_lag_ns - lag_ns
        rate = 1 + fall_ns / max(elapsed_ns, 1)
        fast_ns = CONFIRM_NS if fall_ns > LONGEST_WAIT_NS else FAST_NS
        return rate if elapsed_ns > fast_ns and may_be_fast(rate) else 0.0


class SetBack:
    """Whether the last messages show that a clock was set back."""

    def __init__(self) -> None:
        self.count = 0
        """The messages in a row that show it."""
        self._begun_ns = self._lag_ns = 0

    def judge(self, step_ns: int, lag_ns: int, arrival_ns: int, limit_ns: int) -> bool:
        """Return whether enough messages show it, this one included."""
        if step_ns < 0 or (self.count and lag_ns < self._lag_ns - limit_ns):
            self.count, self._begun_ns, self._lag_ns = 1, arrival_ns, lag_ns
        elif self.count:
            if lag_ns > self._lag_ns + limit_ns:
                self.count = 0
            elif step_ns > 0:
                self.count += 1
        return self.count >= SET_BACK_COUNT and arrival_ns - self._begun_ns >= CONFIRM_NS


class Ticks:
    """The steps in which a clock advances, from timestamps that repeat."""

    def __init__(self, clock: DeviceClock) -> None:
        self.changed_ns = 0
        """When the timestamp changed the last time."""
        self._clock = clock
        self._has_stood = False  # it has repeated since
        self._tick_ns = 0  # by how much it changed after it had stood still
        self._fine = 0  # changes in a row, each with the next message

    def stands_still(self, is_same: bool, stood_ns: int) -> bool:
        """
        Return whether a message with the timestamp of the last one only repeats it.

        Another content at the same time shows the steps in which the clock advances.
        """
        clock = self._clock
        self._has_stood = True
        if clock.mode != 'receive' and is_same:
            return not clock.grain_ns or stood_ns > clock.grain_ns + clock.limit_ns
        clock.grain_ns = max(clock.grain_ns, stood_ns)
        return False

    def change(self, step_ns: int, stood_ns: int, arrival_ns: int) -> None:
        """Learn from a timestamp that differs from the last one."""
        clock = self._clock
        self.changed_ns = arrival_ns
        if self._has_stood:
            if clock.grain_ns or abs(step_ns - self._tick_ns) <= step_ns // 50:
                clock.grain_ns = max(clock.grain_ns, min(step_ns, stood_ns))
            self._tick_ns = step_ns
        self._fine = 0 if self._has_stood else self._fine + 1
        if clock.grain_ns and self._fine >= FINE_COUNT:
            clock.grain_ns = 0
        self._has_stood = False


class Timeliness:
    """
    Stamps the messages of one device, and decides which of them are late.

    :param peer_clock: of the peer.
    """

    def __init__(self, peer_clock: PeerClock) -> None:
        self.peer_clock = peer_clock
        self.clock = DeviceClock(peer_clock)
        self._arrival_ns = 0  # of the last message
        self._device_ns = 0  # its time on the device's clock
        self._has_time = False  # the last one had one
        self._has_begun = False  # one of them had one
        self._content: Any = None
        self._is_usual = False  # nothing is unusual about this device and its clock
        self._forward = 0  # steps in a row
        self._next_sample_ns = 0
        self._confirmation = Confirmation()
        self._set_back = SetBack()
        self._ticks = Ticks(self.clock)
        self._cadence = Cadence()
        self._rate = ClockRate()

    def judge(
        self, timestamp: int, content: Any, arrival_ns: int, receive_ns: int
    ) -> tuple[Stamp, int]:
        """
        Return the stamp of a message, and how long to wait for another one before it is believed.

        After that time call :meth:`settle`, unless another message has come; then this one is
        late if that one is.

        :param timestamp: raw 32.32 word of the header; 0 is unset.
        :param content: tells a repeated message from another one at the same time of a clock.
        :param arrival_ns: of its last byte, on our steady clock.
        :param receive_ns: the same, in ROS time, since the epoch.
        """
        clock = self.clock
        ros_ns = receive_ns - arrival_ns
        has_jumped = abs(ros_ns - clock.ros_ns) > MAX_DRIFT_NS  # our own clock
        if self._is_usual and timestamp and arrival_ns < self._next_sample_ns and not has_jumped:
            # most messages pass here; the rest does the same step by step
            device_ns = timestamp * NANOSECONDS_PER_SECOND >> 32
            delay_ns = arrival_ns - device_ns - clock.lag_ns
            if device_ns > self._device_ns and 0 <= delay_ns <= clock.limit_ns:
                self._device_ns, self._content, clock.count = device_ns, content, clock.count + 1
                self._arrival_ns = self._ticks.changed_ns = arrival_ns
                if clock.mode == 'receive':
                    return Stamp(receive_ns, '', arrival_ns), 0
                if clock.correcting:
                    return Stamp(device_ns + clock.lag_ns + ros_ns, '', arrival_ns), 0
                return Stamp(device_ns, '', arrival_ns), 0
        return self._judge(timestamp, content, arrival_ns, receive_ns)

    def settle(self) -> str:
        """
        Note that no other message has come in the time that :meth:`judge` returned.

        :returns: the fault of the last message, or ''.
        """
        clock = self.clock
        is_late = self._cadence.settle(clock.limit_ns)
        if self._has_time and not clock.is_known:
            clock.is_known = True
            is_late = self._arrival_ns - self._device_ns - clock.lag_ns > clock.limit_ns
        return 'late' if is_late else ''

    def _judge(
        self, timestamp: int, content: Any, arrival_ns: int, receive_ns: int
    ) -> tuple[Stamp, int]:
        """Do as :meth:`judge`, for any message."""
        clock = self.clock
        gap_ns = arrival_ns - self._arrival_ns if clock.count else 0
        clock.count += 1
        self._arrival_ns = arrival_ns
        has_waited = self._cadence.judge(gap_ns, clock.limit_ns) if clock.count > 1 else False
        device_ns = clock.device_time_ns(timestamp)
        self._has_time = device_ns is not None
        if device_ns is None:
            self._is_usual = False
            return self._judge_by_cadence(has_waited, receive_ns)
        fault = self._judge_by_time(device_ns, content, receive_ns - arrival_ns)
        stamp_ns = clock.stamp_ns(device_ns, arrival_ns, receive_ns)
        clock.become_main()
        self._is_usual = (
            clock.is_known
            and not (fault or self._set_back.count or self._forward or clock.grain_ns)
            and clock.rate == 1.0
            and clock.mode != 'device'
        )
        if fault == 'clock_unconfirmed':
            hold_ns = self._confirmation.fell_ns + CONFIRM_NS - arrival_ns
            return Stamp(stamp_ns, fault, arrival_ns), hold_ns
        if fault or clock.is_trusted:
            return Stamp(stamp_ns, fault, arrival_ns), 0
        stamp, hold_ns = self._judge_by_cadence(has_waited, receive_ns)
        return (stamp if clock.mode != 'device' else stamp._replace(ns=stamp_ns)), hold_ns

    def _judge_by_cadence(self, has_waited: bool, receive_ns: int) -> tuple[Stamp, int]:
        cadence, arrival_ns = self._cadence, self._arrival_ns
        if not has_waited:
            return Stamp(receive_ns, '', arrival_ns), 0
        hold_ns = min(MAX_HOLD_NS, max(MIN_HOLD_NS, int(cadence.usual_ns)))
        if cadence.is_irregular:
            hold_ns = MIN_HOLD_NS
        return Stamp(receive_ns - int(cadence.behind_ns), 'late', arrival_ns), hold_ns

    def _judge_by_time(self, device_ns: int, content: Any, ros_ns: int) -> str:
        """Return the fault of a message that has a timestamp, or ''."""
        clock, arrival_ns = self.clock, self._arrival_ns
        lag_ns, step_ns = arrival_ns - device_ns, device_ns - self._device_ns
        last_content, self._device_ns, self._content = self._content, device_ns, content
        if not self._has_begun:
            self._has_begun, step_ns = True, 1
            self._ticks.changed_ns = arrival_ns
            clock.begin(lag_ns, arrival_ns, ros_ns)
            self._confirmation.begin(lag_ns, arrival_ns)
        gap_ns = arrival_ns - self._ticks.changed_ns
        if step_ns == 0:
            if self._ticks.stands_still(
                content is last_content or content == last_content, gap_ns
            ):
                return 'repeated'
        else:
            self._ticks.change(step_ns, gap_ns, arrival_ns)
        delay_ns = clock.observe(lag_ns, arrival_ns)
        if not clock.is_known:
            rate = self._confirmation.judge(lag_ns, arrival_ns, self.peer_clock.skew_ns)
            if not rate:
                return 'clock_unconfirmed'
            clock.rate, clock.is_known = rate, True
        if arrival_ns >= self._next_sample_ns:
            self._next_sample_ns = arrival_ns + SAMPLE_NS
            self._learn_rate(Sample(arrival_ns, lag_ns, delay_ns, clock.count))
            if not clock.is_known:
                return 'clock_unconfirmed'
        if clock.rate != 1.0:
            return ''
        return self._judge_delay(delay_ns, step_ns, gap_ns)

    def _judge_delay(self, delay_ns: int, step_ns: int, gap_ns: int) -> str:
        """Return whether a message is late, which it is not if its clock was set."""
        clock, arrival_ns = self.clock, self._arrival_ns
        lag_ns = arrival_ns - self._device_ns
        limit_ns = clock.limit_ns + clock.grain_ns
        if delay_ns > limit_ns:
            if not self._set_back.judge(step_ns, lag_ns, arrival_ns, clock.limit_ns):
                return 'late'
            clock.set_by(-delay_ns, lag_ns)
        elif delay_ns < -limit_ns:
            self._forward += 1
            if self._forward >= FORWARD_COUNT:
                clock.rate = step_ns / max(gap_ns, 1)
            clock.set_by(-delay_ns, lag_ns)
        else:
            self._forward = 0
        self._set_back.count = 0
        clock.note_jitter(delay_ns, arrival_ns)
        return ''

    def _learn_rate(self, sample: Sample) -> None:
        """Learn the rate of the clock from one more of its messages."""
        clock = self.clock
        if clock.grain_ns > clock.limit_ns:
            return
        rate = self._rate.learn(sample, clock)
        if rate == 1.0 != clock.rate:  # messages that waited have passed for a slow clock
            clock.is_known, clock.lag_ns = False, sample.lag_ns
            self._confirmation.begin(sample.lag_ns, sample.arrival_ns)
        clock.rate = rate

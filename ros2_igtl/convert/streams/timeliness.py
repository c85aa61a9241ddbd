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

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple

from ros2_igtl.convert.math.stamps import NANOSECONDS_PER_SECOND
from ros2_igtl.convert.streams.peer_clock import DRIFT_SHIFT, PeerClock, Stamp

CONFIRM_NS = 100_000_000  # in this time nothing that waited arrives any more
MIN_FALL_NS = 5_000_000  # a smaller fall of the lag is a smaller delay by chance
LONGEST_WAIT_NS = 60_000_000_000  # lags that have fallen by more are those of a fast clock
FAST_NS = 1_000_000_000  # so are those that have fallen for so long
SET_BACK_COUNT = 3  # messages that show that a clock was set back
FORWARD_COUNT = 3  # steps forward in a row, which are a fast clock
FINE_COUNT = 20  # messages in a row at different times, after which a clock is not coarse

SAMPLE_NS = 50_000_000  # between two samples of the lag
MAX_DRIFT_NS = 1_000_000  # of our own two clocks in this time
SAMPLES = 64
PARTS = 5  # whose lags are compared, to tell even growth from a step

USUAL_COUNT = 5  # distances between messages, from which the usual one is known
CALM_COUNT = 3  # messages at the usual distance, after which none wait any more
MIN_HOLD_NS, MAX_HOLD_NS = 5_000_000, 100_000_000


class Sample(NamedTuple):
    """
    The lag of one message.

    :ivar delay_ns: how much it exceeds the smallest lag until then.
    :ivar number: of the message.
    """

    arrival_ns: int
    lag_ns: int
    delay_ns: int
    number: int


class Cadence:
    """Which messages have waited, judged by the distances between arrivals alone."""

    def __init__(self) -> None:
        self.usual_ns = 0.0
        """The usual distance between two messages."""
        self.count = 0
        """How many distances this was taken from."""
        self.behind_ns = 0.0
        """How long the next message may have waited."""
        self._jitter_ns = 0.0
        self._has_burst = False
        self._calm = 0

    def judge(self, gap_ns: int, limit_ns: int) -> bool:
        """
        Return whether a message may have waited.

        :param gap_ns: since the message before it.
        :param limit_ns: the longest delay of a message that is not late.
        """
        usual_ns = self.usual_ns
        if not self.behind_ns:
            excess_ns = gap_ns - usual_ns
            if self.count >= USUAL_COUNT and excess_ns > max(limit_ns, 4 * self._jitter_ns):
                self.behind_ns, self._has_burst, self._calm = excess_ns, False, 0
                return True
            self._learn(gap_ns)
            return False
        self.behind_ns = max(1.0, self.behind_ns + gap_ns - usual_ns)
        if gap_ns < 0.8 * usual_ns:
            self._has_burst, self._calm = True, 0
            return True
        self._calm += 1
        if self._has_burst and self.behind_ns > limit_ns and self._calm < CALM_COUNT:
            return True
        self.settle()
        return False

    def settle(self) -> None:
        """Note that nothing waits any more."""
        self.behind_ns = 0.0

    def _learn(self, gap_ns: int) -> None:
        self.count += 1
        weight = max(1 / 8, 1 / self.count)
        difference_ns = gap_ns - self.usual_ns
        self.usual_ns += difference_ns * weight
        if self.count > 1:
            self._jitter_ns += (abs(difference_ns) - self._jitter_ns) * weight


class Timeliness:
    """
    Stamps the messages of one device, and decides which of them are late.

    :param clock: of the peer.
    """

    def __init__(self, clock: PeerClock) -> None:
        self.clock = clock
        self._count = 0  # of messages
        self._arrival_ns = 0  # of the last one
        self._device_ns = 0  # its time on the peer's clock
        self._has_time = False  # it had one
        self._content: Any = None
        self._is_usual = False  # nothing is unusual about this device and its clock
        self._least_ns = self._least_at_ns = 0  # the smallest lag
        self._is_confirmed = False
        self._begun_ns = self._begun_lag_ns = 0  # the first message that is not confirmed
        self._fell_ns = self._fell_lag_ns = 0  # the last of them with a notably smaller lag
        self._changed_ns = 0  # when the timestamp changed
        self._has_stood = False  # it has repeated since
        self._tick_ns = 0  # by how much it changed after it had stood still
        self._fine = 0  # changes in a row, each with the next message
        self._forward = 0  # steps in a row
        self._set_back = 0  # messages in a row that show a clock that was set back
        self._set_back_ns = self._set_back_lag_ns = 0  # the first of them
        self._cadence = Cadence()
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)
        self._next_sample_ns = 0

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
            delay_ns = arrival_ns - device_ns - self._least_ns
            if device_ns > self._device_ns and 0 <= delay_ns <= clock.limit_ns:
                self._device_ns, self._content, self._count = device_ns, content, self._count + 1
                self._arrival_ns = self._changed_ns = arrival_ns
                if clock.mode == 'receive':
                    return Stamp(receive_ns), 0
                if clock.correcting:
                    return Stamp(device_ns + clock.lag_ns + ros_ns), 0
                return Stamp(device_ns), 0
        return self._judge(timestamp, content, arrival_ns, receive_ns)

    def settle(self) -> str:
        """
        Note that no other message has come in the time that :meth:`judge` returned.

        :returns: the fault of the last message, or ''.
        """
        self._cadence.settle()
        if self._has_time and not self._is_confirmed:
            self._confirm()
            if self._arrival_ns - self._device_ns - self._least_ns > self.clock.limit_ns:
                return 'late'
        return ''

    def _judge(
        self, timestamp: int, content: Any, arrival_ns: int, receive_ns: int
    ) -> tuple[Stamp, int]:
        """Do as :meth:`judge`, for any message."""
        clock = self.clock
        gap_ns = arrival_ns - self._arrival_ns if self._count else 0
        self._count += 1
        self._arrival_ns = arrival_ns
        has_waited = self._cadence.judge(gap_ns, clock.limit_ns) if self._count > 1 else False
        device_ns = clock.device_time_ns(timestamp)
        if device_ns is None:
            self._has_time = self._is_usual = False
            return self._judge_by_cadence(has_waited, receive_ns)
        fault = self._judge_by_time(device_ns, content, receive_ns - arrival_ns)
        stamp_ns = clock.stamp_ns(device_ns, arrival_ns, receive_ns)
        self._is_usual = (
            self._is_confirmed
            and not (fault or self._set_back or self._forward or clock.grain_ns)
            and clock.rate == 1.0
            and clock.mode != 'device'
        )
        if fault == 'clock_unconfirmed':
            return Stamp(stamp_ns, fault), self._fell_ns + CONFIRM_NS - arrival_ns
        if fault or clock.is_trusted:
            return Stamp(stamp_ns, fault), 0
        stamp, hold_ns = self._judge_by_cadence(has_waited, receive_ns)
        return (stamp if clock.mode != 'device' else Stamp(stamp_ns, stamp.fault)), hold_ns

    def _judge_by_cadence(self, has_waited: bool, receive_ns: int) -> tuple[Stamp, int]:
        if not has_waited:
            return Stamp(receive_ns), 0
        hold_ns = min(MAX_HOLD_NS, max(MIN_HOLD_NS, int(self._cadence.usual_ns)))
        return Stamp(receive_ns - int(self._cadence.behind_ns), 'late'), hold_ns

    def _judge_by_time(self, device_ns: int, content: Any, ros_ns: int) -> str:
        """Return the fault of a message that has a timestamp, or ''."""
        clock, arrival_ns = self.clock, self._arrival_ns
        lag_ns, step_ns = arrival_ns - device_ns, device_ns - self._device_ns
        last_content, self._device_ns, self._content = self._content, device_ns, content
        if not self._has_time:
            self._has_time, step_ns = True, 1
            self._begin(lag_ns, arrival_ns, ros_ns)
        gap_ns = arrival_ns - self._changed_ns
        if step_ns == 0:
            if self._stands_still(content is last_content or content == last_content, gap_ns):
                return 'repeated'
        else:
            self._note_change(step_ns, gap_ns)
            self._changed_ns = arrival_ns
        least_ns = self._least_ns + (arrival_ns - self._least_at_ns >> DRIFT_SHIFT)
        self._least_ns, self._least_at_ns = min(least_ns, lag_ns), arrival_ns
        if not self._is_confirmed and not self._may_confirm(lag_ns, arrival_ns):
            clock.observe(self._least_ns, arrival_ns, False)
            return 'clock_unconfirmed'
        if arrival_ns >= self._next_sample_ns:
            self._next_sample_ns = arrival_ns + SAMPLE_NS
            self._samples.append(Sample(arrival_ns, lag_ns, lag_ns - least_ns, self._count))
            if clock.is_trusted:
                self._learn_rate()
        if clock.rate != 1.0:
            return ''
        return self._judge_delay(lag_ns - least_ns, step_ns, gap_ns)

    def _judge_delay(self, delay_ns: int, step_ns: int, gap_ns: int) -> str:
        """Return whether a message is late, which it is not if its clock was set."""
        clock, arrival_ns = self.clock, self._arrival_ns
        lag_ns = arrival_ns - self._device_ns
        limit_ns = clock.limit_ns + clock.grain_ns
        if delay_ns > limit_ns:
            if not self._is_set_back(step_ns, lag_ns, arrival_ns):
                return 'late'
            clock.set_by(-delay_ns, lag_ns, arrival_ns)
            self._least_ns = lag_ns
        elif delay_ns < -limit_ns:
            self._forward += 1
            if self._forward >= FORWARD_COUNT:
                clock.rate = step_ns / max(gap_ns, 1)
            clock.set_by(-delay_ns, lag_ns, arrival_ns)
        else:
            self._forward = 0
        self._set_back = 0
        clock.observe(lag_ns, arrival_ns, True)
        return ''

    def _begin(self, lag_ns: int, arrival_ns: int, ros_ns: int) -> None:
        """Take the first message as it is, if its lag fits what is known of the clock."""
        clock = self.clock
        self._least_ns = self._begun_lag_ns = self._fell_lag_ns = lag_ns
        self._begun_ns = self._fell_ns = self._least_at_ns = self._changed_ns = arrival_ns
        self._samples.clear()
        limit_ns = clock.limit_ns + clock.grain_ns
        self._is_confirmed = clock.mode == 'device' or clock.excess_ns(lag_ns, ros_ns) <= limit_ns

    def _may_confirm(self, lag_ns: int, arrival_ns: int) -> bool:
        """Return whether the lag has stopped falling, or is that of a fast clock."""
        fall_ns = self._fell_lag_ns - lag_ns
        if fall_ns > max(MIN_FALL_NS, self.clock.skew_ns // 4):
            self._fell_ns, self._fell_lag_ns = arrival_ns, lag_ns
            elapsed_ns = arrival_ns - self._begun_ns
            total_ns = self._begun_lag_ns - lag_ns
            fast_ns = CONFIRM_NS if total_ns > LONGEST_WAIT_NS else FAST_NS
            if elapsed_ns > fast_ns:
                self.clock.rate = 1 + total_ns / elapsed_ns
                self._confirm()
        elif arrival_ns - self._fell_ns >= CONFIRM_NS:
            self._confirm()
        return self._is_confirmed

    def _confirm(self) -> None:
        self._is_confirmed = True
        self.clock.observe(self._least_ns, self._arrival_ns, True)

    def _stands_still(self, is_same: bool, stood_ns: int) -> bool:
        """
        Return whether a message with the timestamp of the last one only repeats it.

        Another content at the same time shows the steps in which the clock advances.
        """
        clock = self.clock
        self._has_stood = True
        if clock.mode != 'receive' and is_same:
            return not clock.grain_ns or stood_ns > clock.grain_ns + clock.limit_ns
        clock.grain_ns = max(clock.grain_ns, stood_ns)
        return False

    def _note_change(self, step_ns: int, stood_ns: int) -> None:
        """Learn the steps of the clock from a timestamp that differs from the last one."""
        clock = self.clock
        if self._has_stood:
            if clock.grain_ns or abs(step_ns - self._tick_ns) <= step_ns // 50:
                clock.grain_ns = max(clock.grain_ns, min(step_ns, stood_ns))
            self._tick_ns = step_ns
        self._fine = 0 if self._has_stood else self._fine + 1
        if clock.grain_ns and self._fine >= FINE_COUNT:
            clock.grain_ns = 0
        self._has_stood = False

    def _is_set_back(self, step_ns: int, lag_ns: int, arrival_ns: int) -> bool:
        """Return whether the last messages show that the clock was set back."""
        if step_ns < 0 or (
            self._set_back and lag_ns < self._set_back_lag_ns - self.clock.limit_ns
        ):
            self._set_back, self._set_back_ns, self._set_back_lag_ns = 1, arrival_ns, lag_ns
        elif self._set_back:
            if lag_ns > self._set_back_lag_ns + self.clock.limit_ns:
                self._set_back = 0
            elif step_ns > 0:
                self._set_back += 1
        return self._set_back >= SET_BACK_COUNT and arrival_ns - self._set_back_ns >= CONFIRM_NS

    def _learn_rate(self) -> None:
        """Learn from lags that grow or fall evenly that the clock runs too slowly or too fast."""
        samples, limit_ns = list(self._samples), self.clock.limit_ns
        if samples[-1].delay_ns <= limit_ns // 2:  # lags of messages that have waited fall, too
            late = [
                number for number, sample in enumerate(samples) if sample.delay_ns > limit_ns // 2
            ]
            rate = _rate(samples[late[-1] + 1 if late else 0 :], limit_ns // 2)
            if rate > 1.0:
                self.clock.rate = rate
            return
        level_ns = self._least_ns + limit_ns // 4
        low = [n for n, sample in enumerate(samples) if sample.lag_ns <= level_ns]
        rise = samples[low[-1] if low else 0 :]
        rate = _rate(rise, limit_ns // 2)
        # if fewer messages arrive than before, they wait longer and longer
        before_ns = _distance_ns(samples[low[0] : low[-1] + 1]) if low else inf
        if rate < 1.0 and _distance_ns(rise) <= before_ns * (1 + (1 - rate) / 2 + 0.05):
            self.clock.rate = rate


def _rate(samples: Sequence[Sample], least_ns: int) -> float:
    """
    Return the rate of a clock from samples of the lag, 1.0 if they do not change evenly.

    :param least_ns: the smallest change that counts.
    """
    size = len(samples) // PARTS
    if not size:
        return 1.0
    parts = [samples[-size * (number + 1) :][:size] for number in reversed(range(PARTS))]
    lags_ns = [min(sample.lag_ns for sample in part) for part in parts]
    change_ns = lags_ns[-1] - lags_ns[0]
    if abs(change_ns) < least_ns:
        return 1.0
    steps = [(after - before) / change_ns for before, after in pairwise(lags_ns)]
    if not all(0.1 <= step <= 0.5 for step in steps):
        return 1.0
    return 1 - change_ns / (parts[-1][0].arrival_ns - parts[0][0].arrival_ns)


def _distance_ns(samples: Sequence[Sample]) -> float:
    """Return the mean distance between the messages of a time; infinite if they are too few."""
    count = samples[-1].number - samples[0].number
    elapsed_ns = samples[-1].arrival_ns - samples[0].arrival_ns
    return elapsed_ns / count if count >= USUAL_COUNT else inf

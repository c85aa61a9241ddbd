# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.streams.peer_clock: the facts about a clock, and the stamps that follow."""

from typing import Any

import pytest

from ros2_igtl.codec import timestamp as codec_timestamp
from ros2_igtl.convert.streams.peer_clock import PeerClock

S = 1_000_000_000
MS = 1_000_000
NOW = 1_700_000_000 * S


@pytest.mark.parametrize('mode', ['device', 'receive', 'auto'])
def test_f23_no_timestamp_is_no_time(mode: Any) -> None:
    clock = PeerClock(mode, time_offset_ns=5)
    assert clock.device_time_ns(0) is None
    assert (clock.offset_ns, clock.jitter_ns, clock.out_of_range) == (0, 0, 0)


def test_b32_a_timestamp_after_2038_is_counted() -> None:
    clock = PeerClock()
    assert clock.device_time_ns(2**64 - 1) is None
    assert clock.out_of_range == 1
    assert clock.device_time_ns(codec_timestamp.from_nanoseconds(NOW)) == NOW


def test_mode_device_adds_its_offset_and_nothing_else() -> None:
    clock = PeerClock('device', time_offset_ns=-3 * S)
    assert clock.stamp_ns(NOW, 0, NOW + 70 * S) == NOW - 3 * S


def test_b32_an_offset_that_leads_out_of_ros_time_is_not_used() -> None:
    clock = PeerClock('device', time_offset_ns=-2 * S)
    assert clock.stamp_ns(S, 0, NOW) == NOW
    assert clock.out_of_range == 1


def test_mode_receive_believes_the_arrival() -> None:
    clock = PeerClock('receive')
    assert clock.stamp_ns(NOW - S, 0, NOW) == NOW


def test_mode_auto_corrects_while_the_clocks_differ() -> None:
    clock = PeerClock('auto')
    clock.observe(100 * S - NOW, 100 * S, True)  # they agree
    assert clock.stamp_ns(NOW, 100 * S + 10 * MS, NOW + 10 * MS) == NOW
    assert not clock.correcting
    clock.set_by(-3 * S, 103 * S - NOW, 103 * S)
    assert clock.stamp_ns(NOW, 103 * S + 10 * MS, NOW + 3 * S + 10 * MS) == NOW + 3 * S
    assert clock.correcting
    assert clock.offset_ns == 3 * S


def test_the_offset_at_the_limit_does_not_make_stamps_jump() -> None:
    corrected = []
    clock = PeerClock('auto', max_clock_skew_ns=50 * MS)
    for offset_ms in (49, 50, 49, 26, 24, 49):
        clock.observe(-NOW, 0, True)
        clock.stamp_ns(NOW, 0, offset_ms * MS + NOW)
        corrected.append(clock.correcting)
    assert corrected == [False, True, True, True, False, False]


def test_of_all_lags_the_smallest_is_the_offset() -> None:
    clock = PeerClock()
    for lag_ms in (4, 2, 7, 3):
        clock.observe(lag_ms * MS, 0, True)
    assert clock.offset_ns == 2 * MS
    assert clock.jitter_ns == 5 * MS


def test_the_longest_delay_is_forgotten_in_ten_seconds() -> None:
    clock = PeerClock()
    clock.observe(0, 0, True)
    clock.observe(40 * MS, S, True)
    assert clock.jitter_ns == pytest.approx(40 * MS, rel=0.02)
    clock.observe(0, 11 * S, True)
    assert clock.jitter_ns == 0


def test_the_offset_outlasts_a_silence() -> None:
    """122 ppm of drift in an hour are 0.44 s, which is more than a quartz has."""
    clock = PeerClock()
    clock.observe(0, 0, True)
    clock.observe(10 * S, 3600 * S, True)
    assert clock.offset_ns == pytest.approx(3600 * S / 8192, rel=0.01)


def test_a_guess_is_replaced_by_what_is_confirmed() -> None:
    clock = PeerClock()
    clock.observe(MS, 0, False)
    assert (clock.has_observed, clock.is_known) == (True, False)
    clock.observe(9 * MS, 0, True)
    assert (clock.is_known, clock.offset_ns) == (True, 9 * MS)


def test_two_devices_that_show_the_same_step_count_once() -> None:
    clock = PeerClock()
    clock.observe(0, 0, True)
    clock.set_by(-3 * S, 3 * S, S)
    clock.set_by(-3 * S, 3 * S + MS, S)
    assert (clock.steps, clock.last_step_ns) == (1, -3 * S)


@pytest.mark.parametrize(('grain_ns', 'rate'), [(S, 1.0), (0, 1.02)])
def test_a_clock_that_does_not_tell_the_time_is_not_used(grain_ns: int, rate: float) -> None:
    clock = PeerClock()
    clock.grain_ns, clock.rate = grain_ns, rate
    assert not clock.is_trusted
    assert clock.stamp_ns(NOW, 0, NOW + 3 * S) == NOW + 3 * S


def test_a_mode_nobody_knows_is_refused() -> None:
    mode: Any = 'gps'
    with pytest.raises(ValueError, match='device, receive and auto'):
        PeerClock(mode)

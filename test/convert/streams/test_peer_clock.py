# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.streams.peer_clock: the facts about clocks, and the stamps that follow."""

from typing import Any

import pytest

from ros2_igtl.codec import timestamp as codec_timestamp
from ros2_igtl.convert.streams.peer_clock import DeviceClock, PeerClock

S = 1_000_000_000
MS = 1_000_000
NOW = 1_700_000_000 * S


def make(mode: Any = 'auto', **options: int) -> DeviceClock:
    """Return the clock of the only device of a peer."""
    return DeviceClock(PeerClock(mode, **options))


@pytest.mark.parametrize('mode', ['device', 'receive', 'auto'])
def test_f23_no_timestamp_is_no_time(mode: Any) -> None:
    clock = make(mode, time_offset_ns=5)
    assert clock.device_time_ns(0) is None
    assert (clock.offset_ns, clock.jitter_ns, clock.peer.out_of_range) == (0, 0, 0)


def test_b32_a_timestamp_after_2038_is_counted() -> None:
    clock = make()
    assert clock.device_time_ns(2**64 - 1) is None
    assert clock.peer.out_of_range == 1
    assert clock.device_time_ns(codec_timestamp.from_nanoseconds(NOW)) == NOW


def test_mode_device_adds_its_offset_and_nothing_else() -> None:
    clock = make('device', time_offset_ns=-3 * S)
    assert clock.stamp_ns(NOW, 0, NOW + 70 * S) == NOW - 3 * S


def test_b32_an_offset_that_leads_out_of_ros_time_is_not_used() -> None:
    clock = make('device', time_offset_ns=-2 * S)
    assert clock.stamp_ns(S, 0, NOW) == NOW
    assert clock.peer.out_of_range == 1


def test_mode_receive_believes_the_arrival() -> None:
    clock = make('receive')
    assert clock.stamp_ns(NOW - S, 0, NOW) == NOW


def test_mode_auto_corrects_while_the_clocks_differ() -> None:
    clock = make('auto')
    clock.begin(100 * S - NOW, 100 * S, NOW - 100 * S)  # they agree
    assert clock.stamp_ns(NOW, 100 * S + 10 * MS, NOW + 10 * MS) == NOW
    assert not clock.correcting
    clock.set_by(-3 * S, 103 * S - NOW)
    assert clock.stamp_ns(NOW, 103 * S + 10 * MS, NOW + 3 * S + 10 * MS) == NOW + 3 * S
    assert clock.correcting
    assert clock.offset_ns == 3 * S


def test_the_offset_at_the_limit_does_not_make_stamps_jump() -> None:
    corrected = []
    clock = make('auto', max_clock_skew_ns=50 * MS)
    for offset_ms in (49, 50, 49, 26, 24, 49):
        clock.begin(-NOW, 0, NOW)
        clock.stamp_ns(NOW, 0, offset_ms * MS + NOW)
        corrected.append(clock.correcting)
    assert corrected == [False, True, True, True, False, False]


def test_of_all_lags_the_smallest_is_the_offset() -> None:
    clock = make()
    clock.begin(4 * MS, 0, 0)
    delays_ms = [clock.observe(lag_ms * MS, 0) / MS for lag_ms in (4, 2, 7, 3)]
    assert clock.offset_ns == 2 * MS
    assert delays_ms == [0, -2, 5, 1]


def test_the_longest_delay_is_forgotten_in_ten_seconds() -> None:
    clock = make()
    clock.note_jitter(40 * MS, S)
    assert clock.jitter_ns == 40 * MS
    clock.note_jitter(10 * MS, 6 * S)
    assert clock.jitter_ns == 25 * MS
    clock.note_jitter(-MS, 16 * S)
    assert clock.jitter_ns == 0


def test_the_offset_outlasts_a_silence() -> None:
    """122 ppm of drift in an hour are 0.44 s, which is more than a quartz has."""
    clock = make()
    clock.begin(0, 0, 0)
    clock.observe(10 * S, 3600 * S)
    assert clock.offset_ns == pytest.approx(3600 * S / 8192, rel=0.01)


def test_a_first_message_agrees_with_ros_time_or_is_not_believed() -> None:
    for lag_ms, is_known in ((49, True), (-49, True), (51, False), (-51, False)):
        clock = make()
        clock.begin(lag_ms * MS - NOW, 0, NOW)
        assert clock.is_known == is_known
    clock = make('device')
    clock.begin(-3 * S, 0, 0)
    assert clock.is_known


def test_a_device_whose_clock_agrees_with_the_main_one_has_its_faults_too() -> None:
    peer = PeerClock()
    main = DeviceClock(peer)
    main.begin(0, 0, 0)
    main.grain_ns, main.count = S, 3
    main.become_main()
    for lag_ms, is_known in ((900, True), (-900, True), (1100, False), (-1100, False)):
        clock = DeviceClock(peer)
        clock.begin(lag_ms * MS, 0, 0)
        assert (clock.is_known, clock.grain_ns) == (is_known, S if is_known else 0)
    main.rate = 0.01
    clock = DeviceClock(peer)
    clock.begin(1000 * S, 0, 0)
    assert (clock.is_known, clock.rate) == (False, 0.01)


def test_the_main_clock_is_that_of_the_device_with_most_messages_by_far() -> None:
    peer = PeerClock()
    first, second = DeviceClock(peer), DeviceClock(peer)
    for count, other_count, main in ((1, 0, first), (5, 2, first), (6, 15, second)):
        first.count, second.count = count, other_count
        first.become_main()
        second.become_main()
        assert peer.main is main


def test_a_clock_differs_from_the_main_one_by_more_than_a_delay() -> None:
    peer = PeerClock()
    for number, differs in ((0, False), (40, False), (60, True), (-60, True)):
        clock = DeviceClock(peer)
        clock.begin(number * MS, 0, -number * MS)
        clock.is_known = True
        clock.count = 1
        clock.become_main()
        assert clock.differs == differs


@pytest.mark.parametrize(('grain_ns', 'rate'), [(S, 1.0), (0, 1.02)])
def test_a_clock_that_does_not_tell_the_time_is_not_used(grain_ns: int, rate: float) -> None:
    clock = make()
    clock.grain_ns, clock.rate = grain_ns, rate
    assert not clock.is_trusted
    assert clock.stamp_ns(NOW, 0, NOW + 3 * S) == NOW + 3 * S


def test_a_mode_nobody_knows_is_refused() -> None:
    mode: Any = 'gps'
    with pytest.raises(ValueError, match='device, receive and auto'):
        PeerClock(mode)

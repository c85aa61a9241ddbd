# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.streams.timeliness: an old pose never looks new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.clock_scenarios import (
    EPOCH_NS,
    MS,
    NETWORK_NS,
    SKEW_NS,
    STEADY_NS,
    Clock,
    Release,
    S,
    at_rate,
    detour,
    draining,
    frozen,
    in_gulps,
    in_steps,
    one_after_another,
    play,
    saturated,
    set_at,
    stuttering,
    swelling,
)
from ros2_igtl.codec import timestamp
from ros2_igtl.convert.streams.peer_clock import PeerClock
from ros2_igtl.convert.streams.timeliness import Cadence, Timeliness

# each with the size of its steps
CLOCKS: dict[str, tuple[Clock, float]] = {
    'exact': (at_rate(1.0), 0.0),
    'steps of 10 ms': (in_steps(0.01), 0.01),
    'steps of 0.25 s': (in_steps(0.25), 0.25),
    'steps of 1 s': (in_steps(1.0), 1.0),
    'stands still': (at_rate(0.0), 0.0),
    '2 % slow': (at_rate(0.98), 0.0),
    '2 % fast': (at_rate(1.02), 0.0),
    '100 times slow': (at_rate(0.01), 0.0),
    '100 times fast': (at_rate(100.0), 0.0),
    '1000 times slow': (at_rate(0.001), 0.0),
    '1000 times fast': (at_rate(1000.0), 0.0),
    'set forward by 3 s': (set_at(8.0, 3.0), 0.0),
    'set back by 3 s': (set_at(8.0, -3.0), 0.0),
    'set forward by an hour': (set_at(8.0, 3600.0), 0.0),
    'set back by an hour': (set_at(8.0, -3600.0), 0.0),
    'none': (lambda true_s: None, 0.0),
}
NETWORKS: dict[str, tuple[Release, float]] = {
    'no delay': (lambda sent_s: 0.0, 20.0),
    '0.1 s': (frozen(10.0, 0.1), 20.0),
    '0.3 s': (frozen(10.0, 0.3), 20.0),
    '1 s': (frozen(10.0, 1.0), 20.0),
    '10 s': (frozen(12.0, 10.0), 40.0),
    '30 s': (frozen(12.0, 30.0), 60.0),
    'again and again': (stuttering(5.0, 1.0), 60.0),
}


@pytest.mark.parametrize('offset_s', [0.0, 3.0, -1000.0])
@pytest.mark.parametrize('network', NETWORKS)
@pytest.mark.parametrize('clock', CLOCKS)
def test_f39_timely_poses_are_on_tf_and_late_ones_never(
    clock: str, network: str, offset_s: float
) -> None:
    shows, grain_s = CLOCKS[clock]
    release, duration_s = NETWORKS[network]
    result = play(shows, release, duration_s=duration_s, offset_s=offset_s)
    assert result.late_on_tf(grain_s) == []
    assert result.share >= 0.95
    assert result.error_s <= SKEW_NS / S + grain_s


@pytest.mark.parametrize('rate_hz', [10.0, 500.0])
@pytest.mark.parametrize('clock', CLOCKS)
def test_f39_at_any_rate_of_messages(clock: str, rate_hz: float) -> None:
    shows, grain_s = CLOCKS[clock]
    result = play(shows, frozen(12.0, 10.0), rate_hz=rate_hz, duration_s=30.0)
    assert result.late_on_tf(grain_s) == []
    assert result.share >= 0.95
    assert result.error_s <= SKEW_NS / S + grain_s


@pytest.mark.parametrize('speed', [1.5, 5.0])
@pytest.mark.parametrize('clock', ['exact', 'steps of 1 s', 'stands still', '2 % slow', 'none'])
def test_f39_messages_that_waited_may_come_slowly(clock: str, speed: float) -> None:
    shows, grain_s = CLOCKS[clock]
    result = play(shows, draining(12.0, 5.0, speed), duration_s=50.0, offset_s=3.0)
    assert result.late_on_tf(grain_s) == []
    assert result.share >= 0.95


@pytest.mark.parametrize('speed', [1.2, 3.0, 100.0])
@pytest.mark.parametrize('offset_s', [0.0, 3.0])
@pytest.mark.parametrize('share', [0.5, 0.9, 0.97])
def test_f39_a_link_that_carries_too_little_is_no_slow_clock(
    share: float, offset_s: float, speed: float
) -> None:
    release = saturated(5.0, 25.0, share, speed)
    result = play(at_rate(1.0), release, duration_s=90.0, offset_s=offset_s)
    assert result.late_on_tf(0.0, 80.0) == []
    assert result.share >= 0.95
    assert result.error_s <= SKEW_NS / S
    assert result.clock.rate == 1.0


@pytest.mark.parametrize('rate_hz', [10.0, 100.0])
@pytest.mark.parametrize('share', [0.02, 0.1, 0.5, 0.9])
def test_f39_nor_is_one_that_carries_too_little_from_the_beginning(
    share: float, rate_hz: float
) -> None:
    release = saturated(0.0, 20.0, share, 3.0)
    result = play(at_rate(1.0), release, duration_s=60.0, rate_hz=rate_hz)
    assert result.late_on_tf(0.0, 30.0) == []
    assert result.share >= 0.95


@pytest.mark.parametrize('offset_s', [0.0, 3.0])
def test_f39_a_delay_that_stays_is_never_taken_for_the_clock(offset_s: float) -> None:
    result = play(at_rate(1.0), detour(10.0, 5.0), duration_s=60.0, offset_s=offset_s)
    assert result.late_on_tf(0.0) == []
    assert len(result.on_tf) == pytest.approx(600, abs=10)


@pytest.mark.parametrize('offset_s', [0.3, 3.0, -1000.0])
def test_f39_a_peer_whose_first_messages_have_waited(offset_s: float) -> None:
    result = play(at_rate(1.0), frozen(0.0, 5.0), duration_s=25.0, offset_s=offset_s)
    assert result.late_on_tf(0.0) == []
    assert result.share >= 0.95
    assert result.error_s <= SKEW_NS / S


@pytest.mark.parametrize('clock', ['exact', 'steps of 1 s', 'stands still', 'none'])
def test_f39_messages_that_waited_may_come_bit_by_bit(clock: str) -> None:
    shows, grain_s = CLOCKS[clock]
    result = play(shows, in_gulps(12.0, 5.0, 20, 0.1), duration_s=40.0)
    assert result.late_on_tf(grain_s) == []
    assert result.share >= 0.95


@pytest.mark.parametrize('delay_s', [0.3, 1.0])
def test_f39_delays_that_grow_from_the_first_messages_on_are_late(delay_s: float) -> None:
    result = play(at_rate(1.0), swelling(0.1, 0.5, delay_s), rate_hz=50.0)
    assert result.late_on_tf(0.0) == []
    assert result.clock.rate == 1.0


@pytest.mark.parametrize(
    'first',
    [swelling(8.0, 3.0, 0.12), draining(0.0, 5.0, 2.0), draining(0.0, 3.0, 1.5)],
    ids=['growing', 'draining', 'slow'],
)
@pytest.mark.parametrize('offset_s', [0.0, -3.0, 3600.0])
def test_f39_delays_that_change_evenly_are_not_taken_for_a_wrong_rate_for_long(
    first: Release, offset_s: float
) -> None:
    release = one_after_another(_until(first, 11.0), frozen(20.0, 2.0))
    result = play(at_rate(1.0), release, duration_s=30.0, offset_s=offset_s)
    assert result.clock.rate == 1.0
    assert [pose for pose in result.late_on_tf(0.0) if pose.sent_ns > 18 * S] == []
    assert result.share >= 0.8


def _until(release: Release, end_s: float) -> Release:
    return lambda sent_s: release(sent_s) if sent_s < end_s else 0.0


@pytest.mark.parametrize('jitter_s', [0.001, 0.003, 0.01])
def test_f20_the_jitter_of_a_network_costs_few_poses(jitter_s: float) -> None:
    for shows, grain_s in CLOCKS.values():
        result = play(shows, jitter_s=jitter_s, offset_s=3.0)
        assert result.share >= 0.95
        assert result.error_s <= SKEW_NS / S + grain_s + 10 * jitter_s


@pytest.mark.parametrize('grain_s', [0.0, 1.0])
def test_a_tool_at_rest_is_no_repetition(grain_s: float) -> None:
    clock = in_steps(grain_s) if grain_s else at_rate(1.0)
    result = play(clock, duration_s=60.0, is_moving=False)
    assert result.share >= 0.95
    assert result.error_s <= SKEW_NS / S + grain_s


def test_f23_a_pose_that_is_repeated_is_not_on_tf() -> None:
    """A tracker that hangs sends its last message again and again."""
    result = play(lambda true_s: min(true_s, 10.0), is_moving=False)
    assert max(pose.sent_ns for pose in result.on_tf) == 10 * S


def test_quartz_clocks_drift_apart_without_cost() -> None:
    for rate in (0.9999, 1.0001):
        result = play(at_rate(rate), rate_hz=5.0, duration_s=3600.0)
        assert result.share == 1.0
        assert result.clock.is_trusted


def test_the_clock_is_described() -> None:
    assert play(in_steps(1.0)).clock.grain_ns == pytest.approx(S, rel=0.02)
    assert play(at_rate(1.02)).clock.rate == pytest.approx(1.02, abs=0.002)
    assert play(at_rate(0.01)).clock.rate == pytest.approx(0.01, abs=0.002)
    clock = play(set_at(8.0, -3.0)).clock
    assert clock.steps == 1
    assert clock.last_step_ns / S == pytest.approx(-3.0, abs=0.05)
    assert clock.offset_ns / S == pytest.approx(3.0, abs=0.05)
    exact = play(at_rate(1.0), offset_s=3.0).clock
    assert (exact.grain_ns, exact.rate, exact.steps) == (0, 1.0, 0)


def test_a_clock_that_was_coarse_for_a_time_is_trusted_again() -> None:
    def clock(true_s: float) -> float | None:
        return in_steps(1.0)(true_s) if true_s < 5.0 else true_s

    result = play(clock)
    assert result.share >= 0.95
    assert result.clock.is_trusted


@pytest.mark.parametrize('ahead_s', [3600.0, 5.0, -3.0, -1000.0])
def test_f39_each_device_has_its_own_clock(ahead_s: float) -> None:
    """One timestamp that is an hour ahead must not take the poses of other devices off tf."""
    peer_clock = PeerClock()
    tracker, other = Timeliness(peer_clock), Timeliness(peer_clock)

    def judge(device: Timeliness, sent_ns: int, ahead_s: float) -> tuple[float, str]:
        shown_ns = EPOCH_NS + sent_ns + round(ahead_s * S)
        arrival_ns = sent_ns + NETWORK_NS
        stamp, _ = device.judge(
            timestamp.from_nanoseconds(shown_ns),
            sent_ns,
            STEADY_NS + arrival_ns,
            EPOCH_NS + arrival_ns,
        )
        return round((stamp.ns - EPOCH_NS - sent_ns) / S, 3), stamp.fault

    judge(other, 0, ahead_s)
    for sent_ns in range(10 * MS, 3 * S, 10 * MS):
        assert judge(tracker, sent_ns, 0.0) == (0.0, '')
        if sent_ns % (100 * MS) == 0:
            error_s, fault = judge(other, sent_ns, ahead_s)
            assert fault or error_s == 0.0
    assert judge(other, 3 * S, ahead_s) == (0.0, '')
    assert other.clock.differs
    assert not tracker.clock.differs
    assert peer_clock.main is tracker.clock


class Desk:
    """A device whose messages are judged one by one; times in milliseconds."""

    def __init__(self, **options: Any) -> None:
        self.timeliness = Timeliness(PeerClock(**options))
        self.clock = self.timeliness.clock

    def judge(self, sent_ms: float | None, arrival_ms: float, content: Any = None) -> Any:
        """Return the stamp in milliseconds, the fault, and how long to wait."""
        raw = 0
        if sent_ms is not None:
            raw = timestamp.from_nanoseconds(EPOCH_NS + round(sent_ms * MS))
        arrival_ns = round(arrival_ms * MS)
        stamp, hold_ns = self.timeliness.judge(
            raw, content, STEADY_NS + arrival_ns, EPOCH_NS + arrival_ns
        )
        return (stamp.ns - EPOCH_NS) / MS, stamp.fault, max(0, hold_ns) / MS


def test_messages_without_timestamp_that_come_at_once_are_timely() -> None:
    desk = Desk()
    assert [desk.judge(None, 0.0) for _ in range(20)] == [(0.0, '', 0.0)] * 20


def test_after_a_silence_a_message_is_held_for_the_usual_distance() -> None:
    desk = Desk()
    for number in range(10):
        assert desk.judge(None, 20.0 * number) == (20.0 * number, '', 0.0)
    assert desk.judge(None, 1000.0) == (200.0, 'late', 20.0)
    assert desk.timeliness.settle() == ''
    assert desk.judge(None, 1020.0) == (1020.0, '', 0.0)


def test_after_a_silence_a_message_at_the_usual_distance_clears_the_doubt() -> None:
    desk = Desk()
    for number in range(10):
        desk.judge(None, 20.0 * number)
    assert desk.judge(None, 1000.0)[1] == 'late'
    assert desk.judge(None, 1018.0) == (1018.0, '', 0.0)


def test_after_a_silence_messages_that_come_faster_have_waited() -> None:
    desk = Desk()
    for number in range(10):
        desk.judge(None, 20.0 * number)
    assert desk.judge(None, 1000.0)[1] == 'late'
    assert desk.judge(None, 1000.0)[:2] == (220.0, 'late')
    assert desk.judge(None, 1001.0)[:2] == (pytest.approx(240.0), 'late')
    assert desk.judge(None, 1021.0)[1] == 'late'  # more may wait
    assert desk.judge(None, 1041.0)[1] == 'late'
    assert desk.judge(None, 1061.0)[:2] == (1061.0, '')


def test_a_device_with_timestamps_at_times_only_has_the_delays_of_its_peer() -> None:
    desk = Desk()
    for number in range(20):
        desk.judge(20.0 * number, 20.0 * number)
    assert desk.judge(None, 400.0)[1:] == ('', 0.0)
    for number in range(21, 40):  # 0.1 s of delay, which stays
        assert desk.judge(20.0 * number, 20.0 * number + 100.0)[1] == 'late'
    assert desk.judge(800.0, 800.0) == (800.0, '', 0.0)


def test_the_usual_distance_of_an_irregular_peer_is_its_mean() -> None:
    cadence = Cadence()
    for _ in range(100):
        for gap_ms in (10, 70, 40, 120, 0, 0):
            cadence.judge(gap_ms * MS, 50 * MS)
    assert cadence.usual_ns == pytest.approx(40 * MS, rel=0.6)


def test_messages_that_are_read_several_at_a_time_are_believed_after_a_second() -> None:
    """After a pause, a busy node reads what comes every 4 ms in steps of 20 ms."""
    desk = Desk()
    for number in range(100):
        assert desk.judge(None, 4.0 * number)[1] == ''
    faults = []
    for number in range(100, 900):
        faults.append(desk.judge(None, 80.0 + 20.0 * (number // 5))[1])
    assert faults[0] == 'late'
    assert set(faults[300:]) == {''}


def test_messages_of_an_irregular_peer_have_waited_if_they_are_read_at_once() -> None:
    desk, now_ms = Desk(), 0.0
    for number in range(41):
        desk.judge(None, now_ms)
        now_ms += (10.0, 70.0)[number % 2]
    now_ms += 100.0
    assert desk.judge(None, now_ms)[1:] == ('late', 5.0)
    assert desk.timeliness.settle() == ''  # nothing else came
    assert desk.judge(None, now_ms + 120.0)[1:] == ('late', 5.0)
    assert desk.judge(None, now_ms + 130.0)[1:] == ('', 0.0)
    assert desk.judge(None, now_ms + 250.0)[1:] == ('late', 5.0)
    assert desk.judge(None, now_ms + 250.01)[1:] == ('late', 5.0)


def test_a_clock_that_differs_is_confirmed_when_nothing_else_has_come() -> None:
    desk = Desk()
    assert desk.judge(-3000.0, 1.0) == (1.0, 'clock_unconfirmed', 100.0)
    assert not desk.clock.is_known
    assert desk.timeliness.settle() == ''
    assert desk.clock.is_known
    assert desk.judge(-2980.0, 23.0) == (pytest.approx(21.0, abs=0.01), '', 0.0)


def test_a_message_that_lags_behind_an_earlier_one_is_late_when_the_wait_ends() -> None:
    desk = Desk()
    assert desk.judge(-3000.0, 0.0)[1] == 'clock_unconfirmed'
    assert desk.judge(-2999.0, 90.0)[1] == 'clock_unconfirmed'
    assert desk.timeliness.settle() == 'late'


def test_mode_device_believes_the_peer_and_still_tells_late_messages() -> None:
    desk = Desk(mode='device', time_offset_ns=250 * MS)
    assert desk.judge(-3000.0, 0.0) == (-2750.0, '', 0.0)
    assert desk.judge(-2980.0, 20.0) == (-2730.0, '', 0.0)
    assert desk.judge(-2960.0, 140.0) == (-2710.0, 'late', 0.0)


def test_mode_receive_believes_the_arrival_and_still_tells_late_messages() -> None:
    desk = Desk(mode='receive')
    assert desk.judge(0.0, 1.0) == (1.0, '', 0.0)
    for number in range(1, 10):
        assert desk.judge(20.0 * number, 20.0 * number + 2) == (20.0 * number + 2, '', 0.0)
    assert desk.judge(200.0, 300.0) == (300.0, 'late', 0.0)
    assert desk.clock.offset_ns == pytest.approx(MS, rel=0.2)


def test_a_late_message_has_the_stamp_of_its_time() -> None:
    desk = Desk()
    desk.judge(0.0, 0.0)
    assert desk.judge(100.0, 8100.0) == (100.0, 'late', 0.0)


def test_in_mode_device_a_clock_that_stands_still_gives_its_own_stamps() -> None:
    desk = Desk(mode='device')
    desk.judge(0.0, 0.0, 'a')
    assert desk.judge(0.0, 100.0, 'b') == (0.0, '', 0.0)


def test_b32_a_timestamp_that_ros_cannot_express_counts_as_none() -> None:
    desk = Desk()
    arrival_ns = STEADY_NS + S
    stamp, hold_ns = desk.timeliness.judge(2**64 - 1, None, arrival_ns, EPOCH_NS + S)
    assert (stamp.ns, stamp.fault, hold_ns) == (EPOCH_NS + S, '', 0)
    assert desk.timeliness.peer_clock.out_of_range == 1
    assert not desk.clock.has_observed


def test_our_own_clock_may_jump_and_nothing_is_late() -> None:
    timeliness = Timeliness(PeerClock())
    for number, jump_s in enumerate((0, 0, 3600, 3600, -3600, -3600)):
        sent_ns = number * 20 * MS
        stamp, hold_ns = timeliness.judge(
            timestamp.from_nanoseconds(EPOCH_NS + sent_ns),
            number,
            STEADY_NS + sent_ns + MS,
            EPOCH_NS + sent_ns + MS + jump_s * S,
        )
        assert (stamp.fault, hold_ns) == ('', 0)
    assert timeliness.clock.offset_ns == pytest.approx(-3600 * S, abs=2 * MS)


@given(
    st.lists(st.tuples(st.integers(0, 2 * S), st.integers(-4 * S, 4 * S)), max_size=60),
    st.sampled_from(['device', 'receive', 'auto']),
)
def test_any_times_give_a_stamp(steps: list[tuple[int, int]], mode: Any) -> None:
    timeliness = Timeliness(PeerClock(mode))
    arrival_ns = 0
    for gap_ns, lag_ns in steps:
        arrival_ns += gap_ns
        raw = timestamp.from_nanoseconds(EPOCH_NS + arrival_ns - lag_ns) if lag_ns else 0
        stamp, hold_ns = timeliness.judge(raw, gap_ns % 2, arrival_ns, EPOCH_NS + arrival_ns)
        assert stamp.fault in ('', 'late', 'clock_unconfirmed', 'repeated')
        assert hold_ns <= 0 or stamp.fault
        if mode == 'auto' and not stamp.fault:
            assert stamp.ns <= EPOCH_NS + arrival_ns + SKEW_NS

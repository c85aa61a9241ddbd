# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.streams.stamp_estimator: whose clock to believe."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl.codec import timestamp as codec_timestamp
from ros2_igtl.convert.streams.stamp_estimator import StampEstimator

S = 1_000_000_000
MS = 1_000_000
NOW = 1_700_000_000 * S


def raw(stamp_ns: int) -> int:
    return codec_timestamp.from_nanoseconds(stamp_ns)


@pytest.mark.parametrize('mode', ['device', 'receive', 'auto'])
def test_f23_a_message_without_time_stamp_gets_its_receive_time(mode: Any) -> None:
    estimator = StampEstimator(mode, time_offset_ns=5)
    assert estimator.stamp(0, NOW) == NOW
    assert (estimator.offset_ns, estimator.jitter_ns, estimator.out_of_range) == (0, 0, 0)


def test_mode_device_adds_its_offset_and_nothing_else() -> None:
    estimator = StampEstimator('device', time_offset_ns=-3 * S)
    assert estimator.stamp(raw(NOW), NOW + 70 * S) == NOW - 3 * S


def test_mode_receive_believes_the_arrival_and_still_measures_the_offset() -> None:
    estimator = StampEstimator('receive')
    assert estimator.stamp(raw(NOW - S), NOW) == NOW
    assert estimator.offset_ns == S


def test_mode_auto_believes_the_device_while_the_clocks_agree() -> None:
    estimator = StampEstimator('auto')
    assert estimator.stamp(raw(NOW), NOW + 10 * MS) == NOW
    assert estimator.stamp(raw(NOW + MS), NOW + 400 * MS) == NOW + MS  # late, but the clocks agree
    assert not estimator.correcting
    assert estimator.offset_ns == 10 * MS
    assert estimator.jitter_ns == 389 * MS


@pytest.mark.parametrize('skew_s', [3, -3])
def test_f22_mode_auto_corrects_a_clock_that_is_off(skew_s: int) -> None:
    estimator = StampEstimator('auto')
    for tick, delay in enumerate((4 * MS, 2 * MS, 7 * MS, 3 * MS)):
        sent = NOW + tick * 20 * MS
        stamp = estimator.stamp(raw(sent + skew_s * S), sent + delay)
        assert stamp <= sent + delay
    assert estimator.correcting
    assert estimator.offset_ns == -skew_s * S + 2 * MS
    assert stamp == sent + 2 * MS
    assert estimator.jitter_ns == 5 * MS


def test_f22_a_clock_that_jumps_ahead_is_followed_at_once() -> None:
    estimator = StampEstimator('auto')
    assert estimator.stamp(raw(NOW), NOW + MS) == NOW
    assert estimator.stamp(raw(NOW + 10 * S), NOW + 2 * MS) == NOW + 2 * MS


def test_f22_a_clock_that_falls_back_is_followed_after_the_window() -> None:
    estimator = StampEstimator('auto', window_ns=S)
    assert estimator.stamp(raw(NOW), NOW) == NOW
    assert estimator.stamp(raw(NOW - 10 * S), NOW + S // 2) == NOW - 10 * S
    assert estimator.stamp(raw(NOW - 9 * S), NOW + S) == NOW + S
    assert estimator.offset_ns == 10 * S


def test_our_own_clock_set_back_empties_the_window() -> None:
    estimator = StampEstimator('auto', window_ns=S)
    estimator.stamp(raw(NOW), NOW)
    assert estimator.stamp(raw(NOW + MS), NOW - 60 * S) == NOW - 60 * S
    assert estimator.offset_ns == -60 * S - MS
    assert estimator.jitter_ns == 0


def test_the_offset_at_the_limit_does_not_make_stamps_jump() -> None:
    estimator = StampEstimator('auto', max_clock_skew_ns=50 * MS, window_ns=1000)
    corrected = []
    for tick, offset in enumerate((49 * MS, 50 * MS, 49 * MS, 26 * MS, 24 * MS, 49 * MS)):
        sent = NOW + tick * S
        estimator.stamp(raw(sent), sent + offset)
        corrected.append(estimator.correcting)
    assert corrected == [False, True, True, True, False, False]


@given(
    st.lists(
        st.tuples(st.integers(0, 40 * S), st.integers(0, 30 * S), st.integers(-S, S)),
        min_size=1,
        max_size=60,
    )
)
def test_mode_auto_never_stamps_into_the_future(steps: list[tuple[int, int, int]]) -> None:
    estimator = StampEstimator('auto')
    receive_ns = NOW
    for pause, device_behind, _ in steps:
        receive_ns += pause
        stamp = estimator.stamp(raw(receive_ns + 15 * S - device_behind), receive_ns)
        assert stamp <= receive_ns + 50 * MS


@given(st.lists(st.tuples(st.integers(-S, S), st.integers(-2 * S, 2 * S)), max_size=200))
def test_the_offset_is_the_least_delay_of_the_window(steps: list[tuple[int, int]]) -> None:
    estimator = StampEstimator('receive', window_ns=10 * S)
    seen: list[tuple[int, int]] = []
    receive_ns = NOW
    for step, delay in steps:
        receive_ns += abs(step)
        estimator.stamp(raw(receive_ns - delay), receive_ns)
        seen.append((receive_ns // S, delay))
        window = [d for second, d in seen if receive_ns // S - 10 < second]
        assert abs(estimator.offset_ns - min(window)) <= 1
        assert abs(estimator.jitter_ns - (max(window) - min(window))) <= 2


@pytest.mark.parametrize('mode', ['device', 'receive', 'auto'])
def test_b32_a_time_stamp_after_2038_gets_its_receive_time_and_is_counted(mode: Any) -> None:
    estimator = StampEstimator(mode)
    assert estimator.stamp(2**64 - 1, NOW) == NOW
    assert estimator.out_of_range == 1
    assert estimator.offset_ns == 0


def test_b32_an_offset_that_leads_out_of_ros_time_is_not_used() -> None:
    estimator = StampEstimator('device', time_offset_ns=-2 * S)
    assert estimator.stamp(raw(S), NOW) == NOW
    assert estimator.out_of_range == 1


def test_memory_has_a_bound_at_any_rate() -> None:
    estimator = StampEstimator('auto', window_ns=S)
    for tick in range(5000):
        # delays that grow, and a clock of ours that steps back and forth
        estimator.stamp(raw(NOW - tick), NOW + (tick % 3 - 1) * S // 4 + tick * MS)
    assert len(estimator._parts) <= 10


def test_a_mode_nobody_knows_is_refused() -> None:
    mode: Any = 'gps'
    with pytest.raises(ValueError, match='device, receive and auto'):
        StampEstimator(mode)


def test_a_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match='window of 0 ns'):
        StampEstimator(window_ns=0)


def test_nothing_is_known_of_a_clock_before_its_first_stamp() -> None:
    estimator = StampEstimator()
    estimator.stamp(0, 10**18)
    assert not estimator.has_observed
    estimator.stamp(codec_timestamp.from_nanoseconds(10**18), 10**18 + 5)
    assert estimator.has_observed

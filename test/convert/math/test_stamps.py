# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.math.stamps: ROS time to the nanosecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl.codec import timestamp
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.stamps import MAX_STAMP_NS, join_stamp, split_stamp


@given(st.integers(0, MAX_STAMP_NS))
def test_every_nanosecond_of_ros_time_survives(stamp_ns: int) -> None:
    sec, nanosec = split_stamp(stamp_ns)
    assert 0 <= sec < 2**31
    assert 0 <= nanosec < 10**9
    assert join_stamp(sec, nanosec) == stamp_ns
    sent = timestamp.from_nanoseconds(join_stamp(sec, nanosec))
    assert split_stamp(timestamp.to_nanoseconds(sent)) == (sec, nanosec)


@pytest.mark.parametrize('stamp_ns', [-1, MAX_STAMP_NS + 1])
def test_b32_a_time_that_ros_cannot_say_is_refused(stamp_ns: int) -> None:
    with pytest.raises(ConvertError) as refusal:
        split_stamp(stamp_ns)
    assert refusal.value.cause == 'timestamp_range'


def test_b32_the_last_time_stamp_is_refused_and_the_last_ros_time_taken() -> None:
    with pytest.raises(ConvertError) as refusal:
        split_stamp(timestamp.to_nanoseconds(2**64 - 1))
    assert refusal.value.cause == 'timestamp_range'
    last = timestamp.to_nanoseconds((2**31 << 32) - 1)
    assert split_stamp(last) == (2**31 - 1, 999_999_999)


def test_a_ros_time_before_1970_is_refused() -> None:
    with pytest.raises(ConvertError) as refusal:
        join_stamp(-1, 5)
    assert refusal.value.cause == 'timestamp_range'

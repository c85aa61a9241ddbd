# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.context."""

import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound, outbound, sensor_header, sensor_outbound
from ros2_igtl.convert.errors import ConvertError

CONTENT = codec.String('ready')


def test_a_context_says_who_when_and_where() -> None:
    context = Context('Probe', Time(sec=5), 'Tracker', 'Probe_1')
    assert context.device_name == 'Probe'
    assert context.stamp.sec == 5
    assert (context.frame_id, context.child_frame_id) == ('Tracker', 'Probe_1')
    assert (context.header_version, context.message_id, context.metadata) == (1, 0, {})


def test_a_content_without_header_has_neither_stamp_nor_frames() -> None:
    assert Outbound(CONTENT) == (CONTENT, 0, '', '', 0, {})


def test_stamp_and_parent_frame_come_from_the_header() -> None:
    header = Header(stamp=Time(sec=2, nanosec=3), frame_id='Tracker')
    expected = Outbound(CONTENT, 2_000_000_003, 'Tracker', 'Probe')
    assert outbound(CONTENT, header, 'Probe') == expected


def test_what_a_sensor_measures_is_in_its_own_frame() -> None:
    context = Context('Probe', Time(sec=2, nanosec=3), 'Tracker', 'Probe_1')
    header = Header(stamp=Time(sec=2, nanosec=3), frame_id='Probe_1')
    assert sensor_header(context) == header
    assert sensor_outbound(CONTENT, header) == Outbound(CONTENT, 2_000_000_003, '', 'Probe_1')


def test_a_stamp_before_1970_is_refused() -> None:
    with pytest.raises(ConvertError) as refusal:
        outbound(CONTENT, Header(stamp=Time(sec=-1)))
    assert refusal.value.cause == 'timestamp_range'

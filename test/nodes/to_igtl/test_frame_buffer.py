# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The way from frame to frame, and who is told that something was heard."""

from __future__ import annotations

import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock
from rclpy.time import Time
from std_msgs.msg import Header
from tf2_ros import ConnectivityException

from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer


def transform(parent: str, child: str, sec: int = 1) -> TransformStamped:
    message = TransformStamped(header=Header(frame_id=parent), child_frame_id=child)
    message.header.stamp.sec = sec
    message.transform.translation.x = 1.0
    message.transform.rotation.w = 1.0
    return message


def buffer_of(*edges: str) -> FrameBuffer:
    """Return a buffer that has heard of a parent and a child in each two letters."""
    buffer = FrameBuffer(Clock())
    for parent, child in map(tuple, edges):
        buffer.set_transform(transform(parent, child), 'test')
    return buffer


@pytest.mark.parametrize(
    ('first', 'last', 'path'),
    [
        ('a', 'd', 'bcd'),
        ('b', 'c', 'c'),
        ('d', 'a', 'cba'),
        ('d', 'e', 'cbe'),
        ('e', 'x', 'bax'),
    ],
)
def test_the_way_leads_over_the_nearest_common_frame(first: str, last: str, path: str) -> None:
    buffer = buffer_of('ab', 'bc', 'cd', 'be', 'ax')
    assert buffer.path(first, last) == list(path)
    assert buffer.can_transform(first, last, Time())


@pytest.mark.parametrize('last', ['y', 'nowhere'])
def test_where_trees_are_not_connected_there_is_no_way(last: str) -> None:
    buffer = buffer_of('ab', 'xy')
    with pytest.raises(ConnectivityException, match=f"'a' and '{last}'"):
        buffer.path('a', last)


def test_frames_in_a_circle_have_no_way_out_and_no_end_is_waited_for() -> None:
    buffer = buffer_of('ab', 'bc', 'ca')
    with pytest.raises(ConnectivityException):
        buffer.path('b', 'x')


def test_the_way_is_the_one_heard_last_static_or_not() -> None:
    buffer = buffer_of('ab', 'bt')
    buffer.set_transform_static(transform('/a', 'c'), 'test')
    buffer.set_transform(transform('c', '/t', 2), 'test')
    assert buffer.path('a', 't') == ['c', 't']


def test_followers_are_told_of_each_transform_until_they_end() -> None:
    buffer = FrameBuffer(Clock())
    told: list[list[str]] = []
    end = buffer.follow(lambda: told.append(buffer.path('a', 'b')))
    buffer.set_transform(transform('a', 'b'), 'test')
    buffer.set_transform_static(transform('b', 'c'), 'test')
    end()
    buffer.set_transform(transform('c', 'd'), 'test')
    assert told == [['b'], ['b']]


def test_f62_a_stamp_in_the_future_is_ignored_and_counted() -> None:
    clock = Clock()
    buffer = FrameBuffer(clock)
    now_s = clock.now().nanoseconds // 10**9
    for sec in (now_s, now_s + 3600, now_s + 1):
        buffer.set_transform(transform('a', 'b', sec), 'test')
    assert buffer.lookup_transform('a', 'b', Time()).header.stamp.sec == now_s + 1
    assert (buffer.ahead, buffer.ahead_frame) == (1, 'b')


def test_until_simulated_time_begins_no_stamp_is_in_the_future() -> None:
    class Stopped(Clock):
        def now(self) -> Time:
            return Time()

    buffer = FrameBuffer(Stopped())
    buffer.set_transform(transform('a', 'b', 5), 'test')
    assert buffer.can_transform('a', 'b', Time())
    assert not buffer.ahead

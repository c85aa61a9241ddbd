# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What tf2_ros broadcasts is what tf2_ros hears, over /tf and /tf_static."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

rclpy = pytest.importorskip('rclpy')

import tf2_ros
from geometry_msgs.msg import TransformStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.time import Time

LATEST = Time()


def transform(parent: str, child: str, x: float) -> TransformStamped:
    message = TransformStamped()
    message.header.frame_id = parent
    message.header.stamp.sec = 1
    message.child_frame_id = child
    message.transform.translation.x = x
    return message


class Bench:
    """A node that speaks, a node that hears, and an executor that spins both."""

    def __init__(self, context: Context) -> None:
        self.speaker = Node('speaker', context=context)
        self.hearer = Node('hearer', context=context)
        self.buffer = tf2_ros.Buffer()
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.speaker)
        self.executor.add_node(self.hearer)

    def listen(self) -> None:
        self.listener = tf2_ros.TransformListener(self.buffer, self.hearer)

    def spin_until(self, condition: Callable[[], bool], deadline_s: float = 20.0) -> bool:
        end = time.monotonic() + deadline_s
        while not condition() and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)
        return condition()

    def x_of(self, child: str) -> float:
        found = self.buffer.lookup_transform('world', child, LATEST)
        return float(found.transform.translation.x)


@pytest.fixture
def bench(ros_domain: None) -> Iterator[Bench]:
    context = Context()
    rclpy.init(context=context)
    bench = Bench(context)
    yield bench
    bench.executor.shutdown()
    bench.speaker.destroy_node()
    bench.hearer.destroy_node()
    rclpy.shutdown(context=context)


def test_one_transform_and_several_arrive(bench: Bench) -> None:
    bench.listen()
    broadcaster = tf2_ros.TransformBroadcaster(bench.speaker)
    assert bench.spin_until(lambda: bench.speaker.count_subscribers('/tf') == 1)
    broadcaster.sendTransform(transform('world', 'a', 1.0))
    broadcaster.sendTransform([transform('world', 'b', 2.0), transform('b', 'c', 3.0)])
    assert bench.spin_until(
        lambda: all(bench.buffer.can_transform('world', child, LATEST) for child in 'abc')
    )
    assert [bench.x_of(child) for child in 'abc'] == [1.0, 2.0, 5.0]


def test_static_transforms_reach_who_comes_late(bench: Bench) -> None:
    broadcaster = tf2_ros.StaticTransformBroadcaster(bench.speaker)
    broadcaster.sendTransform(transform('world', 'a', 1.0))
    broadcaster.sendTransform([transform('world', 'b', 2.0)])
    bench.listen()
    assert bench.spin_until(
        lambda: all(bench.buffer.can_transform('world', child, LATEST) for child in 'ab')
    )
    assert [bench.x_of(child) for child in 'ab'] == [1.0, 2.0]


def test_a_buffer_made_of_another_is_told_what_comes(bench: Bench) -> None:
    told: list[str] = []

    class TellingBuffer(tf2_ros.Buffer):
        def set_transform(self, transform: TransformStamped, authority: str) -> None:
            super().set_transform(transform, authority)
            told.append(transform.child_frame_id)

        def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
            super().set_transform_static(transform, authority)
            told.append(f'{transform.child_frame_id}, static')

    bench.buffer = TellingBuffer()
    bench.listen()
    tf2_ros.StaticTransformBroadcaster(bench.speaker).sendTransform(transform('world', 'a', 1.0))
    assert bench.spin_until(lambda: told == ['a, static'])
    assert bench.spin_until(lambda: bench.speaker.count_subscribers('/tf') == 1)
    tf2_ros.TransformBroadcaster(bench.speaker).sendTransform(
        [transform('a', 'b', 2.0), transform('b', 'c', 3.0)]
    )
    assert bench.spin_until(lambda: told == ['a, static', 'b', 'c'])
    assert bench.x_of('c') == 6.0


def test_a_listener_that_is_unregistered_hears_nothing(bench: Bench) -> None:
    bench.listen()
    assert bench.spin_until(lambda: bench.speaker.count_subscribers('/tf') == 1)
    bench.listener.unregister()
    assert bench.spin_until(lambda: bench.speaker.count_subscribers('/tf') == 0)
    assert bench.spin_until(lambda: bench.speaker.count_subscribers('/tf_static') == 0)

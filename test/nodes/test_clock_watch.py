# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.nodes.clock_watch: our own clock may be set, and poses go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from geometry_msgs.msg import TransformStamped
from rosgraph_msgs.msg import Clock
from tf2_ros import TransformBroadcaster

from helpers.bridge_peer import dial, pose, serve
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.nodes import clock_watch
from ros2_igtl.nodes.clock_watch import ClockWatch

TF = 'tf2_msgs/msg/TFMessage'


class Time:
    """ROS time and a steady clock that stand until they are told."""

    def __init__(self, is_simulated: bool) -> None:
        self.ros_time_is_active = is_simulated
        self.ros_s = self.steady_s = 1000.0

    def advance(self, ros_s: float, steady_s: float) -> None:
        self.ros_s += ros_s
        self.steady_s += steady_s

    def now(self) -> Any:
        return type('Now', (), {'nanoseconds': round(self.ros_s * 1e9)})()

    def monotonic(self) -> float:
        return self.steady_s


class Node:
    """What the watch needs of a node."""

    def __init__(self, clock: Time) -> None:
        self.clock = clock
        self.warnings: list[str] = []
        self.timer: Any = None

    def get_clock(self) -> Time:
        return self.clock

    def get_logger(self) -> Any:
        return type('Logger', (), {'warning': lambda _, text: self.warnings.append(text)})()

    def create_timer(self, period_s: float, callback: Any, clock: Any) -> Any:
        self.timer = callback
        return callback

    def destroy_timer(self, timer: Any) -> None:
        self.timer = None


@pytest.fixture(params=[False, True], ids=['system time', 'simulated time'])
def watched(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Node, Any]]:
    clock = Time(request.param)
    monkeypatch.setattr(clock_watch, 'time', clock)
    jumps: list[float] = []
    node: Any = Node(clock)
    watch = ClockWatch(node, lambda: jumps.append(clock.ros_s))
    yield node, jumps
    watch.stop()
    assert node.timer is None


def test_time_that_passes_is_no_jump(watched: Any) -> None:
    node, jumps = watched
    for _ in range(10):
        node.clock.advance(0.25, 0.25)
        node.timer()
    assert (jumps, node.warnings) == ([], [])


@pytest.mark.parametrize('step_s', [-3600.0, -0.5])
def test_a_step_back_is_a_jump(watched: Any, step_s: float) -> None:
    node, jumps = watched
    node.clock.advance(0.25 + step_s, 0.25)
    node.timer()
    for _ in range(5):
        node.clock.advance(0.25, 0.25)
        node.timer()
    assert (len(jumps), len(node.warnings)) == (2, 1)
    assert 'was set by -' in node.warnings[0]


def test_a_step_forward_is_a_jump_of_system_time_only(watched: Any) -> None:
    node, jumps = watched
    node.clock.advance(3600.0, 0.25)  # simulated time may run at any rate
    node.timer()
    assert len(jumps) == (not node.clock.ros_time_is_active)


def test_simulated_time_may_pause_and_begin(watched: Any) -> None:
    node, jumps = watched
    if node.clock.ros_time_is_active:
        node.clock.advance(0.0, 5.0)
        node.timer()
        assert jumps == []
    node.clock.ros_time_is_active = not node.clock.ros_time_is_active
    node.clock.advance(-500.0, 0.25)
    node.timer()
    assert len(jumps) == 1


def test_f40_after_our_clock_was_set_back_poses_go_on(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system clock is set back by an hour, while a peer sends poses with stamps of its own."""
    bridge, peer = serve(graph)
    tf = graph.subscribe(TF, '/tf')
    begin_ns, system = time.time_ns(), time.time_ns

    def send_until(count: int) -> None:
        def has_come() -> bool:
            peer.send(pose(timestamp=codec.timestamp.from_nanoseconds(system())))
            return len(tf) > count

        wait_until(has_come, 5.0, 'a pose')

    send_until(3)
    monkeypatch.setattr(time, 'time_ns', lambda: system() - 3600 * 10**9)
    graph.call(bridge.connections[0].begin_anew)  # what the watch does, whose clock is not set
    count, since_s = len(tf), time.monotonic()
    send_until(count + 3)
    assert time.monotonic() - since_s < 1.0
    stamp = tf[-1].transforms[0].header.stamp
    assert stamp.sec == pytest.approx(begin_ns / 1e9 - 3600, abs=60)


def test_f40_a_bag_in_a_loop_goes_on_in_both_directions(graph: Graph, tmp_path: Any) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n      - {igtl_device_name: Tip, '
        'igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL, '
        'tf: {parent_frame_id: base, child_frame_id: tip, rate: 100.0}}\n'
        '      - {igtl_device_name: Probe, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS, '
        'ros_topic_name: probe, ros_type_name: geometry_msgs/msg/TransformStamped}\n'
    )
    bridge = graph.add_bridge(
        'server', {'port': 0, 'use_sim_time': True, 'config_file': str(path)}
    )
    peer = dial(graph, bridge)
    tf = graph.subscribe(TF, '/tf')
    clock = graph.publisher('rosgraph_msgs/msg/Clock', '/clock')
    broadcaster = TransformBroadcaster(graph.user)
    wait_until(lambda: graph.user.count_subscribers('/tf') > 1, 5.0, 'the listener')
    now_s = 500.0

    def probes() -> list[float]:
        return [
            t.header.stamp.sec + t.header.stamp.nanosec / 1e9
            for message in tuple(tf)
            for t in message.transforms
            if t.child_frame_id == 'Probe'
        ]

    def play_until(begin_s: float, when: Any, what: str) -> None:
        nonlocal now_s
        now_s = begin_s

        def step() -> bool:
            nonlocal now_s
            now_s += 0.01
            clock.publish(Clock(clock=stamp_of(now_s)))
            message = TransformStamped()
            message.header.stamp = stamp_of(now_s)
            message.header.frame_id, message.child_frame_id = 'base', 'tip'
            message.transform.translation.x = now_s
            broadcaster.sendTransform(message)
            peer.send(pose())
            return bool(when())

        wait_until(step, 5.0, what)

    # for longer than the watch's period
    end_s = time.monotonic() + 2 * clock_watch.PERIOD_S
    play_until(
        500.0, lambda: time.monotonic() > end_s and probes()[-1:] > [499.0], 'poses at 500 s'
    )
    peer.collect()
    wait_until(lambda: len(peer.collected) > 0 or play_step(play_until), 5.0, 'poses to the peer')
    play_until(10.0, lambda: probes()[-1] < 100.0, 'poses after the loop')
    size = len(peer.collected)
    since_s = time.monotonic()
    play_until(now_s, lambda: len(peer.collected) > size + 500, 'poses to the peer after it')
    assert time.monotonic() - since_s < 2.0


def play_step(play_until: Any) -> bool:
    play_until(510.0, lambda: True, 'one step')
    return False


def stamp_of(time_s: float) -> Any:
    from builtin_interfaces.msg import Time as Stamp

    return Stamp(sec=int(time_s), nanosec=round(time_s % 1 * 1e9) % 10**9)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Old poses never look new, through a running node: x says when a pose was sent."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from helpers.bridge_peer import await_accounted, dial, pack, pose, serve
from helpers.bridge_process import BridgeProcess
from helpers.load import paced
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.nodes.worker import Task

TF = 'tf2_msgs/msg/TFMessage'
RATE_HZ = 50
SKEW_S = 0.05
LIMIT_S = SKEW_S + 0.1  # max_clock_skew, and the longest hold of a pose that may be late
ON_THE_WAY_S = 0.05  # from the node to a subscriber on a busy machine


TOOLS = 150  # in more than 8 KB, so that the worker converts them


def tools(x: float) -> bytes:
    """Return tracking data of many tools at one place; millimetres."""
    matrix = np.eye(4)
    matrix[0, 3] = x
    listed = [(f'Tool{number}', codec.ToolType.INSTRUMENT_6D, matrix) for number in range(TOOLS)]
    return pack(codec.TrackingData.from_tools(listed), 'Tracker')


class Sight:
    """The poses on tf, with the time that each took since it was sent."""

    def __init__(self, graph: Graph) -> None:
        self.ages_s: list[float] = []
        self.errors_s: list[float] = []  # of stamps
        self._begun_s = time.time()
        self._made_s = self._newest_s = 0.0
        graph.user.create_subscription(_type(TF), '/tf', self._take, 5000)
        wait_until(lambda: graph.user.count_subscribers('/tf') > 0, 5.0, 'the subscription')

    def sent_now(self) -> float:
        """Return what to send as x, in millimetres."""
        self._made_s = time.time() - self._begun_s
        return self._made_s * 1000.0

    def await_newest(self) -> None:
        """Wait until the last pose that was made is on tf."""
        wait_until(lambda: self._newest_s > self._made_s - 0.001, 5.0, 'the newest pose')

    def _take(self, message: Any) -> None:
        for transform in message.transforms:
            sent_s = self._begun_s + transform.transform.translation.x
            self._newest_s = transform.transform.translation.x
            stamp = transform.header.stamp
            self.ages_s.append(time.time() - sent_s)
            self.errors_s.append(abs(stamp.sec + stamp.nanosec / 1e9 - sent_s))


def _type(name: str) -> Any:
    from ros2_igtl.convert.interfaces import ros_type

    return ros_type(name)


def exact(offset_s: float) -> Callable[[], int]:
    """Return a clock that makes timestamps."""
    return lambda: codec.timestamp.from_nanoseconds(time.time_ns() + round(offset_s * 1e9))


CLOCKS: dict[str, Callable[[], int]] = {
    'exact': exact(0.0),
    '3 s behind': exact(-3.0),
    'whole seconds': lambda: int(time.time()) << 32,
    'none': lambda: 0,
}


def send_for(peer: ScriptedPeer, seconds: float, make: Callable[[], bytes]) -> int:
    """Send a pose each period; return how many."""
    end_s, count = time.monotonic() + seconds, 0
    for _ in paced(RATE_HZ, threading.Event()):
        peer.send(make())
        count += 1
        if time.monotonic() > end_s:
            break
    return count


@pytest.mark.alone
@pytest.mark.parametrize('clock', CLOCKS)
def test_f39_what_was_held_on_the_way_is_not_on_tf(graph: Graph, clock: str) -> None:
    """A proxy that stops for two seconds, and then lets everything go."""
    bridge, peer = serve(graph, max_clock_skew=SKEW_S)
    sight = Sight(graph)

    def make() -> bytes:
        return pose(sight.sent_now(), timestamp=CLOCKS[clock]())

    count = send_for(peer, 2.0, make)
    held = []
    for number in paced(RATE_HZ, threading.Event()):
        held.append(make())
        if number == 2 * RATE_HZ:
            break
    peer.send(b''.join(held))
    count += len(held) + send_for(peer, 2.0, make)
    await_accounted(bridge, count)
    late = bridge.connections[0].counts()['late']
    wait_until(lambda: len(sight.ages_s) >= count - late - 2, 5.0, 'the poses')
    assert max(sight.ages_s) < LIMIT_S + ON_THE_WAY_S
    assert len(held) - 5 <= late <= len(held) + 15
    assert max(sight.errors_s) < LIMIT_S + ON_THE_WAY_S
    assert len(sight.ages_s) >= 0.9 * (count - len(held))


@pytest.mark.alone
@pytest.mark.parametrize('clock', ['exact', 'none'])
def test_f39_what_arrived_while_the_node_was_stopped_is_not_on_tf(
    graph: Graph, clock: str
) -> None:
    sight = Sight(graph)

    def make() -> bytes:
        return pose(sight.sent_now(), timestamp=CLOCKS[clock]())

    with (
        BridgeProcess('igtl_server', {'port': 0}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        wait_until(lambda: send_for(peer, 0.1, make) and sight.ages_s, 20.0, 'a pose')
        send_for(peer, 1.0, make)
        sight.await_newest()  # so that the node is not stopped while it publishes one
        bridge.freeze()
        try:
            send_for(peer, 1.0, make)
        finally:
            bridge.send_signal(signal.SIGCONT)
        before = len(sight.ages_s)
        send_for(peer, 1.0, make)
        wait_until(lambda: len(sight.ages_s) > before + 20, 5.0, 'poses after the stop')
    assert max(sight.ages_s) < LIMIT_S + ON_THE_WAY_S


@pytest.mark.alone
def test_f39_a_peer_that_sends_whole_seconds_costs_no_poses(graph: Graph) -> None:
    _, peer = serve(graph, max_clock_skew=SKEW_S)
    sight = Sight(graph)
    diagnostics = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    count = send_for(
        peer, 4.0, lambda: pose(sight.sent_now(), timestamp=CLOCKS['whole seconds']())
    )
    wait_until(lambda: len(sight.ages_s) >= count - 10, 5.0, 'the poses')
    assert len(sight.ages_s) >= 0.95 * count
    assert max(sight.errors_s) < 0.05 + ON_THE_WAY_S

    def said() -> str:
        statuses = diagnostics[-1].status if diagnostics else ()
        return next((s.message for s in statuses if 'clock of' in s.name), '')

    wait_until(lambda: 'stands still for 1 s at a time' in said(), 5.0, 'the warning')


@pytest.mark.alone
def test_f39_a_clock_that_is_set_back_is_followed_within_a_second(graph: Graph) -> None:
    bridge, peer = serve(graph, max_clock_skew=SKEW_S)
    sight = Sight(graph)
    count = send_for(peer, 1.5, lambda: pose(sight.sent_now(), timestamp=exact(0.0)()))
    count += send_for(peer, 2.0, lambda: pose(sight.sent_now(), timestamp=exact(-3.0)()))
    await_accounted(bridge, count)
    wait_until(lambda: len(sight.ages_s) >= count - 20, 5.0, 'the poses')
    assert max(sight.errors_s) < 0.05 + ON_THE_WAY_S
    (known,) = bridge.connections[0].peers.all
    assert known.clock.main.steps == 1


def test_f39_a_pose_that_waits_in_the_bridge_itself_is_not_on_tf(graph: Graph) -> None:
    """The worker takes its time for something else."""
    bridge, peer = serve(graph, max_clock_skew=SKEW_S)
    connection, sight, is_free = bridge.connections[0], Sight(graph), threading.Event()

    def make() -> bytes:
        return tools(sight.sent_now())

    peer.send(make())
    wait_until(lambda: len(sight.ages_s) == TOOLS, 5.0, 'the first poses')

    def work() -> None:
        is_free.wait()

    connection._worker.put(Task(work, lambda loss: None))
    peer.send(make())
    wait_until(lambda: connection._worker.waiting, 5.0, 'the task of the second ones')
    watch_for(lambda: len(sight.ages_s) > TOOLS, 0.2, 'poses from a worker that is not free')
    is_free.set()
    await_accounted(bridge, 2)
    assert connection.counts()['late'] == 1
    peer.send(make())
    wait_until(lambda: len(sight.ages_s) > TOOLS, 5.0, 'the next poses')
    assert max(sight.ages_s) < LIMIT_S + ON_THE_WAY_S


def test_a_single_pose_of_a_peer_whose_clock_differs_is_on_tf(graph: Graph) -> None:
    bridge, peer = serve(graph, max_clock_skew=SKEW_S)
    sight = Sight(graph)
    peer.send(pose(sight.sent_now(), timestamp=exact(-1000.0)()))
    wait_until(lambda: sight.ages_s, 5.0, 'the pose')
    assert bridge.connections[0].counts()['late'] == 0
    again = dial(graph, bridge)
    peer.close()
    wait_until(lambda: len(bridge.connections[0].peers.all) == 1, 5.0, 'the end')
    again.send(pose(sight.sent_now(), timestamp=exact(-1000.0)()))
    again.close()  # before it is known whether the pose is late
    await_accounted(bridge, 2)
    assert bridge.connections[0].counts()['late'] in (0, 1)


@pytest.mark.alone
def test_f39_a_single_pose_that_arrived_while_the_node_was_stopped_is_not_on_tf(
    graph: Graph,
) -> None:
    """Without a stamp, and without others before or after it, the kernel knows when it came."""
    sight = Sight(graph)
    with (
        BridgeProcess('igtl_server', {'port': 0}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        wait_until(
            lambda: send_for(peer, 0.1, lambda: pose(sight.sent_now())) and sight.ages_s,
            20.0,
            'a pose',
        )
        sight.await_newest()  # so that the node is not stopped while it publishes one
        bridge.freeze()
        peer.send(pose(sight.sent_now()))
        stopped_s = time.monotonic()
        wait_until(lambda: time.monotonic() - stopped_s > 1.0, 5.0, 'the end of the stop')
        bridge.send_signal(signal.SIGCONT)
        bridge.wait_for('late: the message arrived later')
        count = len(sight.ages_s)
        wait_until(
            lambda: (
                send_for(peer, 0.1, lambda: pose(sight.sent_now())) and len(sight.ages_s) > count
            ),
            5.0,
            'the next poses',
        )
    assert max(sight.ages_s) < LIMIT_S + ON_THE_WAY_S


@pytest.mark.alone
def test_f51_a_device_with_another_clock_takes_no_pose_of_others(graph: Graph) -> None:
    bridge, peer = serve(graph, max_clock_skew=SKEW_S)
    sight = Sight(graph)
    diagnostics = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')

    def make() -> bytes:
        return pose(sight.sent_now(), 'ProbeToTracker', timestamp=exact(0.0)())

    def make_both() -> bytes:
        return make() + pose(sight.sent_now(), 'NeedleToTracker', timestamp=exact(-3.0)())

    count = send_for(peer, 1.0, make)
    peer.send(pack(codec.Status(), 'Console', timestamp=exact(3600.0)()))
    count += send_for(peer, 1.0, make)
    count += 2 * send_for(peer, 1.5, make_both)
    await_accounted(bridge, count + 1)
    wait_until(lambda: len(sight.ages_s) >= count - 20, 5.0, 'the poses')
    assert max(sight.errors_s) < 0.05 + ON_THE_WAY_S

    def said() -> str:
        statuses = diagnostics[-1].status if diagnostics else ()
        return next((s.message for s in statuses if s.name.endswith('NeedleToTracker')), '')

    wait_until(lambda: 'its clock is 3.0' in said(), 5.0, 'the report of its clock')


@pytest.mark.alone
@pytest.mark.timeout(120)
@pytest.mark.parametrize('clock', ['exact', 'none'])
def test_f52_a_node_that_gets_too_little_time_publishes_no_old_poses(
    graph: Graph, clock: str
) -> None:
    """Data wait in its socket all the time, which is never empty."""
    sight = Sight(graph)
    is_over = threading.Event()

    def make() -> bytes:
        return b''.join(
            pose(sight.sent_now(), f'Tool{tool}ToTracker', timestamp=CLOCKS[clock]())
            for tool in range(10)
        )

    def starve(bridge: BridgeProcess) -> None:
        for _ in paced(20.0, is_over):
            bridge.freeze()
            is_over.wait(0.045)
            bridge.send_signal(signal.SIGCONT)

    with (
        BridgeProcess('igtl_server', {'port': 0}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        wait_until(lambda: send_for(peer, 0.1, make) and sight.ages_s, 20.0, 'a pose')
        send_for(peer, 1.0, make)
        starving = threading.Thread(target=starve, args=(bridge,))
        starving.start()
        try:
            send_for(peer, 3.0, make)
        finally:
            is_over.set()
            starving.join()
        count = len(sight.ages_s)
        wait_until(
            lambda: send_for(peer, 0.1, make) and len(sight.ages_s) > count + 50, 20.0, 'poses'
        )
    assert max(sight.errors_s) < LIMIT_S + ON_THE_WAY_S


@pytest.mark.parametrize('mode', ['device', 'auto'])
def test_f56_one_stamp_in_the_future_is_not_on_tf_and_blocks_no_tool(
    graph: Graph, mode: str
) -> None:
    bridge, peer = serve(graph, timestamp_mode=mode, max_clock_skew=1.0, stale_timeout=60.0)
    tf = graph.subscribe(TF, '/tf')

    def send(ahead_s: float) -> None:
        now_ns = time.time_ns() + round(ahead_s * 1e9)
        peer.send(pose(timestamp=codec.timestamp.from_nanoseconds(now_ns)))

    def is_on_tf(more: int) -> bool:
        """Return whether so many poses are there; a clock is believed again after three."""
        send(0.0)
        return len(tf) >= more

    wait_until(lambda: is_on_tf(3), 5.0, 'poses')
    send(1e8)
    most = len(tf) + 20
    wait_until(lambda: is_on_tf(most), 5.0, 'poses again')
    stamps_s = [message.transforms[0].header.stamp.sec for message in tf]
    assert max(stamps_s) <= time.time()
    if mode == 'device':
        assert bridge.connections[0].counts()['tf_withheld'] == 1
        (report,) = graph.call(bridge.connections[0].inbound.reports)
        assert (report.level, 'stamp_in_future 1' in report.message) == (
            DiagnosticStatus.WARN,
            True,
        )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""FAULTS F46 to F48 through a running node: what is not the fault of a peer closes none."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.bridge_peer import await_accounted, dial, pack, pose, serve
from helpers.bridge_process import BridgeProcess
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.convert.streams.volume_assembler import PART_BYTES

TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
READER = """
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.qos import HistoryPolicy, QoSProfile
rclpy.init()
node = rclpy.create_node('reader')
profile = QoSProfile(history=HistoryPolicy.KEEP_ALL)
node.create_subscription(TransformStamped, '/stuck', lambda message: None, profile)
rclpy.spin(node)
"""
MAPPING = """
version: 1
connections:
  - mappings:
      - igtl_device_name: Stuck
        igtl_type_name: TRANSFORM
        direction: IGTL_TO_ROS
        ros_topic_name: /stuck
        ros_type_name: geometry_msgs/msg/TransformStamped
        qos: {history: keep_all, reliability: reliable}
"""


@contextmanager
def reader() -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that keeps all it gets."""
    with subprocess.Popen([sys.executable, '-c', READER]) as process:
        try:
            yield process
        finally:
            process.kill()


def stamped(number: int, device_name: str) -> bytes:
    now = codec.timestamp.from_nanoseconds(time.time_ns())
    return pose(float(number), device_name, timestamp=now)


@pytest.mark.alone
def test_f48_a_topic_whose_reader_has_stopped_delays_nobody_and_closes_nobody(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(MAPPING)
    bridge, peer = serve(graph, config_file=str(path))
    connection = bridge.connections[0]
    other = dial(graph, bridge)
    tf = graph.count('tf2_msgs/msg/TFMessage', '/tf')
    free = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Free')
    sent = 0

    def send(count: int) -> None:
        nonlocal sent
        peer.send(b''.join(stamped(sent + n, 'Stuck') for n in range(count)))
        sent += count
        await_accounted(bridge, sent + len(free))

    def failed() -> int:
        return connection.counts()['publish_failed']

    with reader() as process:
        send(1)
        wait_until(lambda: graph.user.count_subscribers('/stuck') == 1, 20.0, 'the reader')
        (route,) = connection.inbound.routes
        publisher = route.outputs[0].publisher
        wait_until(lambda: publisher.get_subscription_count() == 1, 20.0, 'its connection')
        other.send(stamped(0, 'Free'))
        wait_for_count(free, 1)
        process.send_signal(signal.SIGSTOP)
        while not failed():
            send(90)
            assert sent < 20_000, sent
        delays = []
        begin = time.monotonic()
        while time.monotonic() - begin < 3.0:
            send(1)
            received, at = len(free), time.monotonic()
            other.send(stamped(received, 'Free'))
            wait_for_count(free, received + 1)
            delays.append(time.monotonic() - at)
        assert max(delays) < 0.1
        assert failed() > len(delays) / 2
        wait_until(lambda: tf[0] > 2 * len(delays), 5.0, 'the poses on tf')
        assert len(connection.peers.all) == 2
        assert capfd.readouterr().err.count('publish_failed: ROS cannot publish') == 1
        process.send_signal(signal.SIGCONT)

        def is_published() -> bool:
            before = connection.counts()['published'] - len(free)
            send(1)
            return connection.counts()['published'] - len(free) > before

        wait_until(is_published, 5.0, 'a pose on the topic again')


@pytest.mark.alone
def test_f46_68_kb_of_columns_hold_no_more_than_they_are(graph: Graph) -> None:
    bridge, peer = serve(graph)
    (session,) = bridge.connections[0].transport.sessions
    budget = session._io_thread.budget
    before = budget.held_bytes
    for i in range(68):
        column = codec.Image(
            bytes(1000), (512, 512, 1000), offset=(i, 0, 0), sub_size=(1, 1, 1000)
        )
        peer.send(pack(column, 'CT'))
    await_accounted(bridge, 68)
    held = 68 * (1000 + PART_BYTES)
    wait_until(lambda: budget.held_bytes - before == held, 5.0, 'what they hold')


def test_f46_a_latched_volume_counts_for_its_sender(graph: Graph) -> None:
    bridge, peer = serve(graph)
    (session,) = bridge.connections[0].transport.sessions
    budget = session._io_thread.budget
    for name, held in (('A', 200_000), ('B', 400_000), ('B', 400_000)):
        peer.send(pack(codec.Image(bytes(200_000), (100, 100, 20)), name))
        wait_until(lambda h=held: budget.held_bytes == h, 5.0, f'{held} bytes')  # type: ignore[misc]
    peer.close()
    wait_until(lambda: budget.held_bytes == 0, 5.0, 'nothing')


@pytest.mark.alone
def test_f47_a_node_that_was_stopped_reads_first_and_then_judges() -> None:
    parameters = {
        'port': 0,
        'header_timeout': 0.5,
        'body_timeout': 0.5,
        'idle_timeout': 0.5,
        'send_timeout': 0.5,
    }
    query, whole = pack(codec.GetStatus()), pose()
    with BridgeProcess('igtl_server', parameters) as node:
        peers = [ScriptedPeer.dial(node.port) for _ in range(6)]

        def all_answer() -> None:
            for peer in peers:
                peer.send(query)
                assert codec.unpack(peer.receive_message()).type_name == 'STATUS'

        all_answer()
        for number, peer in enumerate(peers):
            peer.send(whole[: (0, 30, 100)[number % 3]])
        node.send_signal(signal.SIGSTOP)
        for number, peer in enumerate(peers):
            peer.send(whole[(0, 30, 100)[number % 3] :])
        time.sleep(2.0)  # that long it stands still
        node.send_signal(signal.SIGCONT)
        all_answer()
        for peer in peers:
            peer.close()
    assert '_timeout' not in node.output

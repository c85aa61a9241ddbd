# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How soon a STOP is where it has to be, among all that a peer sends besides."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from helpers.accounts import Accounts
from helpers.bridge_peer import pack
from helpers.bridge_process import BridgeProcess
from helpers.load import BusyPeer, in_background, paced, poses
from helpers.ros_graph import ros_graph
from helpers.waiting import wait_until
from ros2_igtl import codec

CONFIG = """\
version: 1
connections:
  - name: robot
    mode: server
    port: 0
    auto_inbound: true
    commands: [{igtl_command_name: STOP, ros_service_name: /stop}]
"""
# A robot: it says when the STOP came, by the clock that all programs of a machine share.
ROBOT = """
import time
import rclpy
from ros2_igtl.srv import Command

def stop(request, response):
    response.content = str(time.monotonic_ns())
    response.outcome = response.SUCCEEDED
    return response

rclpy.init()
node = rclpy.create_node('robot')
node.create_service(Command, '/stop', stop)
rclpy.spin(node)
"""
COUNT = 150
PACE_HZ = 43.0  # no divisor of the others, so that it meets them anywhere
TRACKING_HZ, IMAGE_HZ = 250.0, 30.0
FLOOR_S = 0.002  # below this the machine is measured, and not the node
TRIES = 3


@contextmanager
def robot(folder: Path) -> Iterator[None]:
    """Run the robot in a process of its own, away from the checkout."""
    process = subprocess.Popen([sys.executable, '-c', ROBOT], cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Console:
    """A peer that sends STOP and takes the time."""

    def __init__(self, peer: BusyPeer) -> None:
        self._peer = peer
        self._number = 0

    def is_heard(self) -> bool:
        """Return whether the node has found the robot."""
        return self._stop().metadata == {'Status': 'SUCCESS'}

    def stop_s(self) -> float:
        """Return how long a STOP took to the robot, seconds."""
        begin_ns = time.monotonic_ns()
        reply = self._stop()
        assert reply.metadata == {'Status': 'SUCCESS'}, reply
        return (int(reply.content.text) - begin_ns) / 1e9

    def _stop(self) -> codec.Message:
        self._number += 1
        command = codec.Command(self._number, 'STOP')
        reply = self._peer.ask(pack(command, 'Console', header_version=2))
        assert reply.content.command_id == self._number, reply
        return reply

    def stops_s(self) -> list[float]:
        """Return how long each of many took."""
        return [self.stop_s() for _ in islice(paced(PACE_HZ, threading.Event()), COUNT)]

    def track(self, ended: threading.Event) -> None:
        for number in paced(TRACKING_HZ, ended):
            self._peer.send(poses(number, 1))

    def image(self, ended: threading.Event) -> None:
        data = pack(codec.Image.from_pixels(np.zeros((1, 480, 640), np.uint8)), 'US')
        for _ in paced(IMAGE_HZ, ended):
            self._peer.send(data)


@pytest.mark.alone
@pytest.mark.timeout(180)
def test_a_stop_reaches_its_service_among_tracking_and_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'stop.yaml'
    path.write_text(CONFIG)
    with (
        robot(tmp_path),
        ros_graph() as graph,
        BridgeProcess('igtl_bridge', {'config_file': path}, name='node') as process,
    ):
        accounts = Accounts(graph, 'node')
        tracked = graph.count(
            'geometry_msgs/msg/TransformStamped', '/robot/transform/Tool0ToTracker'
        )
        images = graph.count('sensor_msgs/msg/Image', '/robot/image/US')
        with BusyPeer(process.port_of('robot')) as peer:
            console = Console(peer)
            wait_until(console.is_heard, 20.0, 'the robot')
            for _ in range(TRIES):
                idle_s = console.stops_s()
                with in_background(console.track, console.image):
                    busy_s = console.stops_s()
                ratio = np.median(busy_s) / max(np.median(idle_s), FLOOR_S)
                if ratio < 2.0:
                    break
        balance = accounts.await_conserved('robot', peer.sent)
    with capsys.disabled():
        for name, times_s in (('idle', idle_s), ('busy', busy_s)):
            p50, p90, p99 = 1e3 * np.percentile(times_s, (50.0, 90.0, 99.0))
            print(f'\nSTOP, {name}: p50 {p50:.2f} ms, p90 {p90:.2f} ms, p99 {p99:.2f} ms', end='')
        print(f'\n{balance}')
    assert ratio < 2.0
    assert tracked[0] > COUNT
    assert images[0] > COUNT / 10

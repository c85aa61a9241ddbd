# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One server, sixteen peers: what one stalled and one slow peer cost the other fourteen."""

from __future__ import annotations

import threading
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import Image
from std_msgs.msg import String

from helpers.accounts import Accounts
from helpers.bridge_process import BridgeProcess
from helpers.load import in_background, paced
from helpers.reading_peers import ReadingPeers
from helpers.ros_graph import Graph, ros_graph
from helpers.waiting import wait_until, watch_for

CONFIG = """\
version: 1
connections:
  - name: room
    mode: server
    port: 0
    max_clients: 16
    send_timeout: 60
    send_buffer_limit: 1000000
    mappings:
      - {igtl_device_name: Text, igtl_type_name: STRING, direction: ROS_TO_IGTL,
         ros_topic_name: /text, ros_type_name: std_msgs/msg/String}
      - {igtl_device_name: Probe, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL,
         ros_topic_name: /pose, ros_type_name: geometry_msgs/msg/TransformStamped}
      - {igtl_device_name: US, igtl_type_name: IMAGE, direction: ROS_TO_IGTL,
         ros_topic_name: /image, ros_type_name: sensor_msgs/msg/Image}
"""
HEALTHY = 14
TEXT_HZ, POSE_HZ, IMAGE_HZ = 20.0, 100.0, 10.0
FLOOR_S = 0.005  # below this the machine is measured, and not the node
# What waits for the two: events up to their limit, and one message of state a device.
MEMORY_BUDGET = 2 * 1_000_000 + 4_000_000
TRIES = 3


class Sources:
    """The ROS programs whose topics are sent."""

    def __init__(self, graph: Graph) -> None:
        self.texts = 0
        self._graph = graph
        self._text = graph.publisher('std_msgs/msg/String', '/text')
        self._pose = graph.publisher('geometry_msgs/msg/TransformStamped', '/pose')
        self._image = graph.publisher('sensor_msgs/msg/Image', '/image')

    def speak(self, ended: threading.Event) -> None:
        for number in paced(TEXT_HZ, ended):
            self._text.publish(String(data=str(number)))
            self.texts = number + 1

    def track(self, ended: threading.Event) -> None:
        for _ in paced(POSE_HZ, ended):
            transform = TransformStamped(child_frame_id='probe')
            transform.header.frame_id = 'world'
            transform.header.stamp = self._now()
            self._pose.publish(transform)

    def image(self, ended: threading.Event) -> None:
        pixels = array('B', np.zeros(320 * 240, np.uint8).tobytes())
        for _ in paced(IMAGE_HZ, ended):
            image = Image(height=240, width=320, step=320, encoding='mono8', data=pixels)
            image.header.stamp = self._now()
            image.header.frame_id = 'us'
            self._image.publish(image)

    def _now(self) -> object:
        return self._graph.user.get_clock().now().to_msg()


class Ages(NamedTuple):
    """The age of poses and images where they are read, seconds: 99 of 100 are below."""

    before: float
    during: float
    after: float

    @property
    def are_fair(self) -> bool:
        """Whether it is at most twice what it is without the two others."""
        return self.during < 2.0 * max(self.before, self.after, FLOOR_S)


class Healthy:
    """The fourteen, held to having every text in order."""

    def __init__(self, peers: ReadingPeers, phase_s: float) -> None:
        self._peers = peers
        self._phase_s = phase_s
        self._texts: list[list[int]] = [[] for _ in range(HEALTHY)]

    def p99_s(self) -> float:
        """Return the age of what comes in a while."""
        self.take()
        watch_for(lambda: False, self._phase_s)
        ages_s = self.take()
        assert len(ages_s) > HEALTHY * self._phase_s * POSE_HZ / 2.0, 'too few came'
        return float(np.percentile(ages_s, 99.0))

    def take(self) -> list[float]:
        """Take what has come, and return its ages."""
        said = self._peers.read()
        assert said['closed'] == 0
        for texts, new in zip(self._texts, said['texts'], strict=True):
            texts += new
        ages_s: list[float] = said['ages_s']
        return ages_s

    def has_all(self, count: int) -> bool:
        """Return whether each has every text there was, in order."""
        self.take()
        return all(texts == list(range(count)) for texts in self._texts)


def is_each_counted(counts: dict[str, int]) -> bool:
    """Return whether it is known for each peer what became of each message; two had a part."""
    queued = counts['outbound_queued']
    outcomes = counts['sent'] + counts['replaced'] + counts['send_rejected closed']
    is_all_queued = counts['outbound_received'] == queued > 0
    return is_all_queued and HEALTHY * queued < outcomes < (HEALTHY + 2) * queued


def measure(port: int, healthy: Healthy) -> Ages:
    """Return the ages before the two others come, while they are there, and after they went."""
    before_s = healthy.p99_s()
    with ReadingPeers(port, 1) as stalled, ReadingPeers(port, 1, 0.05):
        stalled.stall()
        during_s = healthy.p99_s()
    return Ages(before_s, during_s, healthy.p99_s())


@pytest.mark.alone
@pytest.mark.timeout(180)
@pytest.mark.parametrize('phase_s', [1.0, pytest.param(3.0, marks=pytest.mark.long)])
def test_f8_a_stalled_and_a_slow_peer_cost_the_others_nothing(
    phase_s: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """FAULTS F8."""
    path = tmp_path / 'fairness.yaml'
    path.write_text(CONFIG)
    with ExitStack() as stack:
        graph = stack.enter_context(ros_graph())
        process = stack.enter_context(
            BridgeProcess('igtl_bridge', {'config_file': path}, name='node')
        )
        accounts = Accounts(graph, 'node')
        port = process.port_of('room')
        sources = Sources(graph)
        healthy = Healthy(stack.enter_context(ReadingPeers(port, HEALTHY)), phase_s)
        wait_until(lambda: accounts.counts('room')['connects'] == HEALTHY, 10.0, 'the sessions')
        with in_background(sources.speak, sources.track, sources.image):
            healthy.p99_s()  # until all is warm
            memory = process.usage.memory
            for _ in range(TRIES):
                ages = measure(port, healthy)
                if ages.are_fair:
                    break
            growth = process.usage.memory - memory
        wait_until(lambda: healthy.has_all(sources.texts), 20.0, 'every text at each peer')
        wait_until(lambda: is_each_counted(accounts.counts('room')), 10.0, 'all to be counted')
        counts = accounts.counts('room')
    with capsys.disabled():
        print(f'\np99 ms: {", ".join(f"{1e3 * age_s:.1f}" for age_s in ages)}; {growth} bytes')
    assert ages.are_fair, ages
    assert growth < MEMORY_BUDGET
    assert counts['replaced'] > 0  # the stalled one was there, and images for it were overtaken

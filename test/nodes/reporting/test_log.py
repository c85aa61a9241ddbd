# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What the transport logs comes out where ROS logs."""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

import numpy as np
import pytest

from helpers.bridge_peer import dial, pose, serve
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.reporting import log
from ros2_igtl.transport.log import Allowance


def test_every_severity_reaches_rosout_as_what_it_is(graph: Graph) -> None:
    records = graph.subscribe('rcl_interfaces/msg/Log', '/rosout')
    graph.add_bridge('server', {'port': 0})
    logger = logging.getLogger('ros2_igtl.transport')
    levels = {logging.INFO: 20, logging.WARNING: 30, logging.ERROR: 40}
    for _ in range(2):  # rclpy refuses a line that changes its severity
        for level in levels:
            logger.log(level, 'said with level %d', level)

    def said() -> set[tuple[int, str]]:
        return {(record.level, record.msg) for record in records if record.name == 'bridge'}

    expected = {(levels[level], f'said with level {level}') for level in levels}
    wait_until(lambda: expected <= said(), 10.0, 'the records on /rosout')


def test_nothing_is_passed_on_after_the_node(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0})
    logger = logging.getLogger(log.PACKAGE_LOGGER)

    def is_passed_on() -> bool:
        return any(isinstance(handler, log.RosLogHandler) for handler in logger.handlers)

    assert is_passed_on()
    graph.remove_bridge(bridge)
    assert not is_passed_on()


class Device(NamedTuple):
    """A device of a name."""

    device_name: str
    type_name: str = 'TRANSFORM'


def test_f49_ever_new_devices_push_no_error_out_of_the_log(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    devices = log.DeviceLog(graph.user, 'room', Allowance('room'))
    for number in range(10_000):
        cause = ('non_rigid', 'not_finite', 'topic_taken')[number % 3]
        devices.once(Device(f'Invented{number}'), cause, 'x' * 10_000)
    deadline = time.monotonic() + 10.0
    said = ''
    while "room: TRANSFORM 'Probe': second_source: why" not in said:
        devices.once(Device('Probe'), 'second_source', 'why')
        said += capfd.readouterr().err
        assert time.monotonic() < deadline
    assert len(said) < 20_000
    assert said.count('non_rigid') <= log.MAX_LINES


def test_f49_an_error_is_said_again_after_a_reconnection(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, first = serve(graph)
    first.send(pose())
    count = 0

    def is_said() -> bool:
        nonlocal count
        second.send(pose(2.0))
        count += capfd.readouterr().err.count('second_source: ')
        return count == number

    for number in (1, 2):
        second = dial(graph, bridge)
        wait_until(is_said, 10.0, f'the error, time {number}')
        second.close()
        wait_until(lambda: len(bridge.connections[0].peers.all) == 1, 10.0, 'its end')


@pytest.mark.alone
def test_f49_tools_that_flip_in_hundreds_do_not_flood_the_log(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, peer = serve(graph, stale_timeout=0.1)
    matrix = np.eye(4)
    devices = [
        codec.Message(
            codec.TrackingData.from_tools(
                [(f'Tool{device}{n:03}', codec.ToolType.INSTRUMENT_6D, matrix) for n in range(360)]
            ),
            f'Tracker{device}',
        )
        for device in range(4)
    ]
    watch = bridge.connections[0].inbound._watch
    capfd.readouterr()
    begin = time.monotonic()
    for _ in range(4):
        for message in devices:
            peer.send(codec.pack(message))
        wait_until(
            lambda: len([w for w in watch.watchdog._all() if w.is_stale]) == 1440, 10.0, 'silence'
        )
    said = capfd.readouterr().err
    assert 'stale: ' in said
    assert len(said) < 10_000 + 3_000 * (time.monotonic() - begin)

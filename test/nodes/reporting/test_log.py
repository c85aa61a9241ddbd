# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What the transport logs comes out where ROS logs."""

from __future__ import annotations

import logging

from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl.nodes.reporting import log


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

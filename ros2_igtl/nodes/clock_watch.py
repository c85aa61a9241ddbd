# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Notices that our own clock was set: by hand, by NTP, or by a bag that is played in a loop."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

PERIOD_S = 0.25
JUMP_S = 0.1  # a smaller step costs poses for this time only


class ClockWatch:
    """
    Compares ROS time with the steady clock, and calls a function if it jumps.

    Simulated time may run at any rate and pause; of it only a step back is a jump.

    :param node: provides ROS time, and runs the watch.
    :param jumped: called where ROS runs, after a warning; and again one period later, since
        messages from before the jump may have been on their way.
    """

    def __init__(self, node: Node, jumped: Callable[[], None]) -> None:
        self._node = node
        self._clock = node.get_clock()
        self._jumped = jumped
        self._last = self._now()
        self._has_jumped = False
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(PERIOD_S, self._look, clock=steady)

    def stop(self) -> None:
        """End the watch."""
        self._node.destroy_timer(self._timer)

    def _now(self) -> tuple[bool, float, float]:
        """Return whether time is simulated, ROS time and the steady clock, in seconds."""
        now_s = self._clock.now().nanoseconds / 1e9
        return self._clock.ros_time_is_active, now_s, time.monotonic()

    def _look(self) -> None:
        was_simulated, last_s, last_steady_s = self._last
        self._last = is_simulated, now_s, steady_s = self._now()
        step_s = now_s - last_s
        if not is_simulated and not was_simulated:
            step_s -= steady_s - last_steady_s
        elif is_simulated and was_simulated:
            step_s = min(0.0, step_s)
        has_jumped = abs(step_s) > JUMP_S
        if has_jumped:
            self._node.get_logger().warning(
                f'the clock of this machine was set by {step_s:.3f} s; earlier stamps and '
                'transforms are discarded'
            )
        if has_jumped or self._has_jumped:
            self._jumped()
        self._has_jumped = has_jumped

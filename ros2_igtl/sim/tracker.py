# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A simulated tracking system: tools that move on closed curves, as TRANSFORM or TDATA."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec

PERIOD_NS = 8_000_000_000
TOOL_SPACING_MM = 80.0


def tool_pose(index: int, time_ns: int) -> NDArray[np.float64]:
    """
    Return the pose of a tool in the tracker's frame.

    The tool moves on a figure of eight, 120 mm by 60 mm, rises and sinks by 20 mm, turns once
    about its axis in a period, and nods. Tools are 80 mm apart along y, and each is a quarter
    period behind the one before it.

    :param index: 0 for the first tool.
    :param time_ns: nanoseconds since 1970; the period is 8 s.
    :returns: shape (4, 4), rigid, millimetres.
    """
    turn = (time_ns % PERIOD_NS) / PERIOD_NS - index / 4.0
    phase = 2.0 * math.pi * turn
    yaw, nod = phase, 0.3 * math.sin(phase)
    about_z = np.array(
        [
            [math.cos(yaw), -math.sin(yaw), 0.0],
            [math.sin(yaw), math.cos(yaw), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    about_x = np.array(
        [
            [1.0, 0.0, 0.0],
            [0.0, math.cos(nod), -math.sin(nod)],
            [0.0, math.sin(nod), math.cos(nod)],
        ]
    )
    pose = np.eye(4)
    pose[:3, :3] = about_z @ about_x
    pose[:3, 3] = (
        60.0 * math.cos(phase),
        30.0 * math.sin(2.0 * phase) + TOOL_SPACING_MM * index,
        20.0 * math.sin(phase),
    )
    return pose


@dataclass(frozen=True)
class Tracker:
    """
    A tracking system; tool_pose gives the poses of its tools.

    :param tool_names: device names of the TRANSFORM messages, or names of the tools in TDATA.
    :param tdata: whether to send one TDATA with all tools instead of a TRANSFORM for each.
    :param device_name: device name of the TDATA messages.
    :param stamped: False sends the time stamp 0, like simple senders.
    """

    tool_names: tuple[str, ...] = ('StylusToTracker', 'ReferenceToTracker')
    tdata: bool = False
    device_name: str = 'Tracker'
    stamped: bool = True

    def messages_at(self, time_ns: int) -> tuple[codec.Message, ...]:
        """
        Return the messages of a time; the poses are exactly those of this time.

        :param time_ns: nanoseconds since 1970.
        """
        timestamp = codec.timestamp.from_nanoseconds(time_ns) if self.stamped else 0
        poses = [tool_pose(index, time_ns) for index in range(len(self.tool_names))]
        contents: list[tuple[str, codec.Content]]
        if self.tdata:
            tools = [
                (name, codec.ToolType.INSTRUMENT_6D, pose)
                for name, pose in zip(self.tool_names, poses, strict=True)
            ]
            contents = [(self.device_name, codec.TrackingData.from_tools(tools))]
        else:
            contents = [
                (name, codec.Transform.from_matrix(pose))
                for name, pose in zip(self.tool_names, poses, strict=True)
            ]
        return tuple(
            codec.Message(content, device_name, timestamp) for device_name, content in contents
        )

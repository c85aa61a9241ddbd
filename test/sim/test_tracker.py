# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated tracker says the poses of its time stamps."""

from __future__ import annotations

import numpy as np
import pytest

from ros2_igtl import codec
from ros2_igtl.sim.tracker import PERIOD_NS, TOOL_SPACING_MM, Tracker, tool_pose

TIME_NS = 1_700_000_000_123_456_789


@pytest.mark.parametrize('index', [0, 1, 5])
def test_every_pose_is_rigid(index: int) -> None:
    for step in range(64):
        pose = tool_pose(index, TIME_NS + step * PERIOD_NS // 64)
        rotation = pose[:3, :3]
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        assert pose[3].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_poses_are_those_of_the_description() -> None:
    start = tool_pose(0, 0)
    np.testing.assert_allclose(start, [[1, 0, 0, 60], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    eighth = tool_pose(0, PERIOD_NS // 8)
    half_root = np.sqrt(0.5)
    np.testing.assert_allclose(eighth[:3, 3], [60 * half_root, 30, 20 * half_root], atol=1e-12)


def test_the_motion_repeats_and_the_second_tool_follows_a_quarter_period_behind() -> None:
    np.testing.assert_array_equal(tool_pose(0, 12345), tool_pose(0, 12345 + 1000 * PERIOD_NS))
    first, second = tool_pose(0, 12345), tool_pose(1, 12345 + PERIOD_NS // 4)
    second[1, 3] -= TOOL_SPACING_MM
    np.testing.assert_allclose(first, second, atol=1e-12)


def test_each_tool_is_a_transform_with_the_stamp_of_its_pose() -> None:
    messages = Tracker(('A', 'B')).messages_at(TIME_NS)
    assert [message.device_name for message in messages] == ['A', 'B']
    for index, message in enumerate(messages):
        stamp_ns = codec.timestamp.to_nanoseconds(message.timestamp)
        assert stamp_ns == TIME_NS
        np.testing.assert_array_equal(message.content.matrix, tool_pose(index, stamp_ns))


def test_all_tools_are_in_one_tdata() -> None:
    (message,) = Tracker(('A', 'B'), tdata=True, device_name='NDI').messages_at(TIME_NS)
    assert message.device_name == 'NDI'
    tools = message.content.tools
    assert [codec.text(name) for name in tools['name']] == ['A', 'B']
    assert tools['tool_type'].tolist() == [codec.ToolType.INSTRUMENT_6D] * 2
    for index, tool in enumerate(tools):
        expected = tool_pose(index, TIME_NS)[:3].T.astype('f4')
        np.testing.assert_array_equal(tool['matrix'], expected)


def test_a_tracker_without_a_clock_sends_no_stamps() -> None:
    messages = Tracker(stamped=False).messages_at(TIME_NS)
    assert [message.timestamp for message in messages] == [0, 0]

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.points: POINT, clouds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from helpers.conversions import assert_within_a_step, cause, make_cloud, positions_m
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs import point_cloud
from ros2_igtl.convert.pairs.points import point_from_point_cloud, point_to_point_cloud

CONTEXT = Context('Scan', Time(sec=5, nanosec=6), 'igtl_ras', 'Scan')
HEADER = Header(stamp=CONTEXT.stamp, frame_id='igtl_ras')
positions_mm = arrays(
    '>f4',
    st.tuples(st.integers(0, 5), st.just(3)),
    elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
)


def cloud(positions: Any, **columns: Any) -> PointCloud2:
    return make_cloud(HEADER, positions, **columns)


@given(positions_mm, st.data())
def test_points_come_back_within_one_step_of_float32(positions: Any, data: Any) -> None:
    points = np.zeros(len(positions), codec.Point.dtype)
    points['position'] = positions
    points['rgba'] = data.draw(arrays(np.uint8, (len(positions), 4)))
    message = point_to_point_cloud(codec.Point(points), CONTEXT)
    sent = point_from_point_cloud(message)
    assert (sent.stamp_ns, sent.frame_id, sent.child_frame_id) == (5_000_000_006, 'igtl_ras', '')
    back: Any = sent.content
    assert np.array_equal(back.points['rgba'], points['rgba'])
    assert back.points['name'].tolist() == [f'P{n}'.encode() for n in range(len(points))]
    assert_within_a_step(back.points['position'], positions)


@given(positions_m)
def test_a_cloud_of_points_comes_back_in_metres_of_float32(positions: Any) -> None:
    sent = point_from_point_cloud(cloud(positions))
    packed = codec.unpack(codec.pack(codec.Message(sent.content))).content
    assert (packed.points['rgba'] == 255).all()
    message = point_to_point_cloud(packed, CONTEXT)
    assert_within_a_step(point_cloud.read_cloud(message).positions, positions)


def test_b26_one_bad_point_refuses_the_list() -> None:
    for value, expected in ((math.nan, 'not_finite'), (1e38, 'out_of_range')):
        content = codec.Point.from_points([{}, {'position': (0.0, value, 0.0)}])
        assert cause(point_to_point_cloud, content, CONTEXT) == expected


def test_the_colours_of_a_cloud_are_those_of_the_points() -> None:
    rgb = np.array([0x010203, 0xFF8000], '<u4').view('<f4')
    sent: Any = point_from_point_cloud(cloud(np.zeros((2, 3)), rgb=rgb)).content
    assert sent.points['rgba'].tolist() == [[1, 2, 3, 255], [255, 128, 0, 255]]

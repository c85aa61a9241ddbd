# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of several conversions need: causes of refusals, clouds of points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs import point_cloud

positions_m = arrays(
    np.float32,
    st.tuples(st.integers(0, 5), st.just(3)),
    elements=st.floats(-1e5, 1e5, width=32, allow_subnormal=False),
)


def cause(convert: Any, *arguments: Any, **keywords: Any) -> str:
    """Return why a conversion refuses what it is given."""
    with pytest.raises(ConvertError) as refusal:
        convert(*arguments, **keywords)
    return refusal.value.cause


def make_cloud(header: Header, positions: Any, **columns: Any) -> PointCloud2:
    """Return a cloud of positions in metres, with other columns by name."""
    return point_cloud.make_cloud(header, np.asarray(positions, float), columns)


def assert_within_a_step(actual: Any, expected: Any) -> None:
    """Compare numbers of float32 that metres of float32 lay between."""
    step = np.spacing(np.abs(expected).astype(np.float32)).astype(float)
    step = np.maximum(step, 2e-42)  # the least number of float32 that is not 0, in millimetres
    assert (np.abs(actual.astype(float) - expected.astype(float)) <= step).all()

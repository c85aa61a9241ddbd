# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Shared parts of the visualization_msgs/MarkerArray of several families."""

from __future__ import annotations

from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs import parts

SHOWN_SIZE_M = 0.001
"""The thickness shown for objects of size 0, which RViz would not show."""


def added_markers(message: MarkerArray) -> tuple[list[Marker], Header]:
    """
    Return the markers that do not delete others, and the header of the first.

    :raises ConvertError: ``several_frames``; ``too_many_elements``.
    """
    markers = [marker for marker in message.markers if marker.action == Marker.ADD]
    parts.check_count(len(markers))
    header = markers[0].header if markers else Header()
    for marker in markers:
        if marker.header.frame_id != header.frame_id:
            raise ConvertError(
                'several_frames',
                f"markers in '{header.frame_id}' and '{marker.header.frame_id}'; "
                'one frame is allowed',
            )
    return markers, header

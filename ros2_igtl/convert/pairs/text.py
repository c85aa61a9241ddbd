# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""STRING <-> std_msgs/String."""

from __future__ import annotations

from std_msgs.msg import String

from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.naming import ros_text


def string_to_ros(content: codec.String, context: Context) -> String:
    """
    Return the text; std_msgs/String has neither stamp nor frame.

    Bytes that are invalid in the encoding become U+FFFD, and so does NUL, which would end a ROS
    string. Command strings of PLUS (``CMD_<id>``) are treated as text like any other.

    Lost: the stamp, the encoding, and bytes that are invalid in it.
    """
    return String(data=ros_text(content.text))


def string_from_ros(message: String) -> Outbound:
    """Return the text, in US-ASCII if that suffices, else in UTF-8."""
    return Outbound(codec.String(ros_text(message.data)))


CONVERSIONS = (
    Conversion(
        'STRING',
        'std_msgs/msg/String',
        one(string_to_ros),
        one(string_from_ros),
        default=True,
        traffic='event',
    ),
)

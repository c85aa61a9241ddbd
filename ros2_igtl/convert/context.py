# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The input and the result of a conversion, apart from the values; no conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.convert.math.stamps import join_stamp


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a conversion from OpenIGTLink needs in addition to the content."""

    device_name: str
    stamp: Time
    frame_id: str  # the parent frame
    child_frame_id: str
    header_version: int = 1
    message_id: int = 0  # 0: none
    metadata: Mapping[str, str] = field(default_factory=dict)
    frame_prefix: str = ''  # put before the frames in names of tools


class Outbound(NamedTuple):
    """The result of a conversion from ROS, with the frames of the ROS message."""

    content: codec.Content
    stamp_ns: int = 0  # since the epoch; 0: the ROS message has no stamp, or an unset one
    frame_id: str = ''  # the parent frame; '': none
    child_frame_id: str = ''  # '': none
    message_id: int = 0  # 0: none
    metadata: Mapping[str, str] = MappingProxyType({})


def sensor_header(context: Context) -> Header:
    """Return the header of a measurement; its frame is the sensor's own, the child frame."""
    return Header(stamp=context.stamp, frame_id=context.child_frame_id)


def sensor_outbound(content: codec.Content, header: Header) -> Outbound:
    """
    Return a measurement with the stamp of a header; the header's frame becomes the child frame.

    :raises ConvertError: ``timestamp_range``: before 1970.
    """
    return outbound(content, header, header.frame_id)._replace(frame_id='')


def outbound(content: codec.Content, header: Header, child_frame_id: str = '') -> Outbound:
    """
    Return a content with the stamp and the parent frame of a header.

    :raises ConvertError: ``timestamp_range``: before 1970.
    """
    stamp_ns = join_stamp(header.stamp.sec, header.stamp.nanosec)
    return Outbound(content, stamp_ns, header.frame_id, child_frame_id)

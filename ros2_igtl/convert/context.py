# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a conversion is given and what it makes, besides the values themselves; no conversion."""

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
    """All that a conversion from OpenIGTLink needs and the content does not say."""

    device_name: str
    stamp: Time
    frame_id: str  # the parent frame
    child_frame_id: str
    header_version: int = 1
    message_id: int = 0  # 0: none
    metadata: Mapping[str, str] = field(default_factory=dict)
    frame_prefix: str = ''  # of the frames that names of tools say


class Outbound(NamedTuple):
    """What a conversion from ROS makes; frames as the ROS message has them."""

    content: codec.Content
    stamp_ns: int = 0  # since the epoch; 0: the ROS type has no stamp, or none was set
    frame_id: str = ''  # the parent frame; '': none
    child_frame_id: str = ''  # '': none
    message_id: int = 0  # 0: none
    metadata: Mapping[str, str] = MappingProxyType({})


def sensor_header(context: Context) -> Header:
    """Return the header of what a sensor measures, whose frame is its own, the child frame."""
    return Header(stamp=context.stamp, frame_id=context.child_frame_id)


def sensor_outbound(content: codec.Content, header: Header) -> Outbound:
    """
    Return what a sensor measures with the stamp of a header, whose frame is the child frame.

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

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The message types of the protocol, one module a family; importing this registers them all."""

from ros2_igtl.codec.messages.capability import Capability
from ros2_igtl.codec.messages.command import Command, CommandReply
from ros2_igtl.codec.messages.image import CoordinateSystem, Endian, Image, ScalarType
from ros2_igtl.codec.messages.point import Point
from ros2_igtl.codec.messages.position import Position
from ros2_igtl.codec.messages.status import Status, StatusCode
from ros2_igtl.codec.messages.string import String
from ros2_igtl.codec.messages.tracking_data import (
    StartTrackingData,
    StopTrackingData,
    ToolType,
    TrackingData,
    TrackingDataReply,
)
from ros2_igtl.codec.messages.transform import Transform

__all__ = [
    'Capability',
    'Command',
    'CommandReply',
    'CoordinateSystem',
    'Endian',
    'Image',
    'Point',
    'Position',
    'ScalarType',
    'StartTrackingData',
    'Status',
    'StatusCode',
    'StopTrackingData',
    'String',
    'ToolType',
    'TrackingData',
    'TrackingDataReply',
    'Transform',
]

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
OpenIGTLink messages as values and bytes. No socket, no thread, no clock, no ROS, no logging.

::

    message = codec.unpack(data)
    data = codec.pack(codec.Message(codec.String('ready'), 'Robot'))

    connection = codec.Connection()
    connection.receive_data(data)
    while (message := connection.next_message()) is not codec.NEED_DATA:
        handle(message)
"""

from ros2_igtl.codec import timestamp
from ros2_igtl.codec.connection import NEED_DATA, Connection, Limits
from ros2_igtl.codec.describe import describe
from ros2_igtl.codec.errors import (
    BodyTooLargeError,
    CodecError,
    ContentSizeError,
    ContentValueError,
    CrcError,
    DecodeError,
    EncodeError,
    ExtendedHeaderError,
    FramingError,
    HeaderVersionError,
    MessageError,
    MetadataError,
    NameTooLongError,
    NoDataError,
    TruncatedError,
    TypeNameError,
    UnsupportedVersionError,
    ValueRangeError,
)
from ros2_igtl.codec.header import DEVICE_NAME_SIZE, HEADER_SIZE, TYPE_NAME_SIZE, Header
from ros2_igtl.codec.message import Message, Unknown, pack, pack_parts, unpack
from ros2_igtl.codec.messages import (
    Capability,
    Command,
    CommandReply,
    CoordinateSystem,
    Endian,
    Image,
    Point,
    Position,
    ScalarType,
    StartTrackingData,
    Status,
    StatusCode,
    StopTrackingData,
    String,
    ToolType,
    TrackingData,
    TrackingDataReply,
    Transform,
)
from ros2_igtl.codec.metadata import EncodedText
from ros2_igtl.codec.registry import MESSAGE_TYPES, Content, load_entry_points, register
from ros2_igtl.codec.wire import text

__all__ = [
    'DEVICE_NAME_SIZE',
    'HEADER_SIZE',
    'MESSAGE_TYPES',
    'NEED_DATA',
    'TYPE_NAME_SIZE',
    'BodyTooLargeError',
    'Capability',
    'CodecError',
    'Command',
    'CommandReply',
    'Connection',
    'Content',
    'ContentSizeError',
    'ContentValueError',
    'CoordinateSystem',
    'CrcError',
    'DecodeError',
    'EncodeError',
    'EncodedText',
    'Endian',
    'ExtendedHeaderError',
    'FramingError',
    'Header',
    'HeaderVersionError',
    'Image',
    'Limits',
    'Message',
    'MessageError',
    'MetadataError',
    'NameTooLongError',
    'NoDataError',
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
    'TruncatedError',
    'TypeNameError',
    'Unknown',
    'UnsupportedVersionError',
    'ValueRangeError',
    'describe',
    'pack',
    'pack_parts',
    'register',
    'text',
    'timestamp',
    'unpack',
]

load_entry_points()

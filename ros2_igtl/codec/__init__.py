# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
OpenIGTLink messages as values and as bytes. No socket, no thread, no clock, no ROS, no logging.

::

    message = codec.unpack(data)
    data = codec.pack(codec.Message(codec.String('ready'), 'Robot'))

    stream = codec.Stream()
    stream.receive_data(data)
    while (message := stream.next_message()) is not codec.NEED_DATA:
        handle(message)

Each module lists in ``__all__`` the names that this package exports.
"""

from ros2_igtl.codec import timestamp as timestamp
from ros2_igtl.codec import wire as wire
from ros2_igtl.codec.compose import *
from ros2_igtl.codec.describe import *
from ros2_igtl.codec.errors import *
from ros2_igtl.codec.header import *
from ros2_igtl.codec.message import *
from ros2_igtl.codec.messages.bind import *
from ros2_igtl.codec.messages.capability import *
from ros2_igtl.codec.messages.cells import *
from ros2_igtl.codec.messages.color_table import *
from ros2_igtl.codec.messages.command import *
from ros2_igtl.codec.messages.companions import *
from ros2_igtl.codec.messages.elements import *
from ros2_igtl.codec.messages.image import *
from ros2_igtl.codec.messages.image_meta import *
from ros2_igtl.codec.messages.nd_array import *
from ros2_igtl.codec.messages.point import *
from ros2_igtl.codec.messages.poly_data import *
from ros2_igtl.codec.messages.position import *
from ros2_igtl.codec.messages.query import *
from ros2_igtl.codec.messages.sensor import *
from ros2_igtl.codec.messages.status import *
from ros2_igtl.codec.messages.string import *
from ros2_igtl.codec.messages.tracking_data import *
from ros2_igtl.codec.messages.trajectory import *
from ros2_igtl.codec.messages.transform import *
from ros2_igtl.codec.messages.unit import *
from ros2_igtl.codec.messages.video import *
from ros2_igtl.codec.metadata import *
from ros2_igtl.codec.names import *
from ros2_igtl.codec.pack import *
from ros2_igtl.codec.registry import *
from ros2_igtl.codec.registry import load_entry_points as _load_entry_points
from ros2_igtl.codec.stream import *
from ros2_igtl.codec.unpack import *
from ros2_igtl.codec.wire import text as text

__all__ = [name for name in dir() if not name.startswith('_')]

_load_entry_points()

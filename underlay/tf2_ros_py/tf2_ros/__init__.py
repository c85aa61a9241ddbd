# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The names of tf2_ros that ros2_igtl uses, for machines whose ROS 2 does not include it.

These classes behave as the documentation of the original module states, which test/underlay
checks. Asynchronous look-ups, the action client and conversions of other messages are left out.
"""

from tf2_ros.buffer import Buffer
from tf2_ros.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)
from tf2_ros.static_transform_broadcaster import StaticTransformBroadcaster
from tf2_ros.transform_broadcaster import TransformBroadcaster
from tf2_ros.transform_listener import TransformListener

__all__ = [
    'Buffer',
    'ConnectivityException',
    'ExtrapolationException',
    'InvalidArgumentException',
    'LookupException',
    'StaticTransformBroadcaster',
    'TimeoutException',
    'TransformBroadcaster',
    'TransformException',
    'TransformListener',
]

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The reasons why a look-up fails."""


class TransformException(Exception):  # noqa: N818 (the original name, as are all below)
    """The base of the exceptions below."""


class LookupException(TransformException):
    """A frame is unknown."""


class ConnectivityException(TransformException):
    """Both frames are known, but belong to different trees."""


class ExtrapolationException(TransformException):
    """The requested time is outside the received data."""


class InvalidArgumentException(TransformException):
    """The name of a frame is empty or begins with a slash."""


class TimeoutException(TransformException):
    """The answer did not arrive in time."""

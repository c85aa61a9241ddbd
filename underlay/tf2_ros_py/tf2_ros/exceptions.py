# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Why a transform cannot be had."""


class TransformException(Exception):  # noqa: N818 (the genuine name, as are all below)
    """Any of the refusals below."""


class LookupException(TransformException):
    """A frame is not known."""


class ConnectivityException(TransformException):
    """Both frames are known, but lie in different trees."""


class ExtrapolationException(TransformException):
    """The time asked for lies outside of what was received."""


class InvalidArgumentException(TransformException):
    """The name of a frame is empty or begins with a slash."""


class TimeoutException(TransformException):
    """An answer did not come in time."""

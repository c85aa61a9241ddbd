# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The exception of the conversions, with the cause under which it is counted."""

from __future__ import annotations


class ConvertError(ValueError):
    """
    A value that cannot be converted. The conversion returned nothing.

    ``cause`` is one snake_case word for counting:

    ==================== ======================================================================
    not_finite           NaN or infinity
    out_of_range         farther from the origin than :data:`~.geometry.MAX_DISTANCE_MM`
    non_rigid            a matrix that scales, shears or mirrors; image axes at an angle
    zero_axis            an image axis of length 0
    zero_quaternion      a quaternion of length 0
    quaternion_norm      a quaternion whose length differs from 1 by more than 1 %
    empty_frame          a transform without parent or child frame
    same_frame           a transform from a frame to itself
    duplicate_name       two tools with the same name or frame
    too_many_tools       more tools than any tracker has
    too_many_elements    a list longer than any real one
    name_too_long        a name that does not fit its field
    timestamp_range      a time that the other side cannot express
    sub_volume           a part of an image, where a whole image is needed
    volume_too_large     an image in parts that exceeds the memory limit
    image_size           an image of no pixels, of more than 65535 along an axis, or of an odd size
    size_mismatch        bytes, sizes or strides that contradict one another
    encoding             a pixel encoding that OpenIGTLink does not have
    scalar_type          a scalar type or number of components that the other side does not have
    color_range          a colour outside 0 to 1, or a table entry outside the range of its type
    unit                 an invalid unit, or one that the other side does not have
    value_count          more or fewer numbers or poses than the other side takes
    array_layout         a layout that contradicts its numbers, or that OpenIGTLink does not have
    several_frames       parts in more than one frame
    type_name            a type name that does not fit the header or the mapping row
    metadata             a metadata key used twice, or a value that its encoding cannot express
    point_fields         fields from which no points can be read
    cell_index           a cell that refers to a missing point
    attribute            an attribute that OpenIGTLink does not have
    marker_type          a marker of a type that the conversion does not accept
    zero_scale           a marker of size 0
    needs_decoder        a video frame that needs earlier frames, or PyAV is not installed
    video_stream         a video frame that cannot be decoded
    no_geometry          a video frame without an ImageGeometry that gives its size
    status_value         a code, sub-code or level that is not a number in its range
    unknown_conversion   a pair of types without a conversion
    encode               a received content that cannot be packed again
    ==================== ======================================================================

    If the bytes of a RawMessage are not a content of its type, the cause is that of the codec's
    error.
    """

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause

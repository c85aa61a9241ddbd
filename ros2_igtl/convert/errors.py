# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The one exception of the conversions, with a word to count it by; nothing else."""

from __future__ import annotations


class ConvertError(ValueError):
    """
    A value without a counterpart on the other side; nothing was converted.

    ``cause`` is one snake_case word for counting:

    ==================== ======================================================================
    not_finite           NaN or infinity
    out_of_range         farther from the origin than :data:`~.geometry.MAX_DISTANCE_MM`
    non_rigid            a matrix that scales, shears or mirrors; image axes at an angle
    zero_axis            an image axis of no length
    zero_quaternion      a quaternion of no length
    quaternion_norm      a quaternion whose length is off by more than 1 %
    empty_frame          a transform without parent or child frame
    same_frame           a transform from a frame to itself
    duplicate_name       two tools of one name, or of one frame
    too_many_tools       more tools than a tracker has
    too_many_elements    a list longer than any real one
    name_too_long        a name that does not fit its field
    timestamp_range      a time that the other side cannot express
    sub_volume           a part of an image, where only a whole one can be converted
    volume_too_large     an image in parts that takes more memory than it may
    image_size           an image of no pixels, of more than 65535 along an axis, or of an odd size
    size_mismatch        bytes, sizes or strides that contradict one another
    encoding             a pixel encoding that OpenIGTLink does not have
    scalar_type          a scalar type or number of components that the other side does not have
    color_range          a colour outside 0 to 1, or an entry of a table outside its type
    unit                 an invalid unit, or one that the other side does not have
    value_count          more or fewer numbers or poses than the other side has
    array_layout         a layout that contradicts its numbers, or that OpenIGTLink lacks
    several_frames       parts in more than one frame
    type_name            a type name that does not fit the header
    metadata             metadata with a key twice, or a value that its encoding does not have
    point_fields         fields that make no points of a cloud
    cell_index           a cell that refers to a missing point
    attribute            an attribute that OpenIGTLink does not have
    marker_type          a marker of a type that the conversion does not take
    zero_scale           a marker of no size
    needs_decoder        a frame of a video that only those before it make a picture, or no PyAV
    video_stream         a frame of a video that cannot be decoded
    no_geometry          a frame of a video whose size nothing says
    status_value         a code, sub-code or level that is not a number in its range
    unknown_conversion   a pair of types without a conversion
    encode               a content that came in a form which cannot be packed
    ==================== ======================================================================

    Bytes of a RawMessage that are no content of its type have the causes of the codec's errors.
    """

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause

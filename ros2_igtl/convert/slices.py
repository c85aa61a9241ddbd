# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A volume as one IMAGE a slice, each with its place and stamp; no ROS message is made here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from builtin_interfaces.msg import Time

from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.math import image_geometry
from ros2_igtl.convert.math.stamps import join_stamp, split_stamp


def slices_of(content: codec.Image, context: Context) -> Iterator[tuple[codec.Image, Context]]:
    """
    Return the slices of an image from the first k on, each an image, with a context for each.

    The pixels are not copied. The stamp of slice k is k nanoseconds later than that of the
    volume, so that a slice and what says where it lies find one another by their stamps.

    :raises ConvertError: ``sub_volume``; ``timestamp_range``: the stamps reach beyond 2038.
    """
    image_geometry.check_whole(content.sub_size, content.size)
    i, j, count = content.size
    data = memoryview(content.data).cast('B')
    slice_size = len(data) // count
    axis = content.axes[6:9]
    stamp_ns = join_stamp(context.stamp.sec, context.stamp.nanosec)
    for k in range(count):
        steps = k - (count - 1) / 2  # from the centre, which is the position
        sec, nanosec = split_stamp(stamp_ns + k)
        yield (
            codec.Image(
                data[k * slice_size : (k + 1) * slice_size],
                (i, j, 1),
                content.scalar_type,
                content.components,
                content.endian,
                content.coordinate,
                content.axes,
                tuple(
                    centre + steps * step
                    for centre, step in zip(content.position, axis, strict=True)
                ),
            ),
            replace(context, stamp=Time(sec=sec, nanosec=nanosec)),
        )

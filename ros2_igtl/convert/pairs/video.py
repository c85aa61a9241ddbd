# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
VIDEO <-> sensor_msgs/CompressedImage, and sensor_msgs/Image for what is not compressed.

Where a frame lies and how large it is are no part of a CompressedImage: a ros2_igtl/ImageGeometry
of the same stamp says it, as it does for an Image. Frames that need others are decoded before, by
``video_decoder``.

Fourcc: ``igtl_video.h``. Formats: as Foxglove's CompressedVideo and FFmpeg name them.
"""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec import FrameType, ScalarType
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_data
from ros2_igtl.convert.math import image_geometry, yuv
from ros2_igtl.convert.pairs.image import (
    image_from_ros,
    image_to_image_geometry,
    image_to_ros,
    image_to_transform_stamped,
)

_FORMATS = {
    'H264': 'h264',
    'VP90': 'vp9',
    'X265': 'hevc',
    'O265': 'hevc',  # the same, of another encoder
    'AV10': 'av1',
    'I420': 'i420',
}
_FOURCCS = {
    'h264': 'H264',
    'vp9': 'VP90',
    'hevc': 'X265',
    'h265': 'X265',
    'av1': 'AV10',
    'i420': 'I420',
}


def video_to_compressed_image(content: codec.Video, context: Context) -> CompressedImage:
    """
    Return a frame, its bit stream by reference if it is an array('B'), in the plane's frame.

    Formats: h264, vp9, hevc, av1, and i420 for what is not compressed.

    Lost: the frame type, whether it is grey, the anatomical directions LPS, which become RAS, and
    O265, which becomes X265.

    :raises ConvertError: ``encoding``: another fourcc; ``sub_volume``.
    """
    image_geometry.check_whole(content.sub_size, content.size)
    format_name = _FORMATS.get(content.fourcc)
    if format_name is None:
        raise ConvertError(
            'encoding',
            f"fourcc '{naming.escape(content.fourcc)}'; {', '.join(_FORMATS)} are allowed",
        )
    return message_with_data(
        CompressedImage,
        content.data,
        header=Header(stamp=context.stamp, frame_id=context.child_frame_id),
        format=format_name,
    )


def video_from_compressed_image(message: CompressedImage, geometry: Any | None = None) -> Outbound:
    """
    Return a frame, its bit stream not copied.

    Formats: those of :func:`video_to_compressed_image`, and h265; what follows a semicolon is
    passed over. A frame of i420 is a key frame, of others it is not known whether they are.

    Lost: what the format says after a semicolon.

    :param geometry: the ros2_igtl/ImageGeometry with the same stamp: a CompressedImage does not
        say how large it is.
    :returns: the child frame is the image's frame.
    :raises ConvertError: ``encoding``; ``no_geometry``; ``image_size``; and those of
        :func:`~.image_geometry.axes_and_position`.
    """
    format_name = message.format.partition(';')[0].strip().lower()
    fourcc = _FOURCCS.get(format_name)
    if fourcc is None:
        raise ConvertError(
            'encoding',
            f"format '{naming.escape(message.format[:40])}'; {', '.join(_FOURCCS)} are allowed",
        )
    if geometry is None:
        raise ConvertError(
            'no_geometry', 'a CompressedImage has no size; an ImageGeometry of its stamp says it'
        )
    i, j, k = map(int, geometry.size)
    size = (i, j, k)
    image_geometry.check_size(size)
    axes, position = image_geometry.axes_and_position(size, geometry.ijk_to_frame)
    content = codec.Video(
        memoryview(message.data),
        size,
        fourcc,
        FrameType.KEY if fourcc == 'I420' else FrameType.UNKNOWN,
        axes=axes,
        position=position,
    )
    sent = outbound(content, message.header, message.header.frame_id)
    return sent._replace(frame_id=geometry.header.frame_id)


def video_to_ros(content: codec.Video | codec.Image, context: Context) -> Image:
    """
    Return the pixels of a frame of I420, mono8 if it is grey and rgb8 else, in the plane's frame.

    See :mod:`~.yuv`. Other codecs need those frames that came before, so no conversion of one
    message can decode them: what :class:`~.video_decoder.VideoDecoder` made of one is taken in its
    place.

    Lost: U and V of grey frames, what pixels of 8 bits round, the anatomical directions LPS, which
    become RAS, and the place, where ImageGeometry is not taken beside it.

    :raises ConvertError: ``needs_decoder``: another codec; ``sub_volume``; ``image_size``: odd, or
        of several slices; ``size_mismatch``.
    """
    if isinstance(content, codec.Image):
        return image_to_ros(content, context)
    image_geometry.check_whole(content.sub_size, content.size)
    if content.fourcc != 'I420':
        raise ConvertError(
            'needs_decoder',
            f"a frame of '{naming.escape(content.fourcc)}' cannot be decoded without those before "
            'it; sensor_msgs/msg/CompressedImage passes it on',
        )
    width, height, depth = content.size
    if depth != 1:
        raise ConvertError('image_size', f'{depth} slices, 1 makes an image')
    frame_size = yuv.frame_size(width, height)
    frame = memoryview(content.data).cast('B')
    if len(frame) != frame_size:
        raise ConvertError(
            'size_mismatch',
            f'I420 of {width} x {height} takes {frame_size} bytes, got {len(frame)}',
        )
    if content.is_grayscale:
        data, encoding, components = frame[: width * height], 'mono8', 1
    else:
        data, encoding, components = yuv.rgb_from_i420(frame, width, height).data, 'rgb8', 3
    return message_with_data(
        Image,
        data,
        header=Header(stamp=context.stamp, frame_id=context.child_frame_id),
        height=height,
        width=width,
        encoding=encoding,
        step=width * components,
    )


def video_from_ros(message: Image, geometry: Any | None = None) -> Outbound:
    """
    Return an image as a key frame of I420, grey if it is mono8; see :mod:`~.yuv`.

    Lost: the colour of each pixel for that of four together, and what 8 bits round.

    :param geometry: as of :func:`image_from_ros`.
    :raises ConvertError: ``encoding``: other than mono8, rgb8 and bgr8; ``image_size``: odd; and
        those of :func:`image_from_ros`.
    """
    sent = image_from_ros(message, geometry)
    image: Any = sent.content
    if image.scalar_type != ScalarType.UINT8 or image.components not in (1, 3):
        raise ConvertError(
            'encoding', f'encoding {message.encoding!r}; mono8, rgb8 and bgr8 are allowed as I420'
        )
    is_grey = image.components == 1
    pixels = image.pixels[0]
    frame = yuv.i420_from_grey(pixels) if is_grey else yuv.i420_from_rgb(pixels)
    content = codec.Video(
        frame,
        image.size,
        'I420',
        FrameType.KEY,
        is_grey,
        axes=image.axes,
        position=image.position,
    )
    return sent._replace(content=content)


CONVERSIONS = (
    Conversion(
        'VIDEO',
        'sensor_msgs/msg/CompressedImage',
        one(video_to_compressed_image),
        one(video_from_compressed_image),
        default=True,
        traffic='event',  # without one frame those after it mean nothing
        reads_sibling='geometry',
        to_tf=image_to_transform_stamped,
        is_bulk=True,
    ),
    Conversion(
        'VIDEO',
        'ros2_igtl/msg/ImageGeometry',
        one(image_to_image_geometry),
        None,  # the other rows of VIDEO take it beside a message
        default=True,
        sibling='geometry',
        traffic='event',
        is_bulk=True,
    ),
    Conversion(
        'VIDEO',
        'sensor_msgs/msg/Image',
        one(video_to_ros),
        one(video_from_ros),
        is_decoded=True,
        reads_sibling='geometry',
        is_bulk=True,
    ),
)

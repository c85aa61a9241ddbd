# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
VIDEO <-> sensor_msgs/CompressedImage, and sensor_msgs/Image for pixels.

A CompressedImage contains neither geometry nor size of a frame: both are in a
ros2_igtl/ImageGeometry with the same stamp, which also has the geometry of an Image. The frames
of compressed videos depend on one another; ``streams/video_decoder.py`` decodes them first.

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
    'O265': 'hevc',  # the same format from another encoder
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
    Return a video frame in the plane's frame; an array('B') is kept by reference.

    Formats: h264, vp9, hevc, av1, and i420 for uncompressed video.

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
    Return a video frame without copying its bit stream.

    Formats: those of :func:`video_to_compressed_image`, and h265; text after a semicolon is
    ignored. Every frame of i420 is marked as a key frame, those of other formats as unknown.

    Lost: text after a semicolon in the format.

    :param geometry: the ros2_igtl/ImageGeometry with the same stamp; a CompressedImage does not
        contain its size.
    :returns: the child frame is the image's frame.
    :raises ConvertError: ``encoding``; ``no_geometry``; ``image_size``; and as
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
            'no_geometry', 'a CompressedImage needs an ImageGeometry with its stamp for the size'
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
    Return the pixels of a frame of I420 in the plane's frame, mono8 if it is grey, else rgb8.

    See :mod:`~.yuv`. Frames of other codecs depend on earlier ones, so this function cannot decode
    them; it takes the picture that :class:`~.video_decoder.VideoDecoder` made instead.

    Lost: U and V of grey frames, rounding to 8 bits, the anatomical directions LPS, which become
    RAS, and the geometry, unless ImageGeometry is used too.

    :raises ConvertError: ``needs_decoder``: another codec; ``sub_volume``; ``image_size``: an odd
        size, or several slices; ``size_mismatch``.
    """
    if isinstance(content, codec.Image):
        return image_to_ros(content, context)
    image_geometry.check_whole(content.sub_size, content.size)
    if content.fourcc != 'I420':
        raise ConvertError(
            'needs_decoder',
            f"a frame of '{naming.escape(content.fourcc)}' cannot be decoded without earlier "
            'frames; sensor_msgs/msg/CompressedImage passes it on',
        )
    width, height, depth = content.size
    if depth != 1:
        raise ConvertError('image_size', f'{depth} slices; an image has 1')
    frame_size = yuv.frame_size(width, height)
    frame = memoryview(content.data).cast('B')
    if len(frame) != frame_size:
        raise ConvertError(
            'size_mismatch',
            f'I420 of {width} x {height} needs {frame_size} bytes, got {len(frame)}',
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

    Lost: the colour of single pixels, since four share one, and rounding to 8 bits.

    :param geometry: as for :func:`image_from_ros`.
    :raises ConvertError: ``encoding``: other than mono8, rgb8 and bgr8; ``image_size``: an odd
        size; and as :func:`image_from_ros`.
    """
    sent = image_from_ros(message, geometry)
    image: Any = sent.content
    if image.scalar_type != ScalarType.UINT8 or image.components not in (1, 3):
        raise ConvertError(
            'encoding', f'encoding {message.encoding!r}; I420 allows mono8, rgb8 and bgr8'
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
        traffic='event',  # later frames cannot be decoded if one is missing
        reads_sibling='geometry',
        to_tf=image_to_transform_stamped,
        is_bulk=True,
    ),
    Conversion(
        'VIDEO',
        'ros2_igtl/msg/ImageGeometry',
        one(image_to_image_geometry),
        None,  # the other conversions of VIDEO take it with a message
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

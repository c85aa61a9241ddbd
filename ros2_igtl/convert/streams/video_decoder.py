# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Frames of a VIDEO made pictures, by PyAV and so by FFmpeg; no ROS message is made here.

A frame means nothing without those before it, so a decoder is fed all frames of a device in their
order, and what comes before the first key frame makes no picture. PyAV is an extra: without it
only I420 is read, which needs no decoder.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import image_geometry

MAX_STREAMS = 8
"""Of one peer: each may keep 16 pictures, of 3 MB or more. The one fed longest ago gives way."""

_PADDING = 128  # pixels that a codec may add to a side, which is a number of its blocks

_DECODERS = {
    'H264': 'h264',
    'VP90': 'vp9',
    'X265': 'hevc',
    'O265': 'hevc',
    'AV10': 'libdav1d',
}


def load_decoders() -> Any:
    """
    Return PyAV, which takes 0.2 s the first time.

    :raises ConvertError: ``needs_decoder``: it is not installed; the text says how to.
    """
    try:
        import av
    except ImportError as error:
        raise ConvertError(
            'needs_decoder',
            f'PyAV decodes {", ".join(_DECODERS)}, and cannot be imported ({error}); install it '
            'with: pip install av',
        ) from None
    return av


class VideoDecoder:
    """
    Decodes the videos of one peer; one thread alone may use it.

    What a frame costs: 0.6 to 4 ms of 640 x 480, 3 to 11 ms of 1920 x 1080, on one core, by codec
    and bit rate; which is about as much as publishing the picture.

    :param max_bytes: what a picture may take.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._streams: dict[str, _Stream] = {}  # by device name, the latest fed last

    def decode(self, device_name: str, frame: codec.Video) -> codec.Video | codec.Image | None:
        """
        Return the picture that a frame makes, None if it makes none yet.

        A frame of I420 is returned as it is. Of others the picture has red, green and blue, or
        is grey if the frame is, and lies where the frame lies. One of another codec or size
        begins a new stream. After an error the next key frame is waited for.

        :param frame: as the codec gives it.
        :raises ConvertError: ``encoding``: another fourcc; ``sub_volume``; ``image_size``: several
            slices, or a picture over the limit; ``needs_decoder``; ``video_stream``: FFmpeg
            refuses the frame, or finds it damaged; ``size_mismatch``: its picture has another
            size.
        """
        stream = self._streams.pop(device_name, None)
        if frame.fourcc == 'I420':
            return frame
        self._check(frame)
        if stream is None or not stream.takes(frame):
            stream = _Stream(frame)
        picture = stream.decode(frame)  # if it raises, the stream is given up
        while len(self._streams) >= MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        self._streams[device_name] = stream
        return picture

    def forget(self, device_name: str) -> None:
        """Wait for the next key frame of a device: frames of it were not decoded."""
        self._streams.pop(device_name, None)

    def _check(self, frame: codec.Video) -> None:
        if frame.fourcc not in _DECODERS:
            allowed = ', '.join(['I420', *_DECODERS])
            raise ConvertError(
                'encoding', f"fourcc '{naming.escape(frame.fourcc)}'; {allowed} are allowed"
            )
        image_geometry.check_whole(frame.sub_size, frame.size)
        width, height, depth = frame.size
        if depth != 1:
            raise ConvertError('image_size', f'{depth} slices, 1 makes an image')
        if 3 * width * height > self.max_bytes:
            raise ConvertError(
                'image_size',
                f'a picture of {width} x {height} takes {3 * width * height} bytes, '
                f'{self.max_bytes} are allowed',
            )


class _Stream:
    """The frames of one device, of one codec and size."""

    def __init__(self, frame: codec.Video) -> None:
        """Begin the stream that a frame is of; the frame itself is not decoded."""
        self._av = load_decoders()
        self._format = _format(frame)
        self._has_begun = False
        self._context = self._av.CodecContext.create(_DECODERS[frame.fourcc], 'r')
        self._context.thread_count = 1  # with more of them pictures come later
        # a stream may announce a huge picture, which would be allocated
        width, height = (size + _PADDING for size in frame.size[:2])
        self._context.options = {'max_pixels': str(width * height)}

    def takes(self, frame: codec.Video) -> bool:
        """Return whether a frame is of this stream."""
        return _format(frame) == self._format

    def decode(self, frame: codec.Video) -> codec.Image | None:
        """Return the picture, the newest if the decoder had kept some; None before the first."""
        if not len(frame.data):  # it would mean the end to the decoder
            raise ConvertError('video_stream', 'a frame of no bytes')
        try:
            pictures = self._context.decode(self._av.Packet(frame.data))
        except self._av.FFmpegError as error:
            if self._has_begun or frame.frame_type == codec.FrameType.KEY:
                raise ConvertError(
                    'video_stream', f'{frame.fourcc} cannot be decoded: {error.strerror}'
                ) from None
            return None  # it needs frames that never came
        if not pictures:  # of what comes before the first key frame FFmpeg makes none
            return None
        picture = pictures[-1]
        self._has_begun = True
        if picture.is_corrupt:
            raise ConvertError('video_stream', f'a damaged frame of {frame.fourcc}')
        if (picture.width, picture.height) != frame.size[:2]:
            raise ConvertError(
                'size_mismatch',
                f'a picture of {picture.width} x {picture.height} in a frame of '
                f'{frame.size[0]} x {frame.size[1]}',
            )
        return _image_of(picture, frame)


def _format(frame: codec.Video) -> tuple[Any, ...]:
    """Return what the frames of one stream share."""
    return frame.fourcc, frame.size


def _image_of(picture: Any, frame: codec.Video) -> codec.Image:
    """Return a picture where its frame lies."""
    if frame.is_grayscale:
        # Y is the grey from 0 to 255, as in a grey frame of I420
        plane = picture.reformat(format='yuv420p').planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        pixels = np.ascontiguousarray(rows[: picture.height, : picture.width])
    else:
        pixels = picture.to_ndarray(format='rgb24')
    return codec.Image(
        pixels.reshape(-1),
        frame.size,
        components=1 if frame.is_grayscale else 3,
        coordinate=frame.coordinate,
        axes=frame.axes,
        position=frame.position,
    )

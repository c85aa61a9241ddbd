# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Decodes the frames of VIDEO with PyAV (FFmpeg); this module makes no ROS message.

A frame depends on earlier ones, so a decoder must receive all frames of a device in order.
Frames before the first key frame give no picture. PyAV is an optional dependency: without it
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
"""
The limit for one peer, since a stream may keep 16 pictures of 3 MB or more. A further stream ends
the least recently used one.
"""

MAX_PICTURES = 17  # a stream may refer to 16 earlier ones
PICTURE_BYTES = 1.5  # for each pixel of 4:2:0
_PADDING = 128  # pixels; a codec may round a side up to a multiple of its block size

_DECODERS = {
    'H264': 'h264',
    'VP90': 'vp9',
    'X265': 'hevc',
    'O265': 'hevc',
    'AV10': 'libdav1d',
}


def load_decoders() -> Any:
    """
    Return PyAV; the first import takes 0.2 s.

    :raises ConvertError: ``needs_decoder``: PyAV is not installed; the text has the command.
    """
    try:
        import av
    except ImportError as error:
        raise ConvertError(
            'needs_decoder',
            f'decoding {", ".join(_DECODERS)} needs PyAV, which cannot be imported ({error}); '
            'install it with: pip install av',
        ) from None
    return av


class VideoDecoder:
    """
    Decodes the videos of one peer; only one thread may use it.

    A frame of 640 x 480 takes 0.6 to 4 ms on one core, one of 1920 x 1080 takes 3 to 11 ms,
    depending on codec and bit rate. Publishing the picture takes about as long.

    :param max_bytes: limit of a picture.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0
        """Bytes of all streams, at most, after the last frame; other threads may read it."""
        self._streams: dict[str, _Stream] = {}  # by device name, the most recently used last

    def decode(self, device_name: str, frame: codec.Video) -> codec.Video | codec.Image | None:
        """
        Return the picture of a frame, None if there is no picture yet.

        A frame of I420 is returned as it is. Other pictures are RGB, or grey if the frame is, and
        have the geometry of the frame. A frame of another codec or size begins a new stream.
        After an error the decoder waits for the next key frame.

        :param frame: as the codec returns it.
        :raises ConvertError: ``encoding``: another fourcc; ``sub_volume``; ``image_size``: several
            slices, or a picture over the limit; ``needs_decoder``; ``video_stream``: FFmpeg
            rejects the frame or reports it as damaged; ``size_mismatch``: the picture has another
            size than the frame.
        """
        try:
            return self._decode(device_name, frame)
        finally:
            self._count()

    def _decode(self, device_name: str, frame: codec.Video) -> codec.Video | codec.Image | None:
        stream = self._streams.pop(device_name, None)
        if frame.fourcc == 'I420':
            return frame
        self._check(frame)
        if stream is None or not stream.takes(frame):
            stream = _Stream(frame)
        picture = stream.decode(frame)  # if this raises, the stream ends
        while len(self._streams) >= MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        self._streams[device_name] = stream
        return picture

    def forget(self, device_name: str) -> None:
        """Wait for the next key frame of a device, because some of its frames were skipped."""
        self._streams.pop(device_name, None)
        self._count()

    def _count(self) -> None:
        self.held_bytes = sum(stream.held_bytes for stream in self._streams.values())

    def _check(self, frame: codec.Video) -> None:
        if frame.fourcc not in _DECODERS:
            allowed = ', '.join(['I420', *_DECODERS])
            raise ConvertError(
                'encoding', f"fourcc '{naming.escape(frame.fourcc)}'; {allowed} are allowed"
            )
        image_geometry.check_whole(frame.sub_size, frame.size)
        width, height, depth = frame.size
        if depth != 1:
            raise ConvertError('image_size', f'{depth} slices; an image has 1')
        if 3 * width * height > self.max_bytes:
            raise ConvertError(
                'image_size',
                f'a picture of {width} x {height} takes {3 * width * height} bytes; '
                f'{self.max_bytes} are allowed',
            )


class _Stream:
    """The frames of one device with the same codec and size."""

    def __init__(self, frame: codec.Video) -> None:
        """Begin a stream for a frame, without decoding the frame."""
        self._av = load_decoders()
        self._format = _format(frame)
        self._has_begun = False
        self._pictures = 0  # kept for later frames, at most
        self._context = self._av.CodecContext.create(_DECODERS[frame.fourcc], 'r')
        self._context.thread_count = 1  # more threads would delay the pictures
        # FFmpeg would allocate a picture of any size that a stream announces
        width, height = (size + _PADDING for size in frame.size[:2])
        self._context.options = {'max_pixels': str(width * height)}

    @property
    def held_bytes(self) -> int:
        """Bytes of the pictures that the decoder keeps, at most."""
        width, height = self._format[1][:2]
        return int(self._pictures * width * height * PICTURE_BYTES)

    def takes(self, frame: codec.Video) -> bool:
        """Return whether a frame belongs to this stream."""
        return _format(frame) == self._format

    def decode(self, frame: codec.Video) -> codec.Image | None:
        """Return the newest picture of the decoder; None before the first."""
        if not len(frame.data):  # the decoder would read it as the end of the stream
            raise ConvertError('video_stream', 'the frame has 0 bytes')
        try:
            pictures = self._context.decode(self._av.Packet(frame.data))
        except self._av.FFmpegError as error:
            if self._has_begun or frame.frame_type == codec.FrameType.KEY:
                raise ConvertError(
                    'video_stream', f'{frame.fourcc} cannot be decoded: {error.strerror}'
                ) from None
            return None  # the frame needs earlier ones, which have not arrived
        if not pictures:  # before the first key frame
            return None
        picture = pictures[-1]
        self._has_begun = True
        self._pictures = min(self._pictures + 1, MAX_PICTURES)
        if picture.is_corrupt:
            raise ConvertError('video_stream', f'the frame of {frame.fourcc} is damaged')
        if (picture.width, picture.height) != frame.size[:2]:
            raise ConvertError(
                'size_mismatch',
                f'the frame says {frame.size[0]} x {frame.size[1]}, its picture has '
                f'{picture.width} x {picture.height}',
            )
        return _image_of(picture, frame)


def _format(frame: codec.Video) -> tuple[Any, ...]:
    """Return the properties that all frames of a stream have in common."""
    return frame.fourcc, frame.size


def _image_of(picture: Any, frame: codec.Video) -> codec.Image:
    """Return a picture with the geometry of its frame."""
    if frame.is_grayscale:
        # Y is the grey value from 0 to 255, as in a grey frame of I420
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

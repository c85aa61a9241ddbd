# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos that PyAV's encoders make, frame by frame, and the pictures that they are of."""

from __future__ import annotations

import contextlib
import functools
import os
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec

WIDTH, HEIGHT = 192, 128
KEY_EVERY = 5
FRAMES = 12
# encoder, and what keeps it from looking ahead
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    'H264': ('libx264', {'preset': 'ultrafast', 'tune': 'zerolatency', 'crf': '18'}),
    'VP90': (
        'libvpx-vp9',
        {'deadline': 'realtime', 'cpu-used': '8', 'lag-in-frames': '0', 'crf': '18'},
    ),
    'X265': (
        'libx265',
        {'preset': 'ultrafast', 'tune': 'zerolatency', 'x265-params': 'crf=18:log-level=none'},
    ),
    'AV10': (
        'libsvtav1',
        {'preset': '12', 'crf': '18', 'svtav1-params': 'lookahead=0:pred-struct=1:lp=1'},
    ),
}


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Return a smooth picture that is another for each number, shape (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    red, green = 96 + 80 * np.sin((x + 9 * number) / 25), 128 + 80 * np.cos((y - 7 * number) / 30)
    pixels: NDArray[np.uint8] = np.empty((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = red, green, 60 + 12 * number
    return pixels


@functools.cache
def encode(
    fourcc: str, width: int = WIDTH, height: int = HEIGHT, b_frames: int = 0
) -> tuple[tuple[bytes, bool], ...]:
    """
    Return the bit stream of each picture, and whether it is a key frame: every fifth is.

    :param b_frames: how many may lie between two that they are made of, of H264.
    """
    import av

    name, options = ENCODERS[fourcc]
    context: Any = av.CodecContext.create(name, 'w')
    context.width, context.height, context.pix_fmt = width, height, 'yuv420p'
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.gop_size, context.max_b_frames = KEY_EVERY, b_frames
    context.options = {'bf': str(b_frames), 'b-adapt': '0'} if b_frames else options
    packets = []
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(picture(number, width, height), format='rgb24')
        frame = frame.reformat(format='yuv420p')
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    _leave_real_time()
    return tuple((bytes(packet), bool(packet.is_keyframe)) for packet in packets)


def frames(
    fourcc: str, width: int = WIDTH, height: int = HEIGHT, **fields: Any
) -> list[codec.Video]:
    """Return the frames of a video as a peer sends them."""
    kinds = {True: codec.FrameType.KEY, False: codec.FrameType.INTER}
    return [
        codec.Video(data, (width, height, 1), fourcc, kinds[is_key], **fields)
        for data, is_key in encode(fourcc, width, height)
    ]


def difference(pixels: Any, number: int) -> float:
    """Return how far pixels lie from a picture, the mean of all their numbers."""
    expected = picture(number).astype(int)
    return float(np.abs(np.reshape(pixels, expected.shape).astype(int) - expected).mean())


def _leave_real_time() -> None:
    """
    Give this process its ordinary priority again.

    As root, SVT-AV1 gives the whole process the highest one of real time: all threads and programs
    that it started from then on would keep everything else on the machine from running.
    """
    for thread in os.listdir('/proc/self/task'):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setscheduler(int(thread), os.SCHED_OTHER, os.sched_param(0))

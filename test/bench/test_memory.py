# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The bench sees memory that is held only for a moment."""

from __future__ import annotations

import memory
import numpy as np

from ros2_igtl import codec

SIZE = 1_000_000


def test_a_copy_that_is_thrown_away_counts() -> None:
    assert SIZE <= memory.peak_of(lambda: len(bytes(SIZE))) < SIZE + 10_000
    assert memory.peak_of(lambda: None) < 10_000


def test_packing_an_image_takes_one_copy_and_unpacking_takes_none() -> None:
    image = codec.Image.from_pixels(np.zeros((1, 1000, 1000), 'u1'))
    data = codec.pack(codec.Message(image))
    peaks = memory.peaks(data)
    assert SIZE <= peaks['pack'] <= SIZE + 65536
    assert peaks['pack_parts'] <= 65536
    assert peaks['unpack'] <= 65536

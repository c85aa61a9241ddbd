# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a process holds of the machine, and how fast that grows; Linux."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

SAMPLE_S = 0.2


class Usage(NamedTuple):
    """
    What a process holds.

    :ivar memory: resident bytes of its own. What it shares is left out: the middleware's segment
        has a fixed size, and is resident as far as it was ever written to.
    :ivar descriptors: open file descriptors.
    :ivar threads: that run or wait.
    """

    memory: int
    descriptors: int
    threads: int


def usage_of(pid: int) -> Usage:
    """Return what a process holds now."""
    process = Path('/proc', str(pid))
    status = (process / 'status').read_text()
    kilobytes, threads = (
        int(re.findall(rf'^{key}:\s+(\d+)', status, re.MULTILINE)[0])
        for key in ('RssAnon', 'Threads')
    )
    return Usage(1024 * kilobytes, len(os.listdir(process / 'fd')), threads)


Sample = tuple[float, Usage]
"""When it was (seconds), and what it held."""


@contextmanager
def sampled(usage: Callable[[], Usage]) -> Iterator[list[Sample]]:
    """Take samples in a thread, into the list that it gives."""
    samples: list[Sample] = []
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(SAMPLE_S):
            samples.append((time.monotonic(), usage()))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


class Slopes(NamedTuple):
    """
    How fast what a process holds grows, by the line of least squares.

    :ivar seconds: from the first sample to the last.
    :ivar memory: bytes a second, as are the others of their kind.
    """

    seconds: float
    memory: float
    descriptors: float
    threads: float


def slopes_of(samples: Sequence[Sample]) -> Slopes:
    """Return the slopes of samples, of which there are at least two."""
    times = np.array([time_s for time_s, _ in samples])
    held = np.array([usage for _, usage in samples], np.float64)
    slopes = np.polynomial.polynomial.polyfit(times - times[0], held, 1)[1]
    return Slopes(float(times[-1] - times[0]), *slopes.tolist())

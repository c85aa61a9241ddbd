# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes the waiting messages of one peer to a sink in slices."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.outbox import BATCH_BYTES, Batch, Outbox
from ros2_igtl.transport.statistics import Statistics

BYTES_A_TURN = 1 << 20  # then it is the turn of the other peers
SLICE_BYTES = 262144  # asyncio copies data that the socket does not accept: at most this much


class Sink(Protocol):
    """The part of ``asyncio.Transport`` that a writer needs."""

    def write(self, data: memoryview) -> None:
        """Send data; the sink blocks the outbox while it accepts no more."""

    def is_closing(self) -> bool:
        """Return whether no more data can be sent."""


class Writer:
    """
    Writes the messages of one outbox, and decides when its peer is too slow or needs a keepalive.

    Everything but the outbox belongs to the I/O thread.
    """

    def __init__(
        self,
        outbox: Outbox,
        statistics: Statistics,
        options: Options,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Begin with nothing written.

        :param clock: seconds, steady; the same as that of the outbox.
        """
        self._outbox = outbox
        self._statistics = statistics
        self._options = options
        self._clock = clock
        self._slices: deque[memoryview] = deque()  # of the batch being written
        self._batch = Batch((), 0, 0, False)
        self._handed_bytes = 0
        self._written_bytes = 0
        self._progress_at = 0.0
        self._large_done_at = 0.0
        self._begun_at = clock()  # of the last batch

    def write(self, sink: Sink) -> bool:
        """
        Write until the sink accepts no more, nothing waits or the turn is over.

        :returns: whether another turn may have more to write.
        """
        slices, outbox = self._slices, self._outbox
        budget = BYTES_A_TURN
        while not (outbox.is_blocked or sink.is_closing()):
            if budget <= 0:
                return True
            if not slices:
                batch = outbox.take()
                if batch is None:
                    return False
                self._batch = batch
                self._begun_at = self._progress_at = self._clock()
                for buffer in batch.buffers:
                    view = memoryview(buffer).cast('B')
                    for start in range(0, len(view), SLICE_BYTES):
                        slices.append(view[start : start + SLICE_BYTES])
            data = slices.popleft()
            budget -= len(data)
            self._handed_bytes += len(data)
            if not slices:
                self._statistics.sent += self._batch.messages
                self._statistics.sent_bytes += self._batch.size
                if self._batch.size > BATCH_BYTES:
                    self._large_done_at = self._clock()
            sink.write(data)
        return False

    def has_stalled(self, now: float, unwritten: int) -> bool:
        """
        Return whether an event has waited too long.

        Only events count: a waiting state message is replaced by newer ones, and TCP detects a
        lost peer. The time of a large message that makes progress does not count.

        :param unwritten: bytes that the sink has accepted and not sent.
        """
        written = self._handed_bytes - unwritten
        if written != self._written_bytes:
            self._written_bytes = written
            self._progress_at = now
        is_unfinished = bool(self._slices) or self._outbox.is_blocked
        latest = now - self._options.send_timeout
        if is_unfinished and self._batch.has_event and self._progress_at < latest:
            return True
        oldest = self._outbox.oldest_event_since
        if oldest is None:
            return False
        is_large = is_unfinished and self._batch.size > BATCH_BYTES
        return max(oldest, self._progress_at if is_large else self._large_done_at) < latest

    def needs_keepalive(self, now: float) -> bool:
        """Return whether nothing was sent within the keepalive interval."""
        interval = self._options.keepalive_interval
        return interval > 0 and now - self._begun_at >= interval

    def clear(self) -> None:
        """Release the rest of the message being written."""
        self._slices.clear()

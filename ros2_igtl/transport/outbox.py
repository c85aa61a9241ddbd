# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The messages waiting for one peer: the rules to replace or reject them, and their way to a sink.

*Events* are never lost: they wait in a bounded queue, and the peer must be closed when the queue
exceeds its limit. Of *state*, only the newest message of a device matters. While the socket
accepts data, up to :data:`STATE_DEPTH` messages of each device wait, so that a late loop replaces
none; once the socket is congested, one message of each device waits. A *stop* is sent before all
waiting messages.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.sink import Buffer, Owner, Sink
from ros2_igtl.transport.statistics import Statistics

Traffic = Literal['state', 'event', 'stop']

STATE_DEPTH = 100  # 0.1 s of a 1 kHz tracker; a turn of the loop takes far less
CONGESTION_GRACE_S = 0.05  # a large image fills the socket for some ms, which is no congestion
BATCH_BYTES = 65536  # small messages are joined up to this size, larger ones are sliced
SLICE_BYTES = 262144  # asyncio copies data that the socket does not accept: at most this much
BYTES_A_TURN = 1 << 20  # then it is the turn of the other peers
ACCOUNTED_BYTES = 1 << 20  # more waiting bytes than this are accounted at once, fewer later


@dataclass(slots=True, eq=False)
class _Waiting:
    """A packed message that waits to be sent."""

    buffers: Sequence[Buffer]
    size: int
    since: float  # steady clock; for state: when the oldest replaced message began to wait
    key: Hashable


class Batch(NamedTuple):
    """The data to write next, without interruption."""

    buffers: Sequence[Buffer]
    messages: int
    size: int
    has_event: bool


class Outbox:
    """The messages waiting for one peer. Every method may be called from any thread."""

    def __init__(
        self,
        limit_bytes: int,
        statistics: Statistics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Start empty.

        :param limit_bytes: limit of waiting events, and of waiting state.
        :param statistics: counts replaced and rejected messages, and the high water mark.
        :param clock: seconds, steady.
        """
        self._clock = clock
        self._limit = limit_bytes
        self._statistics = statistics
        self._lock = threading.Lock()
        self._stops: deque[_Waiting] = deque()  # their bytes are counted as events
        self._events: deque[_Waiting] = deque()
        self._event_bytes = 0
        self._oversize_bytes = 0  # of the one waiting event that alone exceeds the limit
        self._state: deque[_Waiting] = deque()
        self._state_by_key: dict[Hashable, deque[_Waiting]] = {}
        self._state_bytes = 0
        self._is_closed = False
        self.is_blocked = False
        """Whether the socket accepts no more data; set by :meth:`set_blocked`."""
        self.has_overflown = False
        """Whether an event did not fit, so that the peer must be closed."""

    @property
    def waiting_bytes(self) -> int:
        """The number of waiting bytes."""
        return self._event_bytes + self._state_bytes

    @property
    def oldest_event_since(self) -> float | None:
        """When the oldest waiting event was put (steady clock); None without waiting events."""
        with self._lock:
            oldest = [queue[0].since for queue in (self._stops, self._events) if queue]
            return min(oldest, default=None)

    def put(self, buffers: Sequence[Buffer], size: int, traffic: Traffic, key: Hashable) -> bool:
        """
        Queue a packed message.

        :param buffers: their concatenation is the message; they must not change afterwards.
        :param key: identifies the device; a newer state message with the same key replaces it.
        :returns: False if the peer is being closed, because of this message or an earlier cause.
        """
        waiting = _Waiting(buffers, size, self._clock(), key)
        with self._lock:
            if self._is_closed or self.has_overflown:
                return False
            is_queued = True
            if traffic != 'state':
                queue = self._stops if traffic == 'stop' else self._events
                is_queued = self._put_event(waiting, queue)
            elif not (self.is_blocked and self._replace_if_congested(waiting)):
                slots = self._state_by_key.get(key)
                if slots is None:
                    slots = self._state_by_key[key] = deque()
                elif len(slots) >= STATE_DEPTH:
                    self._replace_oldest(slots)
                slots.append(waiting)
                self._state.append(waiting)
                self._state_bytes += size
                if self._state_bytes > self._limit:
                    self._shrink_state()
            waiting_bytes = self._event_bytes + self._state_bytes
            if waiting_bytes > self._statistics.high_water_bytes:
                self._statistics.high_water_bytes = waiting_bytes
            return is_queued

    def take(self) -> Batch | None:
        """Return the next data to write: stops, events, then state; None if nothing waits."""
        taken: list[_Waiting] = []
        size = 0
        has_event = False
        with self._lock:
            for queue in (self._stops, self._events, self._state):
                # As many as fit one batch, or the first one of any size.
                while queue and (not taken or size + queue[0].size <= BATCH_BYTES):
                    waiting = queue.popleft()
                    taken.append(waiting)
                    size += waiting.size
                    if queue is self._state:
                        self._state_bytes -= waiting.size
                        slots = self._state_by_key[waiting.key]
                        slots.popleft()
                        if not slots:
                            del self._state_by_key[waiting.key]
                    else:
                        has_event = True
                        self._event_bytes -= waiting.size
                        if waiting.size > self._limit:
                            self._oversize_bytes = 0
                if queue:
                    break
        if not taken:
            return None
        if len(taken) == 1:
            return Batch(taken[0].buffers, 1, size, has_event)
        data = b''.join(buffer for waiting in taken for buffer in waiting.buffers)
        return Batch((data,), len(taken), size, has_event)

    def withdraw(
        self, is_chosen: Callable[[Hashable], bool], traffic: Traffic = 'event'
    ) -> list[Hashable]:
        """
        Remove waiting events or stops, and count them as rejected.

        :param is_chosen: returns for the key of a message whether to remove it.
        :returns: the keys of the removed messages, which will never be sent.
        """
        with self._lock:
            queue = self._events if traffic == 'event' else self._stops
            chosen = [waiting for waiting in queue if is_chosen(waiting.key)]
            for waiting in chosen:
                queue.remove(waiting)
                self._event_bytes -= waiting.size
                if waiting.size > self._limit:
                    self._oversize_bytes = 0
            if chosen:
                self._statistics.send_rejected['withdrawn'] += len(chosen)
        return [waiting.key for waiting in chosen]

    def set_blocked(self, is_blocked: bool) -> None:
        """Note that the socket accepts no more data, or accepts data again."""
        with self._lock:
            if self.is_blocked and not is_blocked:
                self._collapse_if_congested(self._clock())
            self.is_blocked = is_blocked

    def close(self) -> None:
        """Reject new messages, and count waiting ones as rejected; may be called twice."""
        with self._lock:
            self._is_closed = True
            discarded = len(self._stops) + len(self._events) + len(self._state)
            if discarded:
                self._statistics.send_rejected['closed'] += discarded
            for queue in (self._stops, self._events, self._state):
                queue.clear()
            self._state_by_key.clear()
            self._event_bytes = self._oversize_bytes = self._state_bytes = 0

    def refuse_more(self) -> None:
        """Reject new messages; waiting ones may still be taken."""
        with self._lock:
            self._is_closed = True

    def _put_event(self, waiting: _Waiting, queue: deque[_Waiting]) -> bool:
        """Append to the queue, unless events exceed their limit."""
        # One message that alone exceeds the limit (a volume) may wait, and is not counted.
        if queue is self._stops:  # a stop is always accepted
            fits = True
        elif waiting.size > self._limit:
            fits = not self._oversize_bytes
        else:
            fits = self._event_bytes - self._oversize_bytes + waiting.size <= self._limit
        if not fits:
            self.has_overflown = True
            self._statistics.send_rejected['send_buffer_limit'] += 1
            return False
        queue.append(waiting)
        self._event_bytes += waiting.size
        if waiting.size > self._limit:
            self._oversize_bytes = waiting.size
        return True

    def _replace_if_congested(self, waiting: _Waiting) -> bool:
        """Replace the newest message of the same device if the socket is congested."""
        self._collapse_if_congested(waiting.since)
        slots = self._state_by_key.get(waiting.key)
        if slots is None or not self._is_congested(waiting.since):
            return False
        slot = slots[-1]  # the new message takes its place, so that no device starves another
        self._state_bytes += waiting.size - slot.size
        slot.buffers, slot.size = waiting.buffers, waiting.size
        self._statistics.replaced += 1
        return True

    def _replace_oldest(self, slots: deque[_Waiting]) -> None:
        """Remove the oldest message of a device with too many waiting messages."""
        oldest = slots.popleft()
        self._state.remove(oldest)
        self._state_bytes -= oldest.size
        self._statistics.replaced += 1

    def _shrink_state(self) -> None:
        """Make room: keep only the newest message of each device, then reject the oldest ones."""
        self._collapse()
        while self._state_bytes > self._limit and len(self._state) > 1:
            oldest = self._state.popleft()
            del self._state_by_key[oldest.key]
            self._state_bytes -= oldest.size
            self._statistics.send_rejected['send_buffer_limit'] += 1

    def _is_congested(self, now: float) -> bool:
        """Return whether the oldest state message has waited longer than the grace time."""
        return (
            self.is_blocked
            and bool(self._state)
            and now - self._state[0].since > CONGESTION_GRACE_S
        )

    def _collapse_if_congested(self, now: float) -> None:
        """Keep only the newest message of each device if the socket is congested."""
        if len(self._state) > len(self._state_by_key) and self._is_congested(now):
            self._collapse()

    def _collapse(self) -> None:
        """Keep only the newest message of each device, in the place of its oldest."""
        kept: list[_Waiting] = []
        for key, slots in self._state_by_key.items():
            newest = slots[-1]
            newest.since = slots[0].since
            kept.append(newest)
            self._statistics.replaced += len(slots) - 1
            self._state_by_key[key] = deque([newest])
        kept.sort(key=lambda waiting: waiting.since)
        self._state = deque(kept)
        self._state_bytes = sum(waiting.size for waiting in kept)


class Writer:
    """
    Writes the messages of one outbox, and decides when its peer is too slow or needs a keepalive.

    Everything but the outbox belongs to the I/O thread.

    :ivar sink: must be set before the first flush().
    :ivar end: the reason to close the session once nothing waits; empty to keep it open.
    """

    sink: Sink

    def __init__(
        self,
        owner: Owner,
        outbox: Outbox,
        statistics: Statistics,
        options: Options,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Begin with nothing written.

        :param clock: seconds, steady; the same as that of the outbox.
        """
        self.end = ''
        self._owner = owner
        self._outbox = outbox
        self._statistics = statistics
        self._options = options
        self._clock = clock
        self._slices: deque[Buffer] = deque()  # of the batch being written
        self._batch = Batch((), 0, 0, False)
        self._handed_bytes = 0
        self._written_bytes = 0
        self._progress_at = 0.0
        self._large_done_at = 0.0
        self._begun_at = clock()  # of the last batch

    def flush(self) -> None:
        """
        Write until the sink accepts no more, nothing waits or the turn is over.

        Closes the session if an event did not fit, or if it only waited for the last message.
        """
        outbox, sink, slices = self._outbox, self.sink, self._slices
        # as outbox.waiting_bytes; without a call, since all messages pass here
        if outbox._event_bytes + outbox._state_bytes > ACCOUNTED_BYTES:
            self._owner.account()
        if outbox.has_overflown:
            self._owner.close('send_buffer_limit')
            return
        budget = BYTES_A_TURN
        while not (outbox.is_blocked or sink.is_closing()):
            if budget <= 0:
                self._owner.flush_later()
                return
            if not slices:
                batch = outbox.take()
                if batch is None:
                    break
                self._batch = batch
                self._begun_at = self._progress_at = self._clock()
                is_small = batch.size <= BATCH_BYTES
                slices.extend(batch.buffers if is_small else _slices_of(batch.buffers))
            data = slices.popleft()
            budget -= len(data)
            self._handed_bytes += len(data)
            if not slices:
                self._statistics.sent += self._batch.messages
                self._statistics.sent_bytes += self._batch.size
                if self._batch.size > BATCH_BYTES:
                    self._large_done_at = self._clock()
            sink.write(data)
        if self.end and not outbox.is_blocked:
            self._owner.close(self.end)

    def has_stalled(self, now: float, unwritten: int, excused: float = 0.0) -> bool:
        """
        Return whether an event has waited too long.

        Only events count: a waiting state message is replaced by newer ones, and TCP detects a
        lost peer. The time of a large message that makes progress does not count.

        :param unwritten: bytes that the sink has accepted and not sent.
        :param excused: seconds for which our own program has stood still.
        """
        written = self._handed_bytes - unwritten
        if written != self._written_bytes:
            self._written_bytes = written
            self._progress_at = now
        is_unfinished = bool(self._slices) or self._outbox.is_blocked
        latest = now - self._options.send_timeout - excused
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


def _slices_of(buffers: Sequence[Buffer]) -> Iterator[memoryview]:
    """Cut buffers, without copying them."""
    for buffer in buffers:
        view = memoryview(buffer).cast('B')
        for start in range(0, len(view), SLICE_BYTES):
            yield view[start : start + SLICE_BYTES]

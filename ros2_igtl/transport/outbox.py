# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The messages that wait for one peer, and the rules to replace or refuse them; no socket, no loop.

Events and state wait, and a stop goes before both. *Events* are never lost: they wait in a bounded
queue, and when that is over its limit the peer has to be closed. Of *state* only the newest
message a device matters: while the socket takes what it is given, up to :data:`STATE_DEPTH`
messages a device wait, so that a late loop replaces nothing; once the socket is congested each
device keeps one. A *stop* goes before everything that waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ros2_igtl.transport.statistics import Statistics

Buffer = bytes | bytearray | memoryview
Traffic = Literal['state', 'event', 'stop']

STATE_DEPTH = 100  # 0.1 s of a 1 kHz tracker; a turn of the loop takes far less
CONGESTION_GRACE_S = 0.05  # a large image fills the socket for some ms: no congestion yet
BATCH_BYTES = 65536  # small messages are joined up to this, larger ones are sliced


@dataclass(slots=True, eq=False)
class _Waiting:
    """A packed message that waits."""

    buffers: Sequence[Buffer]
    size: int
    since: float  # steady clock; of a state slot: since when the slot waits
    key: Hashable


class Batch(NamedTuple):
    """What is to be written next, without anything between."""

    buffers: Sequence[Buffer]
    messages: int
    size: int
    has_event: bool


class Outbox:
    """What waits for one peer. Every method may be called from any thread."""

    def __init__(
        self,
        limit_bytes: int,
        statistics: Statistics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Start empty.

        :param limit_bytes: of waiting events, and of waiting state, that is not to be exceeded.
        :param statistics: where replaced, refused and the high water are counted.
        :param clock: seconds, steady.
        """
        self._clock = clock
        self._limit = limit_bytes
        self._statistics = statistics
        self._lock = threading.Lock()
        self._stops: deque[_Waiting] = deque()  # their bytes are counted as events
        self._events: deque[_Waiting] = deque()
        self._event_bytes = 0
        self._oversize_bytes = 0  # of the one waiting event that is over the limit by itself
        self._state: deque[_Waiting] = deque()
        self._state_by_key: dict[Hashable, deque[_Waiting]] = {}
        self._state_bytes = 0
        self._is_closed = False
        self.is_blocked = False
        """Whether the socket takes nothing more; set by :meth:`set_blocked`."""
        self.has_overflown = False
        """Whether an event did not fit: the peer has to be closed."""

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait."""
        return self._event_bytes + self._state_bytes

    @property
    def oldest_event_since(self) -> float | None:
        """Since when (steady clock) the oldest event waits; None when none does."""
        with self._lock:
            oldest = [queue[0].since for queue in (self._stops, self._events) if queue]
            return min(oldest, default=None)

    def put(self, buffers: Sequence[Buffer], size: int, traffic: Traffic, key: Hashable) -> bool:
        """
        Let a packed message wait.

        :param buffers: their concatenation is the message; they must not change any more.
        :param key: whose state it is; a newer message of the same key replaces it.
        :returns: False if the peer is being closed, because of this message or before it.
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
        """Return what is to be written next: stops, events, then state; None if nothing waits."""
        taken: list[_Waiting] = []
        size = 0
        has_event = False
        with self._lock:
            for queue in (self._stops, self._events, self._state):
                # As many as fit one batch, or the first whatever its size.
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

    def withdraw(self, is_chosen: Callable[[Hashable], bool]) -> list[Hashable]:
        """
        Remove events that wait, and count them as rejected.

        :param is_chosen: tells by the key of an event whether it is to be removed.
        :returns: the keys of those that were: they will never be sent.
        """
        with self._lock:
            chosen = [waiting for waiting in self._events if is_chosen(waiting.key)]
            for waiting in chosen:
                self._events.remove(waiting)
                self._event_bytes -= waiting.size
                if waiting.size > self._limit:
                    self._oversize_bytes = 0
            if chosen:
                self._statistics.send_rejected['withdrawn'] += len(chosen)
        return [waiting.key for waiting in chosen]

    def set_blocked(self, is_blocked: bool) -> None:
        """Say that the socket takes nothing more, or that it does again."""
        with self._lock:
            if self.is_blocked and not is_blocked:
                self._collapse_if_congested(self._clock())
            self.is_blocked = is_blocked

    def close(self) -> None:
        """Refuse whatever comes, and count what still waits as rejected; may be called twice."""
        with self._lock:
            self._is_closed = True
            discarded = len(self._stops) + len(self._events) + len(self._state)
            if discarded:
                self._statistics.send_rejected['closed'] += discarded
            self._stops.clear()
            self._events.clear()
            self._state.clear()
            self._state_by_key.clear()
            self._event_bytes = self._oversize_bytes = self._state_bytes = 0

    def refuse_more(self) -> None:
        """Refuse whatever comes; what waits may still be taken."""
        with self._lock:
            self._is_closed = True

    def _put_event(self, waiting: _Waiting, queue: deque[_Waiting]) -> bool:
        """Append to the queue, unless events are over their limit."""
        # One message that is over the limit by itself (a volume) may wait, and does not count.
        if queue is self._stops:  # which is no time to be strict
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
        slot = slots[-1]  # it keeps its place in the line, so that no device starves another
        self._state_bytes += waiting.size - slot.size
        slot.buffers, slot.size = waiting.buffers, waiting.size
        self._statistics.replaced += 1
        return True

    def _replace_oldest(self, slots: deque[_Waiting]) -> None:
        """Remove the oldest message of a device of which too many wait."""
        oldest = slots.popleft()
        self._state.remove(oldest)
        self._state_bytes -= oldest.size
        self._statistics.replaced += 1

    def _shrink_state(self) -> None:
        """Make room: first by keeping the newest a device, then by rejecting the oldest."""
        self._collapse()
        while self._state_bytes > self._limit and len(self._state) > 1:
            oldest = self._state.popleft()
            del self._state_by_key[oldest.key]
            self._state_bytes -= oldest.size
            self._statistics.send_rejected['send_buffer_limit'] += 1

    def _is_congested(self, now: float) -> bool:
        """Whether the socket has refused the oldest state message for longer than the grace."""
        return (
            self.is_blocked
            and bool(self._state)
            and now - self._state[0].since > CONGESTION_GRACE_S
        )

    def _collapse_if_congested(self, now: float) -> None:
        """Keep the newest a device if the socket is congested."""
        if len(self._state) > len(self._state_by_key) and self._is_congested(now):
            self._collapse()

    def _collapse(self) -> None:
        """Keep the newest a device, in the place of its oldest."""
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

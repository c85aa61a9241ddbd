# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Collects the messages of several rows with about the same stamp into a BIND."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ros2_igtl import codec
from ros2_igtl.nodes.reporting.counters import Rate, Tally
from ros2_igtl.nodes.to_igtl.audience import Audience
from ros2_igtl.transport import Traffic


@dataclass(slots=True)
class _Waiting:
    message: codec.Message
    stamp_ns: int
    traffic: Traffic


class BindGroup:
    """
    Sends a BIND when each of its rows has a message and their stamps are within a tolerance.

    The newest message of each row waits. The BIND has the oldest of their stamps, so that it does
    not appear newer than its children.

    :param device_name: of the BIND.
    :param tolerance_ns: largest difference between the stamps of the children.
    :param audience: the peers that get it.
    :param tally: counts the messages of the rows.
    """

    type_name = codec.Bind.type_name
    is_bulk = False  # its children are already converted

    def __init__(
        self, device_name: str, tolerance_ns: int, audience: Audience, tally: Tally
    ) -> None:
        self.device_name = device_name
        self.audience = audience
        self.traffic: Traffic = 'state'
        self._tolerance_ns = tolerance_ns
        self._last: tuple[codec.Message, ...] = ()
        self._tally = tally
        self._rates: list[Rate] = []
        self._timeout_s = math.inf  # the shortest of the rows
        self._sent_s = 0.0  # steady clock
        self._waiting: dict[int, _Waiting] = {}
        self._lock = threading.Lock()  # of waiting messages, which come from several threads

    def add_row(self, rate: Rate, stale_timeout_s: float) -> int:
        """
        Add a row.

        :param rate: ticks when a message of the row was sent.
        :param stale_timeout_s: an older BIND is no answer to a query; 0: it is.
        :returns: the row's number, which is its place among the children.
        """
        self._rates.append(rate)
        self._timeout_s = min(self._timeout_s, stale_timeout_s or math.inf)
        return len(self._rates) - 1

    def newest(self) -> Sequence[codec.Message]:
        """Return the last BIND for a peer that asks, if any; on any thread."""
        return self._last if time.monotonic() - self._sent_s <= self._timeout_s else ()

    def put(self, row: int, message: codec.Message, stamp_ns: int, traffic: Traffic) -> None:
        """
        Add the message of a row; send the BIND if it is complete.

        :param stamp_ns: of the message, since the epoch.
        :raises codec.EncodeError: the messages cannot be packed; all of them are discarded.
        """
        with self._lock:
            self._put(row, _Waiting(message, stamp_ns, traffic))

    def _put(self, row: int, waiting: _Waiting) -> None:
        if row in self._waiting:
            self._tally.here.replaced += 1
        self._waiting[row] = waiting
        stamps = [each.stamp_ns for each in self._waiting.values()]
        if len(stamps) < len(self._rates) or max(stamps) - min(stamps) > self._tolerance_ns:
            return
        children = [self._waiting[number] for number in range(len(self._rates))]
        self._waiting.clear()
        message = self._message(children, min(stamps))
        self._last, self.traffic = (message,), _traffic(children)
        self._sent_s = now = time.monotonic()
        peers, nobody = self.audience.due(now)
        try:
            queued = self.audience.send(message, self.traffic, peers, now)
        except codec.EncodeError:
            # the caller counts the message that it has just put
            self._tally.here.rejected['encode'] += len(children) - 1
            raise
        if not queued:
            self._tally.here.skipped[nobody or 'no_peer'] += len(children)
            return
        self._tally.here.done += len(children)
        for rate in self._rates:
            rate.tick()

    def destroy(self) -> None:
        """Count the waiting messages; may be called twice."""
        with self._lock:
            if self._waiting:
                self._tally.here.skipped['bind_incomplete'] += len(self._waiting)
                self._waiting.clear()

    def _message(self, children: list[_Waiting], stamp_ns: int) -> codec.Message:
        messages = [_child(waiting.message) for waiting in children]
        timestamp = codec.timestamp.from_nanoseconds(stamp_ns)
        return codec.Message(codec.Bind(messages), self.device_name, timestamp)


def _child(message: codec.Message) -> codec.Message:
    """Return a message as a child of a BIND, which has no stamp and no metadata."""
    return codec.Message(message.content, message.device_name, type_name=message.type_name)


def _traffic(children: list[_Waiting]) -> Traffic:
    is_state = all(waiting.traffic == 'state' for waiting in children)
    return 'state' if is_state else 'event'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows that leave together: messages of one time, gathered into a BIND. No row is read here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ros2_igtl import codec
from ros2_igtl.nodes.counters import Outcomes, Rate

Send = Callable[[codec.Message, str], int]
"""Queues a message for every peer and returns for how many; raises ``codec.EncodeError``."""


@dataclass(slots=True)
class _Waiting:
    message: codec.Message
    stamp_ns: int
    traffic: Literal['state', 'event']


class BindGroup:
    """
    Sends a BIND when each of its rows has a message, all of them within a tolerance in time.

    Of each row the newest waits. The BIND has the oldest of their stamps: it must not claim to be
    newer than what is in it.

    :param device_name: of the BIND.
    :param tolerance_ns: how far the stamps of the children may lie apart.
    :param send: queues a message for every peer, and returns for how many.
    :param outcomes: where each row's message is counted.
    """

    def __init__(
        self, device_name: str, tolerance_ns: int, send: Send, outcomes: Outcomes
    ) -> None:
        self._device_name = device_name
        self._tolerance_ns = tolerance_ns
        self._send = send
        self._outcomes = outcomes
        self._rates: list[Rate] = []
        self._waiting: dict[int, _Waiting] = {}

    def add_row(self, rate: Rate) -> int:
        """
        Let another row take part.

        :param rate: ticks when a message of the row has left.
        :returns: the row's number, its place among the children.
        """
        self._rates.append(rate)
        return len(self._rates) - 1

    def put(
        self, row: int, message: codec.Message, stamp_ns: int, traffic: Literal['state', 'event']
    ) -> None:
        """
        Let a row's message wait for those of the others, or send them all.

        :param stamp_ns: of the message, since the epoch.
        :raises codec.EncodeError: they cannot be packed; none of them waits any more.
        """
        if row in self._waiting:
            self._outcomes.replaced += 1
        self._waiting[row] = _Waiting(message, stamp_ns, traffic)
        stamps = [waiting.stamp_ns for waiting in self._waiting.values()]
        if len(stamps) < len(self._rates) or max(stamps) - min(stamps) > self._tolerance_ns:
            return
        children = [self._waiting[number] for number in range(len(self._rates))]
        self._waiting.clear()
        try:
            peers = self._send(self._message(children, min(stamps)), _traffic(children))
        except codec.EncodeError:
            # the one that came last is its row's to count
            self._outcomes.rejected['encode'] += len(children) - 1
            raise
        if not peers:
            self._outcomes.skipped['no_peer'] += len(children)
            return
        self._outcomes.done += len(children)
        for rate in self._rates:
            rate.tick()

    def destroy(self) -> None:
        """Count what still waits; may be called twice."""
        if self._waiting:
            self._outcomes.skipped['bind_incomplete'] += len(self._waiting)
            self._waiting.clear()

    def _message(self, children: list[_Waiting], stamp_ns: int) -> codec.Message:
        messages = [_child(waiting.message) for waiting in children]
        timestamp = codec.timestamp.from_nanoseconds(stamp_ns)
        return codec.Message(codec.Bind(messages), self._device_name, timestamp)


def _child(message: codec.Message) -> codec.Message:
    """Return a message as a BIND takes it: without what only a message of its own can have."""
    return codec.Message(message.content, message.device_name, type_name=message.type_name)


def _traffic(children: list[_Waiting]) -> Any:
    is_state = all(waiting.traffic == 'state' for waiting in children)
    return 'state' if is_state else 'event'

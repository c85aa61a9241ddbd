# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Which peers get what one row sends, and how often; what they ask is read in queries.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

from ros2_igtl import codec
from ros2_igtl.transport import Session, Traffic

Send = Callable[[codec.Message, str, 'Sequence[Session] | None'], int]
"""
Queues a message for some peers, None for all, and returns for how many it was.

It raises ``codec.EncodeError``, and ``ConvertError`` if no peer can be told whose message it is.
"""


# Part of an interval that a message may come early or late without a change to when the next one
# is due: else a peer that asks for 50 Hz of a sender of 50 Hz would get 25, since all jitter.
JITTER = 0.25


class Stream:
    """
    When a peer that has asked for messages gets the next one.

    On average they are no closer than the interval, though single ones may be.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = -inf

    def is_due(self, now: float) -> bool:
        """Tell whether it may have a message now, on the steady clock."""
        return now >= self._next_s - JITTER * self._interval_s

    def advance(self, now: float) -> None:
        """Take note that it got one now."""
        interval_s = self._interval_s
        is_late = now - self._next_s > JITTER * interval_s
        self._next_s = (now if is_late else self._next_s) + interval_s


_ALWAYS = Stream(0.0)


class Audience:
    """
    The peers of one row.

    Every one, unless it has said otherwise (STT_, STP_) or the row is ``on_request``. What peers
    say is noted on the I/O thread, and read where ROS callbacks run: what is shared is replaced,
    never changed.

    :param sessions: returns the peers there are.
    :param on_request: only peers that have asked get anything.
    """

    def __init__(
        self, sessions: Callable[[], Sequence[Session]], send: Send, *, on_request: bool = False
    ) -> None:
        self._sessions = sessions
        self._send = send
        self._on_request = on_request
        self._said: dict[Session, Stream | None] = {}  # None: it wants none of it
        # who has what goes to each peer once, by the stream it was sent for
        self._had: dict[Session, Stream | None] = {}

    def start(self, session: Session, interval_s: float) -> None:
        """Let a peer have messages, at least so far apart."""
        self._said = {**self._said, session: Stream(interval_s)}

    def stop(self, session: Session) -> None:
        """Let a peer have no more messages."""
        self._said = {**self._said, session: None}

    def forget(self, session: Session) -> None:
        """Forget a peer that has gone."""
        if session in self._said:
            self._said = {other: s for other, s in self._said.items() if other is not session}

    def due(self, now: float) -> tuple[Sequence[Session] | None, str]:
        """
        Return who gets a message now (None: every peer), and the cause if nobody does.

        :param now: the steady clock, seconds.
        """
        said = self._said
        if not (said or self._on_request):
            return None, ''
        sessions = self._sessions()
        if not sessions:
            return (), 'no_peer'
        default = None if self._on_request else _ALWAYS
        wanted = [
            (session, stream)
            for session in sessions
            if (stream := said.get(session, default)) is not None
        ]
        if not wanted:
            return (), 'not_asked_for'
        due = [session for session, stream in wanted if stream.is_due(now)]
        return due, '' if due else 'resolution'

    def lacking(self, peers: Sequence[Session] | None) -> tuple[Sequence[Session] | None, str]:
        """
        Return those who have not had what goes to each peer once, and the cause if there are none.

        They have it from now on. A peer that asks for a stream anew lacks it anew.

        :param peers: as :meth:`due` has returned them.
        """
        said, had = self._said, self._had
        sessions = self._sessions()
        if not sessions:
            return (), 'no_peer'
        self._had = {session: had[session] for session in sessions if session in had}
        lacking = [
            session
            for session in (sessions if peers is None else peers)
            if session not in had or had[session] is not said.get(session)
        ]
        self._had.update((session, said.get(session)) for session in lacking)
        return lacking, '' if lacking else 'not_newer'

    def renew(self) -> None:
        """Let every peer lack what goes to each peer once: it is another now."""
        self._had = {}

    def send(
        self, message: codec.Message, traffic: str, peers: Sequence[Session] | None, now: float
    ) -> int:
        """
        Queue a message for those who are due, and return for how many.

        :param peers: as :meth:`due` has returned them.
        :raises EncodeError: it cannot be packed.
        :raises ConvertError: ``long_device_name``.
        """
        if peers is not None and not peers:
            return 0
        queued = self._send(message, traffic, peers)
        said = self._said
        for session in peers or ():
            stream = said.get(session)
            if stream is not None:
                stream.advance(now)
        return queued


class Giver(Protocol):
    """What sends messages of one type and device, and can be asked for them."""

    audience: Audience
    traffic: Traffic
    type_name: str
    device_name: str

    def newest(self) -> Sequence[codec.Message]:
        """Return what a peer that asks gets now; on any thread."""

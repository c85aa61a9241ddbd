# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The peers that get the messages of one row, and how often; ``exchanges`` reads queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ros2_igtl import codec
from ros2_igtl.nodes.feature import Send
from ros2_igtl.nodes.peer import Pace, Peer, Peers
from ros2_igtl.transport import Traffic

_ALWAYS = Pace(0.0)


class Audience:
    """
    The peers of one row.

    These are all peers, except as changed by STT_ and STP_, or only those that have asked if the
    row is ``on_request``. The state of each peer is kept in the peer; every method may be called
    on any thread.

    :param peers: of the connection.
    :param on_request: only peers that have asked get messages.
    """

    def __init__(self, peers: Peers, send: Send, *, on_request: bool = False) -> None:
        self._peers = peers
        self._send = send
        self._on_request = on_request
        self.is_for_all = not on_request
        """Whether no peer has sent STT_ or STP_ yet, so that :meth:`due` need not be called."""

    def start(self, peer: Peer, interval_s: float) -> None:
        """Begin to send messages to a peer, at least at this interval."""
        self._set(peer, Pace(interval_s))

    def stop(self, peer: Peer) -> None:
        """Stop sending messages to a peer."""
        self._set(peer, None)

    def _set(self, peer: Peer, pace: Pace | None) -> None:
        with peer.lock:
            peer.wanted[self] = pace
        self.is_for_all = False

    def due(self, now: float) -> tuple[Sequence[Peer] | None, str]:
        """
        Return the peers that get a message now (None: all), and the cause if no peer does.

        :param now: the steady clock, seconds.
        """
        if self.is_for_all:
            return None, ''
        peers = self._peers.all
        if not peers:
            return (), 'no_peer'
        wanted = [(peer, pace) for peer in peers if (pace := self._pace(peer)) is not None]
        if not wanted:
            return (), 'not_asked_for'
        due = [peer for peer, pace in wanted if pace.is_due(now)]
        return due, '' if due else 'resolution'

    def lacking(self, peers: Sequence[Peer] | None) -> tuple[Sequence[Peer] | None, str]:
        """
        Return the peers that have not got a message sent once to each, and the cause if all have.

        The returned peers count as having it from now on. A peer that starts a stream again gets
        the message again.

        :param peers: the result of :meth:`due`.
        """
        present = self._peers.all
        if not present:
            return (), 'no_peer'
        lacking = []
        for peer in present if peers is None else peers:
            with peer.lock:
                wanted = peer.wanted.get(self)
                if self not in peer.given or peer.given[self] is not wanted:
                    peer.given[self] = wanted
                    lacking.append(peer)
        return lacking, '' if lacking else 'not_newer'

    def renew(self) -> None:
        """Let a changed message that goes once to each peer be sent to all of them again."""
        for peer in self._peers.all:
            with peer.lock:
                peer.given.pop(self, None)

    def send(
        self, message: codec.Message, traffic: Traffic, peers: Sequence[Peer] | None, now: float
    ) -> int:
        """
        Queue a message for the peers that are due, and return for how many.

        :param peers: the result of :meth:`due`.
        :raises EncodeError: the message cannot be packed.
        :raises ConvertError: ``long_device_name``.
        """
        if peers is not None and not peers:
            return 0
        queued = self._send(message, traffic, peers)
        for peer in peers or ():
            with peer.lock:
                pace = peer.wanted.get(self)
                if pace is not None:
                    pace.advance(now)
        return queued

    def _pace(self, peer: Peer) -> Pace | None:
        with peer.lock:
            return peer.wanted.get(self, None if self._on_request else _ALWAYS)


class ReplySource(Protocol):
    """Sends messages of one type and device, and answers queries for them."""

    audience: Audience
    is_bulk: bool
    """Whether :meth:`newest` takes so long that it would delay smaller messages."""
    traffic: Traffic
    type_name: str
    device_name: str

    def newest(self) -> Sequence[codec.Message]:
        """Return the messages that answer a query now; on any thread."""

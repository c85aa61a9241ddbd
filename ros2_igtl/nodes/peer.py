# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The state of one peer while its session is open."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from ros2_igtl import codec
from ros2_igtl.convert.streams.peer_clock import PeerClock
from ros2_igtl.convert.streams.video_decoder import VideoDecoder
from ros2_igtl.convert.streams.volume_assembler import VolumeAssembler
from ros2_igtl.transport import Session

# The part of an interval by which a message may be early or late without moving the next due time.
# Without this tolerance, a peer that asks a sender of 50 Hz for 50 Hz would get 25 Hz.
JITTER = 0.25

RECENT_COMMANDS = 100  # PLUS remembers 10, and ignores a command with one of these numbers


class Asked(NamedTuple):
    """The messages that a query asks for; an empty device name stands for any device."""

    subject: str
    device_name: str

    def covers(self, type_name: str, device_name: str) -> bool:
        """Return whether a message is among those asked for."""
        return self.subject == type_name and self.device_name in ('', device_name)


class Pace:
    """
    The rate of messages to a peer that has asked for them.

    On average they are no closer than the interval; single messages may be.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = -inf

    def is_due(self, now: float) -> bool:
        """Return whether a message to the peer is due now, on the steady clock."""
        return now >= self._next_s - JITTER * self._interval_s

    def advance(self, now: float) -> None:
        """Note that a message was sent now."""
        interval_s = self._interval_s
        is_late = now - self._next_s > JITTER * interval_s
        self._next_s = (now if is_late else self._next_s) + interval_s


@dataclass(slots=True, eq=False)
class Peer:
    """
    One peer of a connection.

    Each field states the thread that owns it. Several threads use ``wanted``, ``given`` and
    ``bulk_bytes``, under ``lock``.

    :ivar session: the transport's; any thread.
    :ivar clock: what is known of the peer's clock; I/O thread.
    :ivar volumes: assembles images from parts; worker.
    :ivar video: decodes its video streams; worker.
    :ivar asked: the queries that this node has sent, each with the message that stops the stream,
        if any; I/O thread.
    :ivar wanted: the pace at which it wants messages of an audience, None if it wants none;
        audiences without a query of the peer are missing.
    :ivar given: for audiences that send each message once to each peer, the pace at which it got
        the last message.
    :ivar recent_commands: identifiers of the last commands that it sent; I/O thread.
    :ivar running_commands: its commands without an outcome, in the order received; I/O thread.
    :ivar is_gone: its session has ended; set once, on the I/O thread.
    :ivar bulk_bytes: size of its messages waiting for the worker; under ``lock``.
    """

    session: Session
    clock: PeerClock
    volumes: VolumeAssembler
    video: VideoDecoder
    asked: dict[Asked, codec.Message | None] = field(default_factory=dict)
    wanted: dict[object, Pace | None] = field(default_factory=dict)
    given: dict[object, Pace | None] = field(default_factory=dict)
    recent_commands: deque[object] = field(default_factory=lambda: deque(maxlen=RECENT_COMMANDS))
    running_commands: dict[Any, None] = field(default_factory=dict)
    is_gone: bool = False
    bulk_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """Its address, for the user."""
        return self.session.peer_name


class Peers:
    """
    The peers of one connection.

    :param make: returns the peer of a new session.
    """

    def __init__(self, make: Callable[[Session], Peer]) -> None:
        self.all: tuple[Peer, ...] = ()
        """The current peers; replaced, never changed, so that any thread may read it."""
        self.by_session: dict[Session, Peer] = {}
        """The same, by open sessions; I/O thread."""
        self._make = make

    def add(self, session: Session) -> Peer:
        """Return a new peer; on the I/O thread."""
        peer = self.by_session[session] = self._make(session)
        self.all = tuple(self.by_session.values())
        return peer

    def remove(self, session: Session) -> Peer | None:
        """Remove and return a peer, None if it was not added; on the I/O thread."""
        peer = self.by_session.pop(session, None)
        if peer is not None:
            peer.is_gone = True
            self.all = tuple(self.by_session.values())
        return peer

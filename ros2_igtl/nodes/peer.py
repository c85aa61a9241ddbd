# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""All that is known of one peer while its session lives; what is done with it is elsewhere."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from ros2_igtl import codec
from ros2_igtl.convert.streams.stamp_estimator import StampEstimator
from ros2_igtl.convert.streams.video_decoder import VideoDecoder
from ros2_igtl.convert.streams.volume_assembler import VolumeAssembler
from ros2_igtl.transport import Session

# Part of an interval that a message may come early or late without a change to when the next one
# is due: else a peer that asks for 50 Hz of a sender of 50 Hz would get 25, since all jitter.
JITTER = 0.25

RECENT_COMMANDS = 100  # PLUS remembers 10, and ignores a command whose number is among them


class Asked(NamedTuple):
    """Which messages a query is about; an empty device name stands for any."""

    subject: str
    device_name: str

    def covers(self, type_name: str, device_name: str) -> bool:
        """Tell whether a message is among those asked for."""
        return self.subject == type_name and self.device_name in ('', device_name)


class Pace:
    """
    How often a peer gets messages that it has asked for.

    On average they are no closer than the interval, though single ones may be.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = -inf

    def is_due(self, now: float) -> bool:
        """Tell whether the peer may have a message now, on the steady clock."""
        return now >= self._next_s - JITTER * self._interval_s

    def advance(self, now: float) -> None:
        """Note that it got one now."""
        interval_s = self._interval_s
        is_late = now - self._next_s > JITTER * interval_s
        self._next_s = (now if is_late else self._next_s) + interval_s


@dataclass(slots=True, eq=False)
class Peer:
    """
    One peer of a connection.

    Each field names the thread that owns it; ``wanted``, ``given`` and ``bulk_bytes`` are
    read and written by several, under ``lock``.

    :ivar session: the transport's; any thread.
    :ivar clock: of the peer, in comparison with ours; I/O thread.
    :ivar volumes: images that are put together from parts; worker.
    :ivar video: decoders of its video streams; worker.
    :ivar asked: what this node has asked it for, and the message that ends the stream, if it is
        one; I/O thread.
    :ivar wanted: of each audience how often it wants messages, None if it wants none; an audience
        that it has said nothing of is not in it.
    :ivar given: of each audience whose messages go to each peer once, the pace under which it was
        given the last.
    :ivar recent_commands: identifiers of the last commands that it sent; I/O thread.
    :ivar running_commands: those without an outcome, in the order they came; I/O thread.
    :ivar bulk_bytes: of its messages that wait for the worker; under ``lock``.
    :ivar is_gone: its session has ended; written on the I/O thread, once.
    """

    session: Session
    clock: StampEstimator
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
        """Its address, for people."""
        return self.session.peer_name


class Peers:
    """
    The peers of one connection.

    :param make: makes what is to be known of a session that has opened.
    """

    def __init__(self, make: Callable[[Session], Peer]) -> None:
        self.all: tuple[Peer, ...] = ()
        """Those that are there now; replaced, never changed, so that any thread may read it."""
        self.by_session: dict[Session, Peer] = {}
        """The same, by open sessions; I/O thread."""
        self._make = make

    def add(self, session: Session) -> Peer:
        """Return a new peer; on the I/O thread."""
        peer = self.by_session[session] = self._make(session)
        self.all = tuple(self.by_session.values())
        return peer

    def remove(self, session: Session) -> Peer | None:
        """Forget a peer, and return it once more, None if it was not added; on the I/O thread."""
        peer = self.by_session.pop(session, None)
        if peer is not None:
            peer.is_gone = True
            self.all = tuple(self.by_session.values())
        return peer

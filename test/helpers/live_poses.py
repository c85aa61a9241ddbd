# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Poses that say in their numbers who sent them, and as which message.

x is the session, y the number of the pose in it, z a checksum of both, in millimetres.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from helpers.bridge_peer import IDENTITY
from ros2_igtl import codec

MS, S = 1_000_000, 1_000_000_000
SOON_NS = 50 * MS  # in this time another message may show that one has waited
BASE = 1_000_000  # of the numbers of sessions: no other pose is a kilometre away
CHECK = 9973

Place = tuple[int, int, int]


@dataclass(eq=False)
class Party:
    """
    The sender of poses: one session.

    :ivar number: of the session.
    :ivar shape: the name of what it does.
    :ivar ready_ns: when it was known that the node reads; None if it is not.
    :ivar closing_ns: when it began to close; None if it has not.
    """

    number: int
    shape: str
    ready_ns: int | None = None
    closing_ns: int | None = None
    poses: int = 0


@dataclass(eq=False)
class Track:
    """
    The poses of one device or tool of a session.

    :ivar frames: child and parent.
    :ivar tells_time: whether the stamps tell the time of a pose to within ``max_clock_skew``.
    :ivar grain_ns: the steps of the clock, by which a stamp may be off.
    :ivar is_wanted: whether the node is to publish it.
    :ivar is_measured: whether the delays of its poses are kept.
    :ivar handed: when each pose was handed over, and how long it was held before.
    :ivar fastest_ns: the time that the fastest pose on tf took.
    """

    party: Party
    frames: tuple[str, str]
    tells_time: bool = True
    grain_ns: int = 0
    is_wanted: bool = True
    is_measured: bool = False
    fastest_ns: int = 10**18
    handed: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=5000))
    floor_ns: int | None = None

    def floor_of(self, begun_ns: int) -> int:
        """Return how long the fastest pose was held until soon after a time."""
        return min(held for at, held in self.handed if at <= begun_ns + SOON_NS)


@dataclass(slots=True, eq=False)
class Sent:
    """
    One pose.

    :ivar made_ns: the moment that it shows.
    :ivar begun_ns: before its first byte was handed over; 0 until then.
    :ivar done_ns: after its last byte was.
    :ivar is_certain: whether it can be known that it was held, if it was.
    :ivar seen: how often it was on tf.
    """

    track: Track
    number: int
    made_ns: int
    is_certain: bool
    begun_ns: int = 0
    done_ns: int = 0
    seen: int = 0
    delay_ns: int = 0  # until it was published

    @property
    def place(self) -> Place:
        """Where it is, in millimetres."""
        session = self.track.party.number
        return session, self.number, (session * 31 + self.number * 17) % CHECK

    @property
    def timestamp(self) -> int:
        """The moment that it shows, as in a header."""
        return codec.timestamp.from_nanoseconds(self.made_ns)

    @property
    def content(self) -> codec.Transform:
        """The pose as a TRANSFORM."""
        return codec.Transform(*IDENTITY, *map(float, self.place))


@dataclass
class Share:
    """How many timely poses of a shape there were, and how many of them on tf."""

    timely: int = 0
    on_tf: int = 0
    delays_ns: list[int] = field(default_factory=list)

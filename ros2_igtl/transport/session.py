# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What the rest of a program may expect of a peer, whatever carries its bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Callable, Hashable
from contextlib import suppress

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.outbox import Outbox
from ros2_igtl.transport.statistics import Statistics


class Session(ABC):
    """
    One connection alive, and the program at its other end.

    :ivar peer_name: host:port, or what else names the peer to people.
    :ivar security: how the connection is secured, for people; empty if it is not.
    :ivar statistics: of this session.
    :ivar outbox: the messages that wait to be sent; flush() has to follow a put().
    :ivar closed: a future of the I/O thread's loop, done with the reason when all is over.
    """

    def __init__(self, io_thread: IoThread, options: Options) -> None:
        """Begin without a peer; on the I/O thread."""
        self.peer_name = ''
        self.security = ''
        self.statistics = Statistics()
        self.outbox = Outbox(options.send_buffer_limit, self.statistics)
        self.closed: Future[str] = io_thread.loop.create_future()
        self._io_thread = io_thread
        self._loop = io_thread.loop

    def __repr__(self) -> str:
        """Name the peer."""
        return f'<{type(self).__name__} {self.peer_name}>'

    @property
    def host(self) -> str:
        """The peer without its port, which is another at each try."""
        return self.peer_name.rpartition(':')[0]

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait to be sent, without the message that is being written."""
        return self.outbox.waiting_bytes

    def withdraw(self, is_chosen: Callable[[Hashable], bool]) -> list[Hashable]:
        """Remove events that wait by their keys, as :meth:`Outbox.withdraw` does."""
        return self.outbox.withdraw(is_chosen)

    def hold(self, kind: str, size: int) -> None:
        """
        Note how much memory is held for this peer; from any thread.

        The peer that holds most is closed when all peers together hold more than they may. After
        the end of the session nothing is noted.

        :param kind: distinguishes what is held; the kinds are added up.
        :param size: bytes of this kind that are held now.
        """
        self._io_thread.budget.hold(self, kind, size)

    @property
    @abstractmethod
    def header_version(self) -> int:
        """The header version that is sent to this peer, 1 or 2."""

    def close(self, reason: str) -> None:
        """Close the connection at once; from any thread; what waits is not sent."""
        if self._io_thread.is_current:
            self._close(reason)
            return
        with suppress(RuntimeError):  # the loop is closed, and so is this session
            self._loop.call_soon_threadsafe(self._close, reason)

    # The rest is for the I/O thread.

    @abstractmethod
    def _close(self, reason: str) -> None:
        """Close at once; does nothing if it was closed."""

    @abstractmethod
    def close_when_sent(self, reason: str) -> None:
        """Take no more to send, and close as soon as what waits is written."""

    @abstractmethod
    def flush(self) -> None:
        """Write what waits."""

    @abstractmethod
    def pause_reading(self) -> None:
        """
        Read nothing more from this peer until resume_reading(); may be called twice.

        A handler that calls it is given no further message. The deadlines for what the peer sends
        stand still; sending goes on. The end of the peer may not be noticed meanwhile.
        """

    @abstractmethod
    def resume_reading(self) -> None:
        """Read from this peer again, what has come first; does nothing if it is not paused."""

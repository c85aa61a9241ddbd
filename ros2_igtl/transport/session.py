# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interface of a session, independent of the carrier of its bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Callable, Hashable
from contextlib import suppress

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.outbox import Outbox, Writer
from ros2_igtl.transport.statistics import Statistics


class Session(ABC):
    """
    An open connection, and the program at its other end.

    :ivar peer_name: host:port, or another name of the peer for the user; with ``#2`` if another
        open session of the endpoint has this name. It is no key: sessions differ as objects.
    :ivar security: how the connection is secured, for the user; empty if it is not.
    :ivar header_version: the header version sent to this peer, 1 or 2.
    :ivar data_age_s: how long the data that are delivered may have waited in the socket; 0 if this
        process keeps up with its peer.
    :ivar statistics: of this session.
    :ivar outbox: the messages waiting to be sent; call the writer's flush() after a put().
    :ivar writer: writes them; on the I/O thread.
    :ivar closed: a future of the I/O thread's loop with the reason, set at the end.
    """

    def __init__(self, io_thread: IoThread, options: Options) -> None:
        """Begin without a peer; on the I/O thread."""
        self.peer_name = ''
        self.security = ''
        self.data_age_s = 0.0
        self.header_version = options.header_version or 1
        self.statistics = Statistics()
        self.outbox = Outbox(options.send_buffer_limit, self.statistics)
        self.writer = Writer(self, self.outbox, self.statistics, options)
        self.closed: Future[str] = io_thread.loop.create_future()
        self._io_thread = io_thread
        self._loop = io_thread.loop

    def __repr__(self) -> str:
        """Name the peer."""
        return f'<{type(self).__name__} {self.peer_name}>'

    @property
    def host(self) -> str:
        """The peer without its port, which differs for each connection."""
        return self.peer_name.rpartition(':')[0]

    @property
    def waiting_bytes(self) -> int:
        """The number of bytes waiting to be sent, without the message being written."""
        return self.outbox.waiting_bytes

    @property
    @abstractmethod
    def is_ending(self) -> bool:
        """Whether the peer has disconnected, or is being closed; on the I/O thread."""

    @property
    @abstractmethod
    def is_behind(self) -> bool:
        """Whether data that have arrived are still to be delivered; on the I/O thread."""

    def withdraw(self, is_chosen: Callable[[Hashable], bool]) -> list[Hashable]:
        """Remove waiting events by their keys, as :meth:`Outbox.withdraw` does."""
        return self.outbox.withdraw(is_chosen)

    def hold(self, kind: Hashable, size: int) -> None:
        """
        Set the memory held for this peer; from any thread.

        If all peers together exceed the limit, the peer with the most memory is closed. After the
        end of the session this method does nothing.

        :param kind: distinguishes the parts of the memory, which are added up.
        :param size: bytes of this kind held now.
        """
        self._io_thread.budget.hold(self, kind, size)

    def close(self, reason: str) -> None:
        """Close the connection at once without sending waiting messages; from any thread."""
        if self._io_thread.is_current:
            self._close(reason)
            return
        with suppress(RuntimeError):  # the loop and this session are closed
            self._loop.call_soon_threadsafe(self._close, reason)

    # The rest is for the I/O thread.

    @abstractmethod
    def _close(self, reason: str) -> None:
        """Close at once; does nothing if already closed."""

    def close_when_sent(self, reason: str) -> None:
        """Reject new messages, and close after writing the waiting ones."""
        self.writer.end = reason
        self.outbox.refuse_more()
        self.writer.flush()

    @abstractmethod
    def account(self) -> None:
        """Report the memory that the transport holds for this peer."""

    @abstractmethod
    def flush_later(self) -> None:
        """Call the writer's flush() in the next turn."""

    @abstractmethod
    def pause_reading(self) -> None:
        """
        Stop reading from this peer until resume_reading(); may be called twice.

        The handler receives no more messages. The deadlines for the peer to send are suspended;
        sending continues. The session may not notice meanwhile that the peer disconnects.
        """

    @abstractmethod
    def resume_reading(self) -> None:
        """Read from this peer again, first the data already received; nothing if not paused."""

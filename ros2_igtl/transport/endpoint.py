# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interface of clients and servers: sessions, sending, stopping; independent of TCP."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Container, Hashable, Sequence

from ros2_igtl import codec
from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.handler import ConnectionState, Handler
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.log import Allowance, Throttle, logger, printable
from ros2_igtl.transport.outbox import BATCH_BYTES, Traffic
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.sink import Buffer
from ros2_igtl.transport.statistics import Statistics

FLUSH_LOG_S = 5.0  # after the last session, when there is room in the log again
DRAIN_S = 0.5  # for sending waiting messages at the stop; a peer that does not read gets no more


class Endpoint(ABC):
    """
    Manages sessions, sends to them, and can be started and stopped.

    A subclass for a carrier implements start() and _run(), in which it adds sessions with
    _add_session() and removes them with _remove_session().
    """

    def __init__(
        self, io_thread: IoThread, name: str, handler: Handler, options: Options | None = None
    ) -> None:
        """
        Prepare the endpoint without starting it.

        :param io_thread: the thread it runs on; it must run from start() to stop().
        :param name: for the log.
        :param handler: called for all events, on the I/O thread.
        """
        self._io_thread = io_thread
        self._name = name
        self._handler = handler
        self._options = options or Options()
        self.allowance = Allowance(name)
        """Of bytes that may be logged about this connection."""
        self._throttle = Throttle(self.allowance)
        self._lock = threading.Lock()  # of the attributes below
        self.sessions: tuple[Session, ...] = ()
        """The peers connected now; replaced, never changed, so that any thread may read it."""
        self._past = Statistics()  # of closed sessions, and of events outside sessions
        self._is_wake_pending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    def start(self) -> None:
        """
        Begin to connect to peers, and return; does nothing if already started.

        :raises OSError: the address cannot be opened; the text names it.
        :raises ValueError: the options do not allow it.
        :raises RuntimeError: the I/O thread is not running.
        """

    @property
    @abstractmethod
    def actual_port(self) -> int:
        """
        The port that a client connects to or a server listens on; 0 for carriers without ports.

        :raises RuntimeError: a server was not started yet.
        """

    @property
    def fault(self) -> str:
        """Why no peer can connect now, whatever the state; '' if there is no reason."""
        return ''

    @property
    def statistics(self) -> Statistics:
        """A copy of the counts since the start, over all current and past peers."""
        total = Statistics()
        with self._lock:
            total.add(self._past)
            for session in self.sessions:
                total.add(session.statistics)
        return total

    def send(
        self,
        message: codec.Message,
        *,
        traffic: Traffic,
        to: Session | Container[Session] | None = None,
        exclude: Session | None = None,
        key: Hashable = None,
        least_version: int = 1,
    ) -> int:
        """
        Queue a message for one peer or all; from any thread; never blocks.

        The header version depends on the peer, not on the message; messages to peers of version 1
        have neither message identifier nor metadata. Bulk data are not copied and must not change
        afterwards.

        :param traffic: 'state' if only the newest message of this type and device matters,
            'event' if no message may be lost, 'stop' if it must be sent before all waiting ones.
        :param to: one peer or several to send to; None for all.
        :param exclude: a peer to leave out, usually the one that the message came from.
        :param key: identifies the message when withdrawing it; None: type name and device name.
        :param least_version: peers with a lower header version are left out, and the message is
            counted as rejected for each of them.
        :returns: the number of peers for which it was queued.
        :raises EncodeError: the message cannot be packed.
        """
        targets: Sequence[Session] = self.sessions
        if to is not None or exclude is not None:
            targets = self._chosen(to, exclude)
        if not targets:
            self._count_refused('no_peer')
            return 0
        if key is None:
            key = (message.type_name, message.device_name)
        packed: dict[int, tuple[list[Buffer], int]] = {}
        queued = 0
        for session in targets:
            version = session.header_version
            if version < least_version:
                self._count_refused('header_version')
                continue
            if version not in packed:
                fits = message.header_version == version and (
                    version == 2 or not (message.message_id or message.metadata)
                )
                try:
                    buffers = codec.pack_parts(message if fits else _in_version(message, version))
                except codec.EncodeError:
                    self._count_refused('encode')
                    raise
                size = sum(map(len, buffers))
                packed[version] = [b''.join(buffers)] if size <= BATCH_BYTES else buffers, size
            queued += session.outbox.put(*packed[version], traffic, key)
        with self._lock:  # once for any number of messages
            if not self._is_wake_pending and self._loop is not None:
                try:
                    self._loop.call_soon_threadsafe(self._flush)
                    self._is_wake_pending = True
                except RuntimeError:  # the loop and the sessions are closed
                    pass
        return queued

    def reconnect(self, session: Session, reason: str) -> None:
        """Close a session at once; a client connects again without delay. On the I/O thread."""
        session.close(reason)

    def stop(self, timeout_s: float = 2.0) -> None:
        """
        Close all sessions, after a short time to send waiting messages. May be called twice.

        :raises TimeoutError: the I/O thread is blocked.
        """
        task, self._task = self._task, None
        if task is None or not self._io_thread.is_running:  # its stop() cancels all tasks
            return
        self._io_thread.run(_cancel(task), timeout_s)

    def _start_task(self) -> None:
        """Start _run() on the I/O thread."""
        self._loop = self._io_thread.loop
        self._task = self._io_thread.call(lambda: asyncio.ensure_future(self._run_and_close()))

    @abstractmethod
    async def _run(self) -> None:
        """Connect to peers until cancelled."""

    async def _run_and_close(self) -> None:
        """Run, and close the sessions however the run ends."""
        detail = 'stopped'
        try:
            await self._run()
        except Exception as error:  # close everything, and log the fault
            logger.exception('%s: stopped by a fault', self._name)
            detail = f'internal error: {error!r}'
        finally:
            await self._close_sessions(detail)
            self._set_state('closed', detail)

    async def _close_sessions(self, reason: str) -> None:
        """Close every session, after a short time to send its waiting messages."""
        sessions = self.sessions
        if not sessions:
            return
        for session in sessions:
            session.close_when_sent(reason)
        await asyncio.wait([session.closed for session in sessions], timeout=DRAIN_S)
        for session in sessions:
            session.close(reason)
        await asyncio.wait([session.closed for session in sessions])

    def _add_session(self, session: Session) -> None:
        session.peer_name = self._distinct_name(session.peer_name)
        with self._lock:
            self.sessions = (*self.sessions, session)
        secured = f' with {session.security}' if session.security else ''
        self._throttle.log(
            logging.INFO, ('connected', session.host), f'{session.peer_name}: connected{secured}'
        )

    def _distinct_name(self, name: str) -> str:
        """Return a name for a new peer; a port may be dialled from twice, to two addresses."""
        taken = {session.peer_name for session in self.sessions}
        names = (f'{name}#{number}' if number > 1 else name for number in itertools.count(1))
        return next(each for each in names if each not in taken)

    def _remove_session(self, session: Session) -> None:
        with self._lock:
            self.sessions = tuple(other for other in self.sessions if other is not session)
            self._past.add(session.statistics)
        if not self.sessions and self._loop is not None:  # sessions do this while there are any
            self._loop.call_later(FLUSH_LOG_S, self.allowance.flush)

    def _chosen(
        self, to: Session | Container[Session] | None, exclude: Session | None
    ) -> list[Session]:
        """Return the peers to send to, as send() describes them."""
        only = (to,) if isinstance(to, Session) else to
        return [
            session
            for session in self.sessions
            if session is not exclude and (only is None or session in only)
        ]

    def _set_state(self, state: ConnectionState, detail: str) -> None:
        """Tell the handler the state of the connection."""
        try:
            self._handler.connection_state(state, printable(detail))
        except Exception:
            logger.exception('%s: connection_state failed', self._name)

    def _count_refused(self, cause: str) -> None:
        """Count a message that could not be queued for any peer."""
        with self._lock:
            self._past.send_rejected[cause] += 1

    def _flush(self) -> None:
        """Write the waiting messages of each peer."""
        with self._lock:
            self._is_wake_pending = False
            sessions = self.sessions
        for session in sessions:
            session.writer.flush()


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait({task})


def _in_version(message: codec.Message, header_version: int) -> codec.Message:
    """Return a message in a header version; in 1 without message identifier and metadata."""
    is_plain = header_version == 1
    return codec.Message(
        message.content,
        message.device_name,
        message.timestamp,
        header_version,
        0 if is_plain else message.message_id,
        {} if is_plain else message.metadata,
        type_name=message.type_name,
    )

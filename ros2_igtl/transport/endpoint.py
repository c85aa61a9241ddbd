# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interface of clients and servers: sessions, sending, stopping; nothing of TCP."""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Container, Hashable

from ros2_igtl import codec
from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.handler import ConnectionState, Handler
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.log import Throttle, logger, printable
from ros2_igtl.transport.outbox import BATCH_BYTES, Buffer, Traffic
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.statistics import Statistics

DRAIN_S = 0.5  # for what waits when we are stopped; a peer that does not read must not hold us up


class Endpoint(ABC):
    """
    Has sessions, sends to them, and can be started and stopped.

    A carrier fills in start() and _run(), in which it adds sessions to those of the endpoint by
    _add_session() and removes them by _remove_session().
    """

    def __init__(
        self, io_thread: IoThread, name: str, handler: Handler, options: Options | None = None
    ) -> None:
        """
        Do nothing yet.

        :param io_thread: what runs it; it has to be running from start() to stop().
        :param name: for the log.
        :param handler: what is told of everything that happens, on the I/O thread.
        """
        self._io_thread = io_thread
        self._name = name
        self._handler = handler
        self._options = options or Options()
        self._throttle = Throttle()
        self._lock = threading.Lock()  # of what is below
        self._sessions: tuple[Session, ...] = ()
        self._past = Statistics()  # of sessions that are gone, and of what concerns none
        self._is_wake_pending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    def start(self) -> None:
        """
        Begin to get peers, and return; does nothing when it was started.

        :raises OSError: what peers come by cannot be opened; the text names it.
        :raises ValueError: the options do not allow it.
        :raises RuntimeError: the I/O thread is not running.
        """

    @property
    @abstractmethod
    def actual_port(self) -> int:
        """
        The port dialled or listened on; 0 where there are no ports.

        :raises RuntimeError: it is known only after start().
        """

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The peers connected now."""
        return self._sessions

    @property
    def statistics(self) -> Statistics:
        """A copy of the counts since the beginning, over all peers there are and were."""
        total = Statistics()
        with self._lock:
            total.add(self._past)
            for session in self._sessions:
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

        The header version is each peer's, not the message's; to a peer of version 1 the message
        identifier and the metadata are not sent. Bulk data are not copied: they must not change
        any more.

        :param traffic: 'state' if only the newest message of this type and device matters,
            'event' if none may be lost, 'stop' if it has to go before all that waits.
        :param to: the only peer that gets it, or the only ones; None for all.
        :param exclude: a peer that does not get it, usually the one it came from.
        :param key: what it can be withdrawn by; None: type name and device name.
        :param least_version: peers that are sent a lower header version do not get it, which is
            counted as refused.
        :returns: for how many peers it was queued.
        :raises EncodeError: the message cannot be packed.
        """
        only = (to,) if isinstance(to, Session) else to
        targets = [
            session
            for session in self._sessions
            if session is not exclude and (only is None or session in only)
        ]
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
                try:
                    packed[version] = _pack(message, version)
                except codec.EncodeError:
                    self._count_refused('encode')
                    raise
            queued += session.outbox.put(*packed[version], traffic, key)
        with self._lock:  # once for any number of messages
            if not self._is_wake_pending and self._loop is not None:
                try:
                    self._loop.call_soon_threadsafe(self._flush)
                    self._is_wake_pending = True
                except RuntimeError:  # the loop is closed, and with it the sessions
                    pass
        return queued

    def stop(self, timeout_s: float = 2.0) -> None:
        """
        Close everything; what waits is sent if the peers take it at once. May be called twice.

        :raises TimeoutError: something blocks the I/O thread.
        """
        task, self._task = self._task, None
        if task is None or not self._io_thread.is_running:  # its stop() cancels all tasks
            return
        self._io_thread.run(_cancel(task), timeout_s)

    def _start_task(self) -> None:
        """Begin on the I/O thread."""
        self._loop = self._io_thread.loop
        self._task = self._io_thread.call(lambda: asyncio.ensure_future(self._run_and_close()))

    @abstractmethod
    async def _run(self) -> None:
        """Get peers until cancelled."""

    async def _run_and_close(self) -> None:
        """Run, and close whatever the end is."""
        detail = 'stopped'
        try:
            await self._run()
        except Exception as error:  # fail closed, visibly
            logger.exception('%s: stopped by a fault', self._name)
            detail = f'internal error: {error!r}'
        finally:
            await self._close_sessions(detail)
            self._set_state('closed', detail)

    async def _close_sessions(self, reason: str) -> None:
        """Close every session, after what waits for it if that is quick."""
        sessions = self._sessions
        if not sessions:
            return
        for session in sessions:
            session.close_when_sent(reason)
        await asyncio.wait([session.closed for session in sessions], timeout=DRAIN_S)
        for session in sessions:
            session.close(reason)
        await asyncio.wait([session.closed for session in sessions])

    def _add_session(self, session: Session) -> None:
        with self._lock:
            self._sessions = (*self._sessions, session)
        secured = f' with {session.security}' if session.security else ''
        self._throttle.log(
            logging.INFO, ('connected', session.host), f'{session.peer_name}: connected{secured}'
        )

    def _remove_session(self, session: Session) -> None:
        with self._lock:
            self._sessions = tuple(other for other in self._sessions if other is not session)
            self._past.add(session.statistics)

    def _set_state(self, state: ConnectionState, detail: str) -> None:
        """Tell the handler what we are doing."""
        try:
            self._handler.connection_state(state, printable(detail))
        except Exception:
            logger.exception('%s: connection_state failed', self._name)

    def _count_refused(self, cause: str) -> None:
        """Count a message that could not be queued for any peer."""
        with self._lock:
            self._past.send_rejected[cause] += 1

    def _flush(self) -> None:
        """Write what waits for each peer."""
        with self._lock:
            self._is_wake_pending = False
            sessions = self._sessions
        for session in sessions:
            session.flush()


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait({task})


def _pack(message: codec.Message, header_version: int) -> tuple[list[Buffer], int]:
    """Return the buffers and the size of a message in a header version; small ones are joined."""
    is_plain = header_version == 1  # without message identifier and metadata
    if message.header_version != header_version or (
        is_plain and (message.message_id or message.metadata)
    ):
        message = codec.Message(
            message.content,
            message.device_name,
            message.timestamp,
            header_version,
            0 if is_plain else message.message_id,
            {} if is_plain else message.metadata,
            type_name=message.type_name,
        )
    buffers = codec.pack_parts(message)
    size = sum(len(buffer) for buffer in buffers)
    return ([b''.join(buffers)] if size <= BATCH_BYTES else buffers), size

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A running simulated device: sends the messages of a source at a rate, as server or client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from ros2_igtl import codec
from ros2_igtl.transport import (
    Client,
    ConnectionState,
    Handler,
    IoThread,
    Options,
    Server,
    Session,
)

NS_PER_S = 1_000_000_000


class Source(Protocol):
    """The messages of a device, as a function of time."""

    def messages_at(self, time_ns: int) -> tuple[codec.Message, ...]:
        """
        Return the messages of a time.

        :param time_ns: nanoseconds since 1970.
        """
        ...


class _Announcer(Handler):
    """Announces the state of the connection, and ignores the messages of peers."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce

    def session_opened(self, session: Session) -> None:
        self._announce(f'{session.peer_name} connected')

    def session_closed(self, session: Session, reason: str) -> None:
        self._announce(f'{session.peer_name} disconnected: {reason}')

    def message_received(
        self, session: Session, message: codec.Message, receive_time_ns: int
    ) -> None:
        pass

    def message_rejected(self, session: Session, error: codec.DecodeError) -> None:
        pass

    def connection_state(self, state: ConnectionState, detail: str) -> None:
        if state != 'closed':
            self._announce(f'{state}: {detail}')


class Simulation:
    """
    A device that sends while its context is active: a context manager with a thread of its own.

    Every peer receives the same messages; without a peer the source is not called.

    :param source: makes the messages.
    :param rate_hz: how many times a second it sends; a time that has passed is skipped.
    :param address: the address to listen on, or to dial.
    :param port: the TCP port; a server with 0 listens on a free one: see the property `port`.
    :param dial: whether it is a client, which dials again when disconnected, instead of a server.
    :param count: the number of times to send to a peer; None: no limit.
    :param announce: receives a text for every change of the connection; called on another thread.
    """

    def __init__(
        self,
        source: Source,
        rate_hz: float,
        *,
        address: str = '127.0.0.1',
        port: int = 0,
        dial: bool = False,
        count: int | None = None,
        options: Options | None = None,
        announce: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._source = source
        self._period_ns = round(NS_PER_S / rate_hz)
        self._count = count
        self._io_thread = IoThread('igtl_sim_io')
        make_peer: type[Client] | type[Server] = Client if dial else Server
        self._peer = make_peer(
            self._io_thread, address, port, _Announcer(announce), options or Options()
        )
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name='igtl_sim', daemon=True)

    def __enter__(self) -> Simulation:
        """
        Start.

        :raises OSError: it cannot listen on the address.
        :raises ValueError: the options do not allow to listen on the address: see `allowed_peers`.
        """
        self._io_thread.start()
        try:
            self._peer.start()
        except BaseException:
            self._io_thread.stop()
            raise
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and close all connections."""
        self._stopping.set()
        self._thread.join()
        self._peer.stop()
        self._io_thread.stop()

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        if not isinstance(self._peer, Server):
            raise ValueError('a simulation that dials does not listen')
        return self._peer.actual_port

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has sent `count` times; return whether it has."""
        return self._done.wait(timeout_s)

    def _run(self) -> None:
        sent_count = 0
        start = time.monotonic_ns()
        start_time = time.time_ns()
        turn = 0
        while sent_count != self._count and not self._stopping.is_set():
            late = time.monotonic_ns() - start - turn * self._period_ns
            if late < 0:
                self._stopping.wait(-late / NS_PER_S)
                continue
            turn += late // self._period_ns
            if self._peer.sessions:
                for message in self._source.messages_at(start_time + turn * self._period_ns):
                    self._peer.send(message, traffic='state')
                sent_count += 1
            turn += 1
        self._done.set()

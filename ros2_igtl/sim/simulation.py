# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A simulated device at work: says at a rate what its source says, as a server or a client."""

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
    """What a device says, as a function of time."""

    def messages_at(self, time_ns: int) -> tuple[codec.Message, ...]:
        """
        Return what the device sends at a time.

        :param time_ns: nanoseconds since 1970.
        """
        ...


class _Announcer(Handler):
    """Says what the connection does; what peers send is of no interest to a simulated device."""

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
    A device that sends while it is entered: a context manager with a thread of its own.

    Every peer gets the same messages; without a peer none are made.

    :param source: what it says.
    :param rate_hz: how often; a time it is late for is left out.
    :param address: where it listens, or whom it dials.
    :param port: its TCP port; to listen, 0 is any: see `port` once it is entered.
    :param dial: a client that dials, again and again, instead of a server.
    :param count: how many times it speaks to a peer before it is done; None: for ever.
    :param announce: called with what happens to the connection, for people; from another thread.
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
        announce: Callable[[str], None] = lambda words: None,
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

        :raises OSError: it cannot listen there.
        :raises ValueError: it may not listen there: see `allowed_peers` of the options.
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
        """Wait until it has spoken `count` times; say whether it has."""
        return self._done.wait(timeout_s)

    def _run(self) -> None:
        spoken = 0
        start = time.monotonic_ns()
        start_time = time.time_ns()
        turn = 0
        while spoken != self._count and not self._stopping.is_set():
            late = time.monotonic_ns() - start - turn * self._period_ns
            if late < 0:
                self._stopping.wait(-late / NS_PER_S)
                continue
            turn += late // self._period_ns
            if self._peer.sessions:
                for message in self._source.messages_at(start_time + turn * self._period_ns):
                    self._peer.send(message, traffic='state')
                spoken += 1
            turn += 1
        self._done.set()

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What TCP clients and servers have in common: an address, a port, TLS and the sessions made."""

from __future__ import annotations

from collections.abc import Callable

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.endpoint import Endpoint
from ros2_igtl.transport.handler import Handler
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.tcp_session import TcpSession
from ros2_igtl.transport.tls import Role, Tls, TlsError


class TcpEndpoint(Endpoint):
    """A client or a server over TCP."""

    role: Role

    def __init__(
        self,
        io_thread: IoThread,
        address: str,
        port: int,
        handler: Handler,
        options: Options | None = None,
    ) -> None:
        """
        Do nothing yet.

        :param io_thread: what runs it; it has to be running from start() to stop().
        :param address: a host name or an IPv4 or IPv6 address.
        :param handler: what is told of everything that happens, on the I/O thread.
        """
        super().__init__(io_thread, f'{address}:{port}', handler, options)
        self._address = address
        self._port = port
        self._tls: Tls | None = None  # from start() on, if there is to be any

    @property
    def actual_port(self) -> int:
        """The port dialled."""
        return self._port

    def _load_tls(self) -> None:
        """
        Read certificates and keys, if there is to be TLS.

        :raises TlsFilesError: they cannot be used.
        """
        self._tls = Tls(self._options, self.role) if self._options.tls else None

    def _make_session(self, opened: Callable[[Session], None] | None = None) -> TcpSession:
        """
        Return a session for a connection that is being made.

        :param opened: adds it to the sessions when it opens; None: nothing else is to be done.
        """
        return TcpSession(
            self._io_thread,
            self._options,
            self._handler,
            self._throttle,
            opened or self._add_session,
            self._remove_session,
        )

    def _count_tls_failure(self, error: TlsError) -> None:
        """Count a peer with which there is no session for want of TLS."""
        with self._lock:
            self._past.tls_failures[error.cause] += 1

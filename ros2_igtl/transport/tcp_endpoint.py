# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The base of TCP clients and servers: address, port, TLS, and making sessions."""

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
        Prepare the endpoint without starting it.

        :param io_thread: the thread it runs on; it must run from start() to stop().
        :param address: a host name or an IPv4 or IPv6 address.
        :param handler: called for all events, on the I/O thread.
        """
        super().__init__(io_thread, f'{address}:{port}', handler, options)
        self._address = address
        self._port = port
        self._tls: Tls | None = None  # from start() on, if TLS is used

    @property
    def actual_port(self) -> int:
        """The port that the client connects to."""
        return self._port

    def _load_tls(self) -> None:
        """
        Read certificates and keys, if TLS is used.

        :raises TlsFilesError: certificates or keys cannot be used.
        """
        self._tls = Tls(self._options, self.role) if self._options.tls else None

    def _make_session(self, opened: Callable[[Session], None] | None = None) -> TcpSession:
        """
        Return a session for a connection that is being opened.

        :param opened: called when it opens; it must add the session. None: only add it.
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
        """Count a peer that has no session because TLS failed."""
        with self._lock:
            self._past.tls_failures[error.cause] += 1

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The server: listens, and accepts or refuses clients; the session does the rest."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import resource
import socket
import time
from collections.abc import Mapping

from ros2_igtl import codec
from ros2_igtl.transport.exposure import check_exposure
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.tcp import has_peer, name_of, unmapped
from ros2_igtl.transport.tcp_endpoint import TcpEndpoint
from ros2_igtl.transport.tls import TlsError
from ros2_igtl.transport.tls_transport import TlsTransport

BACKLOG = 100
MAX_HANDSHAKES = 64  # TLS handshakes at one time; one more cancels the oldest
ACCEPT_PAUSE_S = 0.1  # after accept() failed, usually because file descriptors ran out
FAULT_S = 1.0  # it lasts while clients wait, since each attempt after a pause fails
SPARE_DESCRIPTORS = 64  # of ROS, Python and the files of the log
ENDING_PAUSE_S = 0.002  # while places are taken by peers that have disconnected

_BUSY = codec.pack(
    codec.Message(codec.Status(code=codec.StatusCode.BUSY, message='too many clients'))
)


def lack_of_descriptors(max_clients: int) -> str:
    """Return why so many clients cannot be connected at one time, or ''."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_clients + SPARE_DESCRIPTORS
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return ''
    return (
        f'max_clients is {max_clients}, which takes {needed} file descriptors, and {limit} are '
        'allowed; raise the limit (ulimit -n)'
    )


class Server(TcpEndpoint):
    """Serves up to ``max_clients`` clients at one time."""

    role = 'server'
    _listeners: tuple[socket.socket, ...] = ()
    _opening: Mapping[asyncio.Task[None], socket.socket] = {}  # the oldest first; replaced

    _accept_fault: tuple[str, float] = ('', 0.0)  # and when it was, by the steady clock

    @property
    def fault(self) -> str:
        """Why no client can be accepted now, or ''."""
        text, last_s = self._accept_fault
        return text if text and time.monotonic() - last_s < FAULT_S else ''

    @property
    def actual_port(self) -> int:
        """
        The port that the server listens on; the system chooses it for port 0.

        :raises RuntimeError: the server does not listen.
        """
        if not self._listeners:
            raise RuntimeError('the server does not listen')
        port: int = self._listeners[0].getsockname()[1]
        return port

    def start(self) -> None:
        """
        Listen, and return; does nothing if already started.

        :raises OSError: the server cannot listen on the address; the text names it.
        :raises ValueError: other machines could connect, ``allowed_peers`` is empty, and clients
            need no certificate.
        :raises TlsFilesError: certificates or keys cannot be used.
        :raises RuntimeError: the I/O thread is not running.
        """
        if self._task is not None:
            return
        self._load_tls()
        self._listeners = self._listen()
        try:
            self._start_task()
        except BaseException:
            self._close_listeners()
            raise

    def _listen(self) -> tuple[socket.socket, ...]:
        """Return a listening socket for each address that the host name has."""
        port = self._port
        listeners: list[socket.socket] = []
        try:
            found = socket.getaddrinfo(
                self._address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, kind, protocol, _, address in found:
                check_exposure(str(address[0]), self._options)
                listener = socket.socket(family, kind, protocol)
                listeners.append(listener)
                listener.setblocking(False)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:  # only '::' includes IPv4
                    only = self._address != '::'
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
                listener.bind((address[0], port, *address[2:]))
                listener.listen(BACKLOG)
                port = listener.getsockname()[1]  # port 0: use the same one for all addresses
        except BaseException as error:
            for listener in listeners:
                listener.close()
            if isinstance(error, OSError):
                text = f'cannot listen on {self._address}:{self._port}: {error.strerror}'
                raise OSError(error.errno, text) from error
            raise
        return tuple(listeners)

    def _close_listeners(self) -> None:
        """Release the port."""
        listeners, self._listeners = self._listeners, ()
        for listener in listeners:
            listener.close()

    async def _run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        self._set_state('listening', name_of(self._listeners[0].getsockname()))
        try:
            for listener in self._listeners:
                loop.add_reader(listener, self._accept, listener)
            await loop.create_future()
        finally:
            for listener in self._listeners:
                loop.remove_reader(listener)
            self._close_listeners()
            for task in self._opening:
                task.cancel()
            await asyncio.gather(*self._opening, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        """Accept one client; only one, so that a flood of clients does not block the loop."""
        loop = asyncio.get_running_loop()
        if self._tls is None and self._is_full(len(self._opening)) and self._has_ending():
            self._pause_accepting(listener, ENDING_PAUSE_S)  # the client waits for a place
            return
        try:
            sock, address = listener.accept()
        except BlockingIOError:  # the client has disconnected
            return
        except OSError as error:
            text = f'cannot accept a client: {error}'
            self._accept_fault = text, time.monotonic()
            with self._lock:
                self._past.refused_peers['accept_failed'] += 1
            self._throttle.log(logging.ERROR, ('accept', error.errno), text)
            self._pause_accepting(listener, ACCEPT_PAUSE_S)
            return
        sock.setblocking(False)
        cause = self._refusal(str(address[0]))
        if cause:
            self._refuse(sock, name_of(address), cause)
        else:
            task = loop.create_task(self._open(sock, name_of(address)))
            self._opening = {**self._opening, task: sock}
            task.add_done_callback(functools.partial(self._opened, sock))
            if self._tls is not None and len(self._opening) > MAX_HANDSHAKES:
                self._cancel_oldest_handshake()

    def _pause_accepting(self, listener: socket.socket, pause_s: float) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(pause_s, self._accept_again, listener)

    def _accept_again(self, listener: socket.socket) -> None:
        """Accept clients again after a pause, unless the server was stopped meanwhile."""
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _refusal(self, host: str) -> str:
        """Return the reason to refuse a host, or ''."""
        networks = self._options.allowed_peers
        if networks:
            address = ipaddress.ip_address(unmapped(host))
            if not any(address in ipaddress.ip_network(network) for network in networks):
                return 'allowed_peers'
        # With TLS, max_clients is checked after the handshake, so unknown peers take no place.
        if self._tls is None and self._is_full(len(self._opening)):
            return 'max_clients'
        return ''

    def _is_full(self, opening: int = 0) -> bool:
        return len(self.sessions) + opening >= self._options.max_clients

    def _has_ending(self) -> bool:
        """Return whether a place is about to be free, because its peer has disconnected."""
        has_ending = any(session.is_ending for session in self.sessions)
        return has_ending or not all(map(has_peer, self._opening.values()))

    def _note_refusal(self, peer_name: str, cause: str) -> None:
        """Count and log a peer that gets no session."""
        with self._lock:
            self._past.refused_peers[cause] += 1
        self._throttle.log(logging.WARNING, ('refused', cause), f'{peer_name}: refused: {cause}')

    def _refuse(self, sock: socket.socket, peer_name: str, cause: str) -> None:
        """Close a connection without reading from it."""
        self._note_refusal(peer_name, cause)
        with sock:
            if cause == 'max_clients':
                try:
                    sock.send(_BUSY)
                    sock.shutdown(socket.SHUT_WR)
                except OSError:  # already disconnected
                    pass

    async def _open(self, sock: socket.socket, peer_name: str) -> None:
        """Open a session for an accepted connection."""
        loop = asyncio.get_running_loop()
        if self._tls is None:
            task = asyncio.current_task()

            def opened(session: Session) -> None:
                self._add_session(session)
                self._forget(task)  # now, so that the client does not count twice

            await loop.connect_accepted_socket(lambda: self._make_session(opened), sock)
            return
        _, tls = await loop.connect_accepted_socket(
            functools.partial(TlsTransport, self._tls.context()), sock
        )
        try:
            await tls.handshake(self._options.handshake_timeout)
        except TlsError as error:
            host = peer_name.rpartition(':')[0]
            self._throttle.log(
                logging.WARNING, (host, 'tls', error.cause), f'{peer_name}: refused: {error}'
            )
            self._count_tls_failure(error)
            return
        while self._is_full() and self._has_ending():
            await asyncio.sleep(ENDING_PAUSE_S)
        if self._is_full():
            self._note_refusal(peer_name, 'max_clients')
            tls.write(_BUSY)
            tls.close()
        else:
            tls.start(self._make_session())

    def _cancel_oldest_handshake(self) -> None:
        """Cancel the oldest handshake, so that a flood of silent peers shuts nobody out."""
        oldest = next(iter(self._opening))
        self._forget(oldest)
        oldest.cancel()
        self._note_refusal('the oldest of many handshakes', 'max_handshakes')

    def _opened(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        """Forget a finished task, and close the socket if it failed."""
        self._forget(task)
        if task.cancelled():  # perhaps before it began
            sock.close()
        elif (error := task.exception()) is not None:
            sock.close()
            self._throttle.log(logging.ERROR, 'open', f'cannot serve a client: {error!r}')

    def _forget(self, task: asyncio.Task[None] | None) -> None:
        """Remove a task from those that open connections."""
        self._opening = {other: sock for other, sock in self._opening.items() if other is not task}

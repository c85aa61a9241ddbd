# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A peer that does byte for byte what a test says: plain sockets with deadlines, no codec rules.

::

    with ScriptedServer() as server:       # or ScriptedPeer.dial(port)
        peer = server.accept()
        peer.send(data)
        assert peer.receive_exactly(106) == data
        peer.reset()
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable
from types import TracebackType

HEADER_SIZE = 58
TIMEOUT_S = 10.0


class ScriptedPeer:
    """One end of a connection; closed at the end of a ``with``."""

    def __init__(self, sock: socket.socket) -> None:
        """Take a connected socket."""
        self.socket = sock
        sock.settimeout(TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.collected = bytearray()
        self._collector: threading.Thread | None = None

    @classmethod
    def dial(
        cls,
        port: int,
        *,
        host: str = '127.0.0.1',
        source: str | None = None,
        source_port: int = 0,
        receive_buffer: int | None = None,
    ) -> ScriptedPeer:
        """
        Connect as a client.

        :param source: the address to dial from.
        :param source_port: the port to dial from, which several peers may share; 0: any.
        :param receive_buffer: SO_RCVBUF in bytes; small for a peer that is to look slow.
        """
        sock = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
        try:
            sock.settimeout(TIMEOUT_S)
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((source, source_port))
            sock.connect((host, port))
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    def __enter__(self) -> ScriptedPeer:
        """Return itself."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    @property
    def name(self) -> str:
        """Own address as host:port, which is the peer name at the other end."""
        host, port = self.socket.getsockname()[:2]
        return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def send_split(self, data: bytes, sizes: Iterable[int]) -> None:
        """Send the data in pieces of these sizes, what is left as the last one."""
        start = 0
        for size in sizes:
            self.send(data[start : start + size])
            start += size
        self.send(data[start:])

    def receive_exactly(self, size: int) -> bytes:
        """
        Receive so many bytes.

        :raises EOFError: the other end closed before.
        :raises TimeoutError: they did not come in time.
        """
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise EOFError(f'closed after {len(data)} of {size} bytes')
            data += piece
        return bytes(data)

    def receive_message(self) -> bytes:
        """Receive one whole message, by the body size of its header."""
        header = self.receive_exactly(HEADER_SIZE)
        (body_size,) = struct.unpack_from('>Q', header, 42)
        return header + self.receive_exactly(body_size)

    def receive_until_closed(self) -> bytes:
        """Receive all there is until the other end closes, by FIN or RST."""
        data = bytearray()
        try:
            while piece := self.socket.recv(1 << 20):
                data += piece
        except ConnectionError:
            pass
        return bytes(data)

    def collect(self) -> None:
        """Receive into ``collected`` from now on, in a thread, until the connection ends."""
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._collector.start()

    def shut_down_sending(self) -> None:
        """Send FIN, and keep on receiving."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()

    def close(self) -> None:
        """Close; with FIN, unless there are bytes that were not received."""
        if self._collector is not None:
            with contextlib.suppress(OSError):  # closed by the other end
                self.socket.shutdown(socket.SHUT_RDWR)
            self._collector.join(TIMEOUT_S)
        self.socket.close()

    def _collect(self) -> None:
        buffer = bytearray(1 << 20)
        view = memoryview(buffer)
        while True:
            try:
                size = self.socket.recv_into(view)
            except TimeoutError:  # nothing came; close() ends this
                continue
            except OSError:
                return
            if not size:
                return
            self.collected += view[:size]


class ScriptedServer:
    """A listening socket on 127.0.0.1; its peers are closed with it at the end of a ``with``."""

    def __init__(self, port: int = 0, *, receive_buffer: int | None = None) -> None:
        """
        Listen; a port that was just left may be taken again.

        :param receive_buffer: SO_RCVBUF of the peers in bytes; small for slow ones.
        """
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.settimeout(TIMEOUT_S)
        self._listener.bind(('127.0.0.1', port))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]
        self._peers: list[ScriptedPeer] = []

    def __enter__(self) -> ScriptedServer:
        """Return itself."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def accept(self) -> ScriptedPeer:
        """
        Return the next client.

        :raises TimeoutError: none came.
        """
        sock, _ = self._listener.accept()
        peer = ScriptedPeer(sock)
        self._peers.append(peer)
        return peer

    def close(self) -> None:
        """Stop to listen, and close what was accepted."""
        self._listener.close()
        for peer in self._peers:
            peer.close()


def unused_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        port: int = sock.getsockname()[1]
        return port

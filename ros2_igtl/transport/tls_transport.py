# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# Over 250 lines because the class has all methods of an asyncio transport and both ends of TLS.
"""
TLS between a session and its socket; whom to trust is not decided here.

Not asyncio's own: what that holds back is not in the size of its write buffer, so that nothing
newer could replace it; and it loses what a peer has sent when our own write is the first to find
that the peer is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from typing import Any

from ros2_igtl.transport.tcp_session import TcpSession
from ros2_igtl.transport.tls import TlsError, explain

BUFFER_BYTES = 131072  # received at once
_RECORDS = (b'\x15', b'\x16')  # an alert, a handshake: what a peer's TLS begins with


class TlsTransport(asyncio.Transport, asyncio.BufferedProtocol):
    """
    The protocol of a socket's transport, and after the handshake the transport of a session.

    ::

        transport, tls = await loop.create_connection(lambda: TlsTransport(context), host, port)
        await tls.handshake(timeout_s)
        tls.start(session)

    :param server_name: whom the certificate of a server has to name; None: we are the server.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str | None = None) -> None:
        super().__init__()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_name is None, server_name
        )
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._raw: asyncio.Transport  # from connection_made() on
        self._session: TcpSession | None = None
        self._shaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._has_received = False
        self._is_paused = False
        self._is_ended = False  # nothing more can come
        self._error: TlsError | None = None

    # What clients and servers call.

    async def handshake(self, timeout_s: float) -> None:
        """
        Wait until both know that the other is who it says.

        :raises TlsError: one of them refuses, or it takes too long; the connection is closed.
        """
        try:
            await asyncio.wait({self._shaken}, timeout=timeout_s)
            if not self._shaken.done():
                text = f'no handshake within {timeout_s} s; perhaps the peer does not speak TLS'
                self._fail(TlsError('handshake_timeout', text))
            if self._error is None and self.is_closing():
                self._error = _closed()
            if self._error is not None:
                raise self._error
        except BaseException:
            self.abort()
            raise

    def start(self, session: TcpSession) -> None:
        """Give the session its connection, and what has come."""
        self._session = session
        session.connection_made(self)
        self._raw.resume_reading()
        self._read()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._raw = transport
        transport.set_write_buffer_limits(high=0)
        self._shake_hands()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the handshake, or the session."""
        if self._session is not None:
            self._session.connection_lost(self._error or exc)
        else:
            self._end_handshake(self._error or _closed())

    def get_buffer(self, sizehint: int) -> memoryview:
        """Receive what is encrypted."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was received."""
        if not self._has_received:
            self._has_received = True
            if bytes(self._buffer[:1]) not in _RECORDS:
                self._fail(TlsError('no_tls', 'the peer does not speak TLS'))
                return
        self._incoming.write(self._buffer[:nbytes])
        if self._shaken.done():
            self._read()
        else:
            self._shake_hands()

    def eof_received(self) -> bool:
        """End the session, which closes; without one the handshake ends with the connection."""
        self._is_ended = True
        self._read()
        return self._session is not None

    def pause_writing(self) -> None:
        """Tell the session."""
        if self._session is not None:
            self._session.pause_writing()

    def resume_writing(self) -> None:
        """Tell the session."""
        if self._session is not None:
            self._session.resume_writing()

    # What sessions call.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the socket, or of this."""
        if name == 'read_rest':
            return self._read_rest
        if name == 'security':
            return self._describe()
        return self._raw.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the session is told to pause; nothing waits here, all in the socket's."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the socket has not taken."""
        return self._raw.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Return whether it was closed or lost."""
        return self._raw.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        try:
            while data:  # at once, since nobody can ask for another handshake
                data = data[self._object.write(data) :]
        except ssl.SSLError as error:
            self._fail(explain(error))
        else:
            self._flush()

    def can_write_eof(self) -> bool:
        """Return that it can."""
        return True

    def write_eof(self) -> None:
        """Say that nothing more comes, to the peer's TLS and to its socket."""
        with contextlib.suppress(ssl.SSLError):  # it would like to wait for the peer to say so
            self._object.unwrap()
        self._flush()
        if not self._raw.get_write_buffer_size():
            self._raw.write_eof()

    def close(self) -> None:
        """Close, and tell the peer so."""
        with contextlib.suppress(OSError):  # not connected any more
            self.write_eof()
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._raw.abort()

    def pause_reading(self) -> None:
        """Stop; what was received waits."""
        self._is_paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Go on in the next turn, with what waits."""
        if self._is_paused:
            self._is_paused = False
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        self._read()
        if not self._is_paused:
            self._raw.resume_reading()

    # Both.

    def _shake_hands(self) -> None:
        """Go on with the handshake."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._fail(explain(error))
        else:
            self._flush()
            if not self.is_closing():
                self._raw.pause_reading()  # until there is a session
                self._end_handshake(None)

    def _end_handshake(self, error: TlsError | None) -> None:
        """Let handshake() return, or raise."""
        self._error = error
        if not self._shaken.done():
            self._shaken.set_result(None)

    def _read(self) -> None:
        """Give the session what was received, until it has enough."""
        while self._session is not None and not (self._is_paused or self.is_closing()):
            buffer = self._session.get_buffer(-1)
            size = self._decrypt_into(buffer)
            if size:
                self._session.buffer_updated(size)
            elif not self._is_ended:
                break
            elif self._error is None:
                self._session.eof_received()
        self._flush()  # an answer of TLS itself

    def _decrypt_into(self, buffer: memoryview) -> int:
        """Return how much there was; 0 if there is no more yet, or at the end."""
        size = 0
        try:
            while size < len(buffer):
                count: Any = self._object.read(len(buffer) - size, buffer[size:])
                if not count:
                    self._is_ended = True
                    break
                size += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._fail(explain(error))
        return size

    def _read_rest(self, buffer: memoryview) -> int:
        """
        Return how much there was that the loop has not read; 0 at the end.

        :raises OSError: there is no more.
        """
        descriptor = self._raw.get_extra_info('socket').fileno()
        while not (size := self._decrypt_into(buffer)) and not self._is_ended:
            received = os.readv(descriptor, [self._buffer])
            if not received:
                return 0
            self._incoming.write(self._buffer[:received])
        return size

    def _flush(self) -> None:
        """Send what is encrypted."""
        if self._outgoing.pending and not self.is_closing():
            self._raw.write(self._outgoing.read())

    def _fail(self, error: TlsError) -> None:
        """Close, after the alert that tells the peer why."""
        if self.is_closing():
            return
        self._is_ended = True
        self._end_handshake(error)
        self.close()

    def _describe(self) -> str:
        """Return the version, and whom the certificate of the peer names."""
        certificate: dict[str, Any] = self._object.getpeercert() or {}
        names = [value for part in certificate.get('subject', ()) for _, value in part]
        shown = f', certificate of {", ".join(names)!r}' if names else ''
        return f'{self._object.version()}{shown}'


def _closed() -> TlsError:
    """Return why there is no handshake with a peer that is gone."""
    return TlsError(
        'closed', 'the peer closed during the handshake; perhaps it does not speak TLS'
    )

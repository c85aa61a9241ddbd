# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# Over 250 lines because the class has all methods of an asyncio transport and both ends of TLS.
"""
TLS between a session and its socket; ``tls.py`` decides whom to trust.

This module replaces asyncio's own TLS for two reasons. Data that asyncio holds back are not part
of its write buffer size, so newer messages could not replace them. And it loses received data if
our own write is the first to detect that the peer has disconnected.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from typing import Any

from ros2_igtl.transport.tcp import wait_for
from ros2_igtl.transport.tcp_session import TcpSession
from ros2_igtl.transport.tls import TlsError, explain

BUFFER_BYTES = 131072  # the most to receive at once
_RECORDS = (b'\x15', b'\x16')  # the first byte from a peer with TLS: an alert or a handshake


class TlsTransport(asyncio.Transport, asyncio.BufferedProtocol):
    """
    The protocol of a socket's transport, and after the handshake the transport of a session.

    ::

        transport, tls = await loop.create_connection(lambda: TlsTransport(context), host, port)
        await tls.handshake(timeout_s)
        tls.start(session)

    :param server_name: the name that the server's certificate must have; None: we are the server.
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
        self._is_ended = False  # no more data can arrive
        self._error: TlsError | None = None

    # Called by clients and servers.

    async def handshake(self, timeout_s: float) -> None:
        """
        Wait until both sides have verified each other.

        :raises TlsError: one of them refuses, or it takes too long; the connection is closed.
        """
        try:
            await wait_for(self._shaken, timeout_s)
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
        """Connect the session, and pass it the data already received."""
        self._session = session
        session.connection_made(self)
        self._raw.resume_reading()
        self._read()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._raw = transport
        transport.set_write_buffer_limits(high=0)
        self._shake_hands()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the handshake or the session."""
        if self._session is not None:
            self._session.connection_lost(self._error or exc)
        else:
            self._end_handshake(self._error or _closed())

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for encrypted data."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Handle received data."""
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
        """End the session, which then closes; without a session, let asyncio close."""
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

    # Called by sessions.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return information about this transport or its socket."""
        if name == 'read_rest':
            return self._read_rest
        if name == 'security':
            return self._describe()
        return self._raw.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits of the socket's write buffer; this transport has none of its own."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the socket has not accepted yet."""
        return self._raw.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Return whether the connection was closed or lost."""
        return self._raw.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        try:
            while data:  # never has to wait to read, since renegotiation is off
                data = data[self._object.write(data) :]
        except ssl.SSLError as error:
            self._fail(explain(error))
        else:
            self._flush()

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Tell the peer that no more data follow, over TLS and on the socket."""
        with contextlib.suppress(ssl.SSLError):  # raised because the peer has not answered yet
            self._object.unwrap()
        self._flush()
        if not self._raw.get_write_buffer_size():
            self._raw.write_eof()

    def close(self) -> None:
        """Close, and tell the peer."""
        with contextlib.suppress(OSError):  # no longer connected
            self.write_eof()
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._raw.abort()

    def pause_reading(self) -> None:
        """Stop reading; data already received wait."""
        self._is_paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading in the next turn, first the waiting data."""
        if self._is_paused:
            self._is_paused = False
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        self._read()
        if not self._is_paused:
            self._raw.resume_reading()

    # Private.

    def _shake_hands(self) -> None:
        """Continue the handshake."""
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
        """Let handshake() return or raise."""
        self._error = error
        if not self._shaken.done():
            self._shaken.set_result(None)

    def _read(self) -> None:
        """Pass received data to the session, until it pauses."""
        while self._session is not None and not (self._is_paused or self.is_closing()):
            buffer = self._session.get_buffer(-1)
            size = self._decrypt_into(buffer)
            if size:
                self._session.buffer_updated(size)
            elif not self._is_ended:
                break
            elif self._error is None:
                self._session.eof_received()
        self._flush()  # answers of TLS itself

    def _decrypt_into(self, buffer: memoryview) -> int:
        """Return the number of bytes; 0 before the first ones arrive, and at the end."""
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
        Read data that the loop has not read; return the number of bytes, 0 at the end.

        :raises OSError: there are no more data.
        """
        descriptor = self._raw.get_extra_info('socket').fileno()
        while not (size := self._decrypt_into(buffer)) and not self._is_ended:
            received = os.readv(descriptor, [self._buffer])
            if not received:
                return 0
            self._incoming.write(self._buffer[:received])
        return size

    def _flush(self) -> None:
        """Send the encrypted data."""
        if self._outgoing.pending and not self.is_closing():
            self._raw.write(self._outgoing.read())

    def _fail(self, error: TlsError) -> None:
        """Close, after sending the alert with the reason."""
        if self.is_closing():
            return
        self._is_ended = True
        self._end_handshake(error)
        self.close()

    def _describe(self) -> str:
        """Return the TLS version, and the name in the peer's certificate."""
        certificate: dict[str, Any] = self._object.getpeercert() or {}
        names = [value for part in certificate.get('subject', ()) for _, value in part]
        shown = f', certificate of {", ".join(names)!r}' if names else ''
        return f'{self._object.version()}{shown}'


def _closed() -> TlsError:
    """Return the error for a peer that disconnected during the handshake."""
    return TlsError(
        'closed', 'the peer closed during the handshake; perhaps it does not speak TLS'
    )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What is particular to TCP: names of peers, socket options, the end of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket

from ros2_igtl.codec import escape

NO_ANSWER = 'the peer no longer answers'
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 5, 2, 3
USER_TIMEOUT_MS = 11_000  # what keepalive takes to give up, for data that is not acknowledged
NOT_SENT_LOW_WATER = 16384  # more would wait in the kernel, where nothing newer can replace it
TCP_NOTSENT_LOWAT = 25  # Linux; Python names it from 3.12 on only


def name_of(address: tuple[str, int] | tuple[str, int, int, int] | None) -> str:
    """Return host:port of a socket address; an IPv6 host in brackets, a mapped IPv4 host bare."""
    if not address:  # the peer was gone before it could be asked
        return 'unknown:0'
    host, port = address[0].removeprefix('::ffff:'), address[1]
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def tune(sock: socket.socket) -> None:
    """Make a socket prompt, and let it find out that its peer has gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER)


def describe_loss(error: Exception | None) -> str:
    """Say why a connection ended that we did not close."""
    if error is None:
        return 'closed by the peer'
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return 'reset by the peer'
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return NO_ANSWER
    return escape(str(error) or repr(error))


def hang_up(transport: asyncio.Transport) -> None:
    """Close at once, with FIN: with bytes unread close() alone would send RST."""
    if transport.can_write_eof() and not transport.get_write_buffer_size():
        with contextlib.suppress(OSError):  # not connected any more
            transport.write_eof()
    transport.abort()


def read_rest(transport: asyncio.Transport, buffer: memoryview) -> int:
    """
    Read what has come to a connection that was lost; return how much, 0 at the end.

    :raises OSError: there is no more.
    """
    read = transport.get_extra_info('read_rest')  # of a transport that decrypts
    if read is not None:
        size: int = read(buffer)
        return size
    return os.readv(transport.get_extra_info('socket').fileno(), [buffer])

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Functions for TCP: names of peers, socket options, the end of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import struct
from typing import Any

from ros2_igtl.codec import escape

NO_ANSWER = 'the peer no longer answers'
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 5, 2, 3
USER_TIMEOUT_MS = 11_000  # for data that is not acknowledged; as long as keepalive takes
NOT_SENT_LOW_WATER = 16384  # data in the kernel cannot be replaced by newer messages
TCP_NOTSENT_LOWAT = 25  # Linux; Python has this name from 3.12 on
WAIT_STEPS = 10
TCP_ESTABLISHED = 1  # Linux: the first byte of TCP_INFO
LAST_DATA_RECEIVED = 52  # Linux: the offset in TCP_INFO of the milliseconds since then
CLOCK_TICK_MS = 10  # Linux counts these milliseconds in steps of up to this


def name_of(address: tuple[str, int] | tuple[str, int, int, int] | None) -> str:
    """Return host:port of a socket address; an IPv6 host in brackets, mapped IPv4 as IPv4."""
    if not address:  # the peer disconnected before the call
        return 'unknown:0'
    host, port = unmapped(address[0]), address[1]
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def unmapped(host: str) -> str:
    """Return a numeric host, and mapped IPv4 as IPv4; other forms that contain IPv4 are IPv6."""
    mapped = ipaddress.IPv6Address(host).ipv4_mapped if ':' in host else None
    return host if mapped is None else str(mapped)


def has_peer(sock: socket.socket) -> bool:
    """Return whether the peer has not disconnected yet, even if unread data hide that."""
    with contextlib.suppress(OSError):  # already closed
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED
    return False


def data_age_s(sock: socket.socket) -> float:
    """Return how long the newest received data have been in a socket; 0 for a few milliseconds."""
    with contextlib.suppress(OSError, struct.error):  # closed, or not Linux
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED + 4)
        (age_ms,) = struct.unpack_from('=I', info, LAST_DATA_RECEIVED)
        return age_ms / 1000 if age_ms > CLOCK_TICK_MS else 0.0
    return 0.0


def tune(sock: socket.socket) -> None:
    """Set a socket to send without delay, and to detect a lost peer."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER)


def describe_loss(error: Exception | None) -> str:
    """Return why a connection ended that we did not close."""
    if error is None:
        return 'closed by the peer'
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return 'reset by the peer'
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return NO_ANSWER
    return escape(str(error) or repr(error))


async def wait_for(future: asyncio.Future[Any], timeout_s: float) -> None:
    """Wait for a future; a time in which our own program stands still counts as one step."""
    for _ in range(WAIT_STEPS):
        done, _ = await asyncio.wait({future}, timeout=timeout_s / WAIT_STEPS)
        if done:
            return


def hang_up(transport: asyncio.Transport) -> None:
    """Close at once with FIN; close() alone would send RST if unread bytes are left."""
    if transport.can_write_eof() and not transport.get_write_buffer_size():
        with contextlib.suppress(OSError):  # not connected any more
            transport.write_eof()
    transport.abort()


def read_rest(transport: asyncio.Transport, buffer: memoryview) -> int:
    """
    Read the remaining data of a lost connection; return the number of bytes, 0 at the end.

    :raises OSError: there are no more data.
    """
    read = transport.get_extra_info('read_rest')  # set by a transport that decrypts
    if read is not None:
        size: int = read(buffer)
        return size
    return os.readv(transport.get_extra_info('socket').fileno(), [buffer])

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""TCP: names of peers, socket options, data that wait in a socket, the end of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import sys
import termios
import time
from collections import deque
from typing import Any

from ros2_igtl.codec import escape

NO_ANSWER = 'the peer no longer answers'
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 5, 2, 3
USER_TIMEOUT_MS = 11_000  # for data that is not acknowledged; as long as keepalive takes
NOT_SENT_LOW_WATER = 16384  # data in the kernel cannot be replaced by newer messages
TCP_NOTSENT_LOWAT = 25  # Linux; Python has this name from 3.12 on
WAIT_STEPS = 10
TCP_ESTABLISHED = 1  # Linux: the first byte of TCP_INFO
QUIET_S = 0.1  # data that have waited for less are as good as new


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


def unread_size(sock: socket.socket) -> int:
    """Return how many bytes wait in a socket."""
    with contextlib.suppress(OSError, ValueError):  # closed
        size = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4))
        return int.from_bytes(size, sys.byteorder)
    return 0


class Backlog:
    """
    How long data have waited in a socket, from which more arrive than are read.

    The kernel says how many bytes wait. So each reading shows how many had arrived until then, and
    data that were not among them have not waited longer.
    """

    def __init__(self) -> None:
        self.has_unread = False
        """Whether data were left in the socket by the last reading."""
        self._read = 0  # bytes since then
        self._arrived: deque[tuple[int, float]] = deque()  # bytes since then, and until when

    def age_s(self, sock: socket.socket, count: int, most_s: float) -> float:
        """
        Return how long data that were just read may have waited; 0 for up to QUIET_S.

        :param count: their size in bytes.
        :param most_s: how long they may have waited if the socket was empty before.
        """
        now_s, arrived = time.monotonic(), self._arrived
        if not arrived:
            age_s = most_s
            self._read = 0
            arrived.append((0, now_s - most_s))
        else:
            while len(arrived) > 1 and arrived[1][0] <= self._read:
                arrived.popleft()
            age_s = now_s - arrived[0][1]
            self._read += count
        unread = unread_size(sock)
        self.has_unread = unread > 0
        if unread:
            arrived.append((self._read + unread, now_s))
        else:
            arrived.clear()
        return age_s if age_s > QUIET_S else 0.0


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

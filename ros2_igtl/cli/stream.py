# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A blocking connection to one peer: dial, and receive until a deadline. It never reconnects."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

from ros2_igtl import codec

CONNECT_TIMEOUT_S = 5.0


def connect(host: str, port: int) -> socket.socket:
    """
    Return a socket connected to a peer.

    :raises OSError: it cannot be reached; the text names the address and the reason.
    """
    try:
        peer = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
    except OSError as error:
        raise OSError(f'{host}:{port}: {error.strerror or error}') from error
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def receive(
    peer: socket.socket, deadline: float | None = None
) -> Iterator[codec.Message | codec.MessageError]:
    """
    Yield the messages of a peer until it closes the connection or the deadline has passed.

    :param deadline: in seconds of time.monotonic; None waits for ever.
    :returns: messages, and an error for each rejected message.
    :raises FramingError: the next message cannot be found, or the stream ends within a message.
    """
    connection = codec.Connection()
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0.0:
            return
        peer.settimeout(left)
        try:
            count = peer.recv_into(connection.get_buffer())
        except TimeoutError:
            return
        if count == 0:
            connection.close()
            return
        connection.buffer_updated(count)
        yield from _messages(connection)


def finish(peer: socket.socket, timeout_s: float = 1.0) -> None:
    """
    Close the sending side without losing sent bytes.

    Closing a socket with unread bytes resets the connection, and the peer then loses the bytes
    that it has not read yet. So this reads until the peer closes its side too, or the time is up.
    """
    deadline = time.monotonic() + timeout_s
    with contextlib.suppress(OSError):  # the peer has closed the connection
        peer.shutdown(socket.SHUT_WR)
        while (left := deadline - time.monotonic()) > 0.0:
            peer.settimeout(left)
            if not peer.recv(65536):
                return


def _messages(connection: codec.Connection) -> Iterator[codec.Message | codec.MessageError]:
    while True:
        try:
            message = connection.next_message()
        except codec.MessageError as error:
            yield error
            continue
        if message is codec.NEED_DATA:
            return
        yield message

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Peers in a process of their own that read what a server sends: its numbers and its age.

``python reading_peers.py PORT COUNT PAUSE_S`` dials, reads, and says what came since the last time
at each line of its stdin. With a pause it reads little at a time, and waits in between.
"""

from __future__ import annotations

import json
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

HEADER_SIZE = 58
SLOW_BYTES = 4096


class ReadingPeers:
    """
    The process, for the length of a ``with``.

    :param count: how many connections it has.
    :param pause_s: after each read; 0: as fast as it can.
    """

    def __init__(self, port: int, count: int, pause_s: float = 0.0) -> None:
        self._command = [sys.executable, __file__, str(port), str(count), str(pause_s)]

    def __enter__(self) -> ReadingPeers:
        """Start it; all are connected when this returns."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.read()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, stalled or not."""
        self._process.kill()
        self._process.communicate()

    def read(self) -> Any:
        """
        Return what came since the last time.

        :returns: ``texts``, of each peer the numbers of its texts; ``ages_s`` of all poses and
            images; ``closed``, how many were closed.
        """
        assert self._process.stdin is not None  # PIPE above
        assert self._process.stdout is not None
        self._process.stdin.write('\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stall(self) -> None:
        """Read nothing more, as a program that hangs."""
        self._process.send_signal(signal.SIGSTOP)


@dataclass(slots=True)
class _Peer:
    """One connection, and the part of a message that has come."""

    socket: socket.socket
    data: bytearray = field(default_factory=bytearray)
    texts: list[int] = field(default_factory=list)

    def take(self, ages_s: list[float], now_ns: int) -> None:
        """Take what is complete."""
        start, data = 0, self.data
        while len(data) - start >= HEADER_SIZE:
            seconds, fraction, size = struct.unpack_from('>IIQ', data, start + 34)
            end = start + HEADER_SIZE + size
            if len(data) < end:
                break
            if data[start + 2 : start + 8] == b'STRING':
                self.texts.append(int(data[start + HEADER_SIZE + 4 : end]))
            else:
                ages_s.append(now_ns / 1e9 - (seconds + fraction / 2**32))
            start = end
        del data[:start]


def main(port: int, count: int, pause_s: float) -> None:
    """Read until stdin ends."""
    selector = selectors.DefaultSelector()
    peers = []
    for _ in range(count):
        sock = socket.socket()
        if pause_s:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        sock.connect(('127.0.0.1', port))
        peers.append(_Peer(sock))
        selector.register(sock, selectors.EVENT_READ, peers[-1])
    selector.register(sys.stdin, selectors.EVENT_READ)
    ages_s: list[float] = []
    closed = 0
    while True:
        for key, _ in selector.select():
            if key.data is None:
                if not sys.stdin.readline():
                    return
                texts = [peer.texts for peer in peers]
                print(json.dumps({'texts': texts, 'ages_s': ages_s, 'closed': closed}), flush=True)
                ages_s.clear()
                for peer in peers:
                    peer.texts.clear()
                continue
            received = key.data.socket.recv(SLOW_BYTES if pause_s else 1 << 18)
            if not received:
                closed += 1
                selector.unregister(key.data.socket)
            key.data.data += received
            key.data.take(ages_s, time.time_ns())
            time.sleep(pause_s)


if __name__ == '__main__':
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))

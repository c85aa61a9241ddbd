# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Peers that keep a node busy, and threads that keep them going."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType

from helpers.bridge_peer import pose
from helpers.scripted_peer import ScriptedPeer
from ros2_igtl import codec

Loop = Callable[[threading.Event], None]
"""What runs in a thread until the event is set."""


@contextmanager
def in_background(*loops: Loop) -> Iterator[None]:
    """Run loops, each in a thread; what one of them raises is raised at the end."""
    ended = threading.Event()
    with ThreadPoolExecutor(len(loops)) as pool:
        futures = [pool.submit(loop, ended) for loop in loops]
        try:
            yield
        finally:
            ended.set()
    for future in futures:
        future.result()


def paced(rate_hz: float, ended: threading.Event) -> Iterator[int]:
    """
    Yield 0, 1, 2 ... at a rate, until the event is set.

    What a busy machine keeps from coming in time comes at once, unless it is a second late.
    """
    number, next_s = 0, time.monotonic()
    while not ended.wait(max(0.0, next_s - time.monotonic())):
        yield number
        number += 1
        next_s = max(next_s + 1.0 / rate_hz, time.monotonic() - 1.0)


def poses(number: int, devices: int) -> bytes:
    """Return a TRANSFORM of each device, a new one for each number."""
    return b''.join(pose(number % 1000, f'Tool{tool}ToTracker') for tool in range(devices))


class BusyPeer:
    """
    A peer that counts what it sends, and receives in a thread, for the length of a ``with``.

    :ivar sent: messages.
    :ivar received: messages by type name.
    :ivar replies: RTS_COMMAND and what else answers a question, oldest first.
    """

    def __init__(self, port: int) -> None:
        self.sent = 0
        self.received: Counter[str] = Counter()
        self.replies: queue.SimpleQueue[codec.Message] = queue.SimpleQueue()
        self._peer = ScriptedPeer.dial(port)
        self._peer.socket.settimeout(60.0)  # longer than it is ever still
        self._lock = threading.Lock()
        self._receiver = threading.Thread(target=self._receive)
        self._receiver.start()

    def __enter__(self) -> BusyPeer:
        """Return itself."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say that nothing more comes, and wait for the node to close, which it has not before."""
        is_open = self._receiver.is_alive()
        if is_open:
            self._peer.shut_down_sending()
        self._receiver.join()
        self._peer.close()
        assert is_open or exception is not None, 'the node has closed the connection'

    def send(self, data: bytes, messages: int = 1) -> None:
        """Send messages whole, whoever else sends."""
        with self._lock:
            self._peer.send(data)
            self.sent += messages

    def ask(self, data: bytes) -> codec.Message:
        """Send a message that is answered, and return the answer; one at a time."""
        self.send(data)
        return self.replies.get(timeout=30.0)

    def _receive(self) -> None:
        while True:
            try:
                data = self._peer.receive_message()
            except (EOFError, OSError):
                return
            message = codec.unpack(data)
            self.received[message.type_name] += 1
            if message.type_name in ('RTS_COMMAND', 'STATUS', 'CAPABILITY'):
                self.replies.put(message)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The thread with the asyncio event loop on which all clients and servers run."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from ros2_igtl.transport.budget import Budget

P = ParamSpec('P')
T = TypeVar('T')

ALIVE_S = 0.015
CALL_TIMEOUT_S = 5.0  # a loop that does not respond within this time is blocked


class IoThread:
    """
    An asyncio loop in a daemon thread, shared by any number of clients and servers.

    It can be started again after a stop. As a context manager it starts and stops itself.
    """

    def __init__(self, name: str = 'igtl_io') -> None:
        """Prepare the thread without starting it."""
        self._name = name
        self.budget = Budget()
        """The memory limit for the peers of all clients and servers."""
        self.alive_s = self._alive_s = 0.0
        """Data that arrived before were noticed at once; steady clock, about ALIVE_S ago."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> IoThread:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """
        The running loop.

        :raises RuntimeError: the thread is not running.
        """
        if self._loop is None:
            raise RuntimeError('the I/O thread is not running')
        return self._loop

    @property
    def is_running(self) -> bool:
        """Whether start() was called and stop() was not."""
        return self._loop is not None

    @property
    def is_current(self) -> bool:
        """Whether the caller is on the I/O thread."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Start the thread; does nothing if it is running."""
        if self._thread is not None:
            return
        self._loop = asyncio.new_event_loop()
        self._note_alive(self._loop)
        self._thread = threading.Thread(
            target=_run, args=(self._loop,), name=self._name, daemon=True
        )
        self._thread.start()

    def _note_alive(self, loop: asyncio.AbstractEventLoop) -> None:
        """
        Note that the loop runs, again and again: a stopped process does not.

        The loop has looked at all sockets since the time before, but maybe not just now.
        """
        self.alive_s, self._alive_s = self._alive_s, time.monotonic()
        loop.call_later(ALIVE_S, self._note_alive, loop)

    def stop(self, timeout_s: float = 2.0) -> None:
        """
        Cancel all tasks, which closes their sockets, and join the thread; may be called twice.

        :raises TimeoutError: the loop is blocked; the daemon thread keeps running.
        """
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        if self.is_current:
            raise RuntimeError('the I/O thread cannot join itself')
        self._loop = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout_s)
        self._thread = None
        if thread.is_alive():
            raise TimeoutError(f'the I/O thread is blocked and did not end within {timeout_s} s')

    def call_soon(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Call a function on the I/O thread soon; return False if that is not running."""
        try:
            self.loop.call_soon_threadsafe(functools.partial(function, *args, **kwargs))
        except RuntimeError:  # there is no loop, or it was just closed
            return False
        return True

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Run a function on the I/O thread and return its result; from any thread.

        :raises RuntimeError: the thread is not running.
        :raises TimeoutError: the loop is blocked.
        """
        if self.is_current:
            return function(*args, **kwargs)

        async def call() -> T:
            return function(*args, **kwargs)

        return self.run(call(), CALL_TIMEOUT_S)

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """
        Run a coroutine on the I/O thread and return its result; not from that thread.

        :raises RuntimeError: the thread is not running, or is the caller's.
        :raises TimeoutError: the coroutine did not end in time and was cancelled.
        """
        if self.is_current or not self.is_running:
            coroutine.close()
            raise RuntimeError('run() needs a running I/O thread and a caller on another thread')
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout_s)
        except concurrent.futures.TimeoutError as error:  # not the built-in one in Python 3.10
            future.cancel()
            raise TimeoutError(f'the I/O thread did not answer within {timeout_s} s') from error


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped, then cancel its tasks and close their sockets."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        # A transport closes its socket in a callback of the next turn.
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        asyncio.set_event_loop(None)
        loop.close()

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.io_thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from helpers.waiting import wait_until
from ros2_igtl.transport import IoThread


def test_a_function_runs_on_the_thread_and_its_value_comes_back() -> None:
    with IoThread('its_name') as io_thread:
        assert io_thread.call(lambda: threading.current_thread().name) == 'its_name'
        assert io_thread.call(lambda: io_thread.call(lambda: io_thread.is_current))
        assert not io_thread.is_current


def test_what_a_function_raises_comes_back() -> None:
    with IoThread() as io_thread, pytest.raises(ZeroDivisionError):
        io_thread.call(lambda: 1 // 0)


def test_it_can_be_stopped_twice_and_started_again() -> None:
    io_thread = IoThread()
    io_thread.stop()
    for _ in range(3):
        io_thread.start()
        io_thread.start()
        assert io_thread.is_running
        io_thread.stop()
        io_thread.stop()
        assert not io_thread.is_running
    assert not [thread for thread in threading.enumerate() if thread.name == 'igtl_io']


def test_without_a_running_thread_calls_are_refused() -> None:
    io_thread = IoThread()
    with pytest.raises(RuntimeError, match='running'):
        io_thread.call(print)
    with pytest.raises(RuntimeError, match='running'):
        _ = io_thread.loop


def test_a_function_can_be_called_soon_while_the_thread_runs() -> None:
    io_thread = IoThread('its_name')
    names: list[str] = []

    def note(*, suffix: str) -> None:
        names.append(threading.current_thread().name + suffix)

    assert not io_thread.call_soon(note, suffix='!')
    with io_thread:
        assert io_thread.call_soon(note, suffix='!')
        wait_until(lambda: names == ['its_name!'], what='the call')
    assert not io_thread.call_soon(note, suffix='!')


def test_stopping_cancels_what_runs() -> None:
    ended = []

    async def wait_forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    io_thread = IoThread()
    io_thread.start()
    tasks = [io_thread.call(lambda: asyncio.ensure_future(wait_forever()))]
    wait_until(lambda: io_thread.call(lambda: len(asyncio.all_tasks())) > 1)
    io_thread.stop()
    assert ended == [True]
    assert tasks[0].cancelled()


def test_a_coroutine_that_takes_too_long_is_cancelled() -> None:
    with IoThread() as io_thread, pytest.raises(TimeoutError, match=r'0\.05 s'):
        io_thread.run(asyncio.Event().wait(), 0.05)


def test_the_thread_cannot_wait_for_itself() -> None:
    with IoThread() as io_thread:
        with pytest.raises(RuntimeError, match='itself'):
            io_thread.call(io_thread.stop)
        with pytest.raises(RuntimeError, match='another'):
            io_thread.call(lambda: io_thread.run(asyncio.Event().wait(), 1.0))


def test_a_blocked_loop_is_left_behind_with_an_error() -> None:
    release = threading.Event()
    io_thread = IoThread()
    io_thread.start()
    io_thread.loop.call_soon_threadsafe(release.wait)
    with pytest.raises(TimeoutError, match='blocked'):
        io_thread.stop(0.05)
    release.set()
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name == 'igtl_io']
    )

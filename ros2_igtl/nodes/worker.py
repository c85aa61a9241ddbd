# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A thread that runs the heavy tasks of one connection in order, with a bounded queue."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal, TypeAlias

logger = logging.getLogger(__name__)

MAX_TASKS = 100  # as many as the queue of a topic of events
MAX_BYTES = 1 << 25  # five pictures of 1080p, about 40 ms of work

Loss: TypeAlias = Literal['replaced', 'stopped']


@dataclass(slots=True, eq=False)
class Task:
    """
    A task for the worker.

    :ivar run: does the work; an exception is logged as an internal error.
    :ivar lost: called with the reason if the work is not done; on any thread.
    :ivar size: bytes in memory while the task waits.
    :ivar slot: newer tasks of the same slot may replace this one; None: they must not.
    """

    run: Callable[[], None]
    lost: Callable[[Loss], None]
    size: int = 0
    slot: Hashable = None


class Worker:
    """
    Runs tasks one after the other on its own thread.

    Every method except ``start`` and ``stop`` may be called on any thread.

    :param name: of the thread.
    :param drained: called on the worker when half of the queue is free after it was full.
    """

    def __init__(self, name: str, drained: Callable[[], None]) -> None:
        self._name = name
        self._drained = drained
        self._condition = threading.Condition()  # of the attributes below
        self._tasks: deque[Task] = deque()
        self._bytes = 0
        self._was_full = False
        self._is_stopping = True
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """The number of waiting tasks."""
        return len(self._tasks)

    @property
    def waiting_bytes(self) -> int:
        """The bytes in memory of waiting tasks."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether the number or size of waiting tasks has reached its limit."""
        return len(self._tasks) >= MAX_TASKS or self._bytes > MAX_BYTES

    def start(self) -> None:
        """Begin to run tasks."""
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """
        Finish the running task and discard waiting ones; may be called twice.

        :raises TimeoutError: the running task does not end in time.
        """
        with self._condition:
            self._is_stopping = True
            lost = list(self._tasks)
            self._tasks.clear()
            self._bytes = 0
            self._condition.notify()
        for task in lost:
            task.lost('stopped')
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout_s)
            if thread.is_alive():
                raise TimeoutError(f'{self._name} is busy and did not end within {timeout_s:g} s')

    def put(self, task: Task, *, newest_only: bool = False) -> None:
        """
        Queue a task.

        If the worker is full, the task replaces the oldest task of the same slot.

        :param newest_only: replace it in any case.
        """
        replaced: Task | None = None
        with self._condition:
            is_stopping = self._is_stopping
            if not is_stopping:
                if task.slot is not None and (newest_only or self.is_full):
                    replaced = next((each for each in self._tasks if each.slot == task.slot), None)
                if replaced is not None:
                    self._tasks.remove(replaced)
                    self._bytes -= replaced.size
                self._tasks.append(task)
                self._bytes += task.size
                self._was_full |= self.is_full
                self._condition.notify()
        if is_stopping:
            task.lost('stopped')
        elif replaced is not None:
            replaced.lost('replaced')

    def _run(self) -> None:
        while (task := self._next()) is not None:
            try:
                task.run()
            except Exception:
                logger.exception('%s: a task failed', self._name)

    def _next(self) -> Task | None:
        """Wait for a task and return it; None at the end."""
        with self._condition:
            while not (self._tasks or self._is_stopping):
                self._condition.wait()
            if self._is_stopping:
                return None
            task = self._tasks.popleft()
            self._bytes -= task.size
            is_drained = self._was_full and (
                len(self._tasks) <= MAX_TASKS // 2 and self._bytes <= MAX_BYTES // 2
            )
            self._was_full &= not is_drained
        if is_drained:  # before the task, so that a large one does not keep its peer waiting
            self._drained()
        return task

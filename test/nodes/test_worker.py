# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The worker of a connection: order, bounds, and tasks that are not done."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from helpers.waiting import wait_until
from ros2_igtl.nodes import worker as module
from ros2_igtl.nodes.worker import Task, Worker


class Log:
    """What became of tasks, in order, by name."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.gate = threading.Event()
        self.started = threading.Event()

    def task(self, name: str, size: int = 0, slot: str | None = None) -> Task:
        return Task(
            lambda: self.entries.append(name),
            lambda loss: self.entries.append(f'{name} {loss}'),
            size,
            slot,
        )

    def blocking(self) -> Task:
        """Return a task that ends when the gate opens."""

        def run() -> None:
            self.started.set()
            self.gate.wait(10.0)

        return Task(run, lambda loss: None)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def drained() -> list[None]:
    return []


@pytest.fixture
def worker(log: Log, drained: list[None]) -> Iterator[Worker]:
    worker = Worker('test worker', lambda: drained.append(None))
    worker.start()
    yield worker
    log.gate.set()
    worker.stop(10.0)


def block(worker: Worker, log: Log) -> None:
    """Keep the worker busy until the gate opens."""
    worker.put(log.blocking())
    assert log.started.wait(10.0)


def test_tasks_run_in_the_order_in_which_they_were_put(worker: Worker, log: Log) -> None:
    names = [str(number) for number in range(50)]
    for name in names:
        worker.put(log.task(name))
    wait_until(lambda: len(log.entries) == 50, 10.0, 'the tasks')
    assert log.entries == names


def test_a_task_that_fails_is_logged_and_the_next_one_runs(
    worker: Worker, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    worker.put(Task(lambda: 1 // 0, lambda loss: None))  # type: ignore[arg-type]
    worker.put(log.task('next'))
    wait_until(lambda: log.entries == ['next'], 10.0, 'the next task')
    assert 'ZeroDivisionError' in caplog.text


def test_while_it_is_full_the_newest_of_a_slot_replaces_the_oldest(
    worker: Worker, log: Log, drained: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'MAX_BYTES', 10)
    block(worker, log)
    worker.put(log.task('a1', 6, 'a'))
    assert not worker.is_full
    worker.put(log.task('b1', 6, 'b'))
    assert worker.is_full
    assert (worker.waiting, worker.waiting_bytes) == (2, 12)
    worker.put(log.task('a2', 6, 'a'))
    worker.put(log.task('event', 6))
    assert log.entries == ['a1 replaced']
    assert worker.waiting == 3
    log.gate.set()
    wait_until(lambda: len(log.entries) == 4, 10.0, 'the rest')
    assert log.entries[1:] == ['b1', 'a2', 'event']
    wait_until(lambda: drained, 10.0, 'room')
    assert (len(drained), worker.waiting_bytes) == (1, 0)


def test_one_task_that_is_too_large_leaves_room_as_soon_as_it_runs(
    worker: Worker, log: Log, drained: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'MAX_BYTES', 10)
    block(worker, log)
    worker.put(log.task('large', 100))
    assert worker.is_full
    log.gate.set()
    wait_until(lambda: log.entries == ['large'], 10.0, 'the task')
    assert len(drained) == 1


def test_only_the_newest_of_a_slot_waits_where_that_is_asked_for(worker: Worker, log: Log) -> None:
    block(worker, log)
    for name in ('a1', 'a2', 'a3'):
        worker.put(log.task(name, slot='a'), newest_only=True)
    worker.put(log.task('b1', slot='b'), newest_only=True)
    assert log.entries == ['a1 replaced', 'a2 replaced']
    log.gate.set()
    wait_until(lambda: log.entries[2:] == ['a3', 'b1'], 10.0, 'the newest')


def test_tasks_that_wait_at_the_end_are_lost_and_so_are_later_ones(
    worker: Worker, log: Log
) -> None:
    block(worker, log)
    worker.put(log.task('waiting'))
    with pytest.raises(TimeoutError, match='test worker is busy'):
        worker.stop(0.01)
    worker.put(log.task('late'))
    assert log.entries == ['waiting stopped', 'late stopped']
    log.gate.set()
    worker.stop()


def test_a_worker_that_was_not_started_loses_its_tasks(log: Log) -> None:
    Worker('idle', lambda: None).put(log.task('early'))
    assert log.entries == ['early stopped']


def test_it_can_be_started_again(worker: Worker, log: Log) -> None:
    worker.stop()
    worker.stop()
    worker.start()
    worker.put(log.task('again'))
    wait_until(lambda: log.entries == ['again'], 10.0, 'the task')

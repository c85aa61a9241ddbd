# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.budget: who holds most has to go, and nobody else."""

from __future__ import annotations

import threading

import pytest

from ros2_igtl.transport.budget import Budget


class Holder:
    """Remembers why it was closed."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def close(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def holders() -> tuple[Holder, Holder]:
    return Holder(), Holder()


def test_up_to_the_limit_nobody_is_closed(holders: tuple[Holder, Holder]) -> None:
    first, second = holders
    budget = Budget(100)
    budget.admit(first)
    budget.admit(second)
    budget.hold(first, 'all', 60)
    budget.hold(second, 'all', 40)
    budget.hold(first, 'all', 40)
    budget.hold(second, 'all', 60)
    assert budget.held_bytes == 100
    assert (first.reasons, second.reasons) == ([], [])


def test_who_holds_most_is_closed_whoever_asked_for_more(holders: tuple[Holder, Holder]) -> None:
    first, second = holders
    budget = Budget(100)
    budget.admit(first)
    budget.admit(second)
    budget.hold(first, 'all', 90)
    budget.hold(second, 'all', 20)
    assert first.reasons == [
        'memory_limit: all peers hold 110 bytes; 100 are allowed; this peer holds the most, 90'
    ]
    assert second.reasons == []
    budget.release(first)
    budget.hold(second, 'all', 100)
    assert (second.reasons, budget.held_bytes) == ([], 100)


def test_many_threads_are_added_up() -> None:
    budget = Budget(10**9)

    def hold() -> None:
        holder = Holder()
        budget.admit(holder)
        for size in (*range(1000), 7):
            budget.hold(holder, 'all', size)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.held_bytes == 4 * 7


def test_the_kinds_of_one_holder_are_added_up(holders: tuple[Holder, Holder]) -> None:
    first, second = holders
    budget = Budget(100)
    budget.admit(first)
    budget.admit(second)
    budget.hold(second, 'all', 45)
    budget.hold(first, 'volumes', 30)
    budget.hold(first, 'waiting', 25)
    assert (first.reasons, second.reasons) == ([], [])
    budget.hold(first, 'waiting', 26)
    assert first.reasons[0].endswith('this peer holds the most, 56')
    assert second.reasons == []


def test_a_kind_that_holds_nothing_is_forgotten(holders: tuple[Holder, Holder]) -> None:
    first, _ = holders
    budget = Budget(100)
    budget.admit(first)
    for number in range(1000):  # of invented devices, for example
        budget.hold(first, number, 10)
        budget.hold(first, number, 0)
    assert budget._held == {first: {}}


def test_after_its_release_nothing_is_noted_of_a_holder(holders: tuple[Holder, Holder]) -> None:
    first, _ = holders
    budget = Budget(100)
    budget.admit(first)
    budget.hold(first, 'volumes', 30)
    budget.release(first)
    budget.release(first)
    budget.hold(first, 'volumes', 300)
    assert (budget.held_bytes, first.reasons) == (0, [])

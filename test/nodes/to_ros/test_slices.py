# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.nodes.to_ros.slices: long work for one peer leaves room for the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ros2_igtl.nodes.to_ros.slices import SLICE_S, Slices

Turns = list[Callable[[], None]]


class Session:
    """A session that notes what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append('pause')

    def resume_reading(self) -> None:
        self.calls.append('resume')

    def close(self, reason: str) -> None:
        self.calls.append(reason)


class SomePeer:
    """What the slices need of a peer."""

    def __init__(self) -> None:
        self.session = Session()
        self.name = '10.0.0.1:5'


def make_peer() -> Any:
    return SomePeer()


def steps(done: list[int], count: int, step_s: float = 0.0) -> Iterator[None]:
    """Do some work in each step."""
    for number in range(count):
        end = time.monotonic() + step_s
        while time.monotonic() < end:
            pass
        done.append(number)
        yield


@pytest.fixture
def turns() -> Turns:
    return []


@pytest.fixture
def slices(turns: Turns) -> Slices:
    return Slices(lambda delay_s, function: turns.append(function))


def test_short_work_is_done_at_once(slices: Slices, turns: Turns) -> None:
    peer, done = make_peer(), list[int]()
    slices.run(peer, steps(done, 100))
    assert (done, turns, peer.session.calls) == (list(range(100)), [], [])


def test_long_work_is_done_in_turns_while_nothing_is_read(slices: Slices, turns: Turns) -> None:
    peer, done = make_peer(), list[int]()
    slices.run(peer, steps(done, 10, SLICE_S))
    assert (done, peer.session.calls) == ([0], ['pause'])
    slices.run(peer, steps(done, 1))  # comes after it
    while turns:
        turns.pop()()
    assert done == [*range(10), 0]
    assert peer.session.calls == ['pause', 'resume']


def test_of_a_peer_that_disconnects_the_rest_is_done_at_once(slices: Slices, turns: Turns) -> None:
    peer, done = make_peer(), list[int]()
    slices.run(peer, steps(done, 3, SLICE_S))
    slices.forget(peer)
    assert done == [0, 1, 2]
    turns.pop()()
    assert (done, turns, peer.session.calls) == ([0, 1, 2], [], ['pause'])


def test_a_fault_closes_the_session(
    slices: Slices, turns: Turns, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Iterator[None]:
        yield from steps([], 2, SLICE_S)
        raise LookupError('a fault')

    peer = make_peer()
    slices.run(peer, fail())
    while turns:
        turns.pop()()
    assert peer.session.calls == ['pause', "internal error: LookupError('a fault')"]
    assert 'Traceback' in caplog.text

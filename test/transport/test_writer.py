# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.writer, without a socket and without waiting."""

from __future__ import annotations

import pytest

from ros2_igtl.transport import Options, Statistics
from ros2_igtl.transport.outbox import Outbox, Traffic
from ros2_igtl.transport.writer import BYTES_A_TURN, SLICE_BYTES, Writer


class Sink:
    """Takes some bytes, and then blocks the outbox as asyncio does."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.room = 10**9
        self.slices: list[bytes] = []
        self.is_closed = False

    def write(self, data: memoryview) -> None:
        self.slices.append(bytes(data))
        self.room -= len(data)
        if self.room < 0:
            self.outbox.set_blocked(True)

    def is_closing(self) -> bool:
        return self.is_closed


class Desk:
    """A writer, its outbox and a clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.statistics = Statistics()
        self.outbox = Outbox(10**9, self.statistics, lambda: self.now)
        options = Options(send_timeout=2.0, keepalive_interval=3.0)
        self.writer = Writer(self.outbox, self.statistics, options, lambda: self.now)
        self.sink = Sink(self.outbox)

    def put(self, data: bytes, traffic: Traffic = 'event') -> None:
        assert self.outbox.put([data], len(data), traffic, 'A')


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_small_messages_are_joined_and_counted(desk: Desk) -> None:
    desk.put(b'one')
    desk.put(b'two', 'state')
    assert not desk.writer.write(desk.sink)
    assert desk.sink.slices == [b'onetwo']
    assert (desk.statistics.sent, desk.statistics.sent_bytes) == (2, 6)


def test_a_large_message_is_sliced_and_counted_when_its_last_slice_is_written(desk: Desk) -> None:
    data = bytes(range(256)) * 2048
    desk.put(data + b'end')
    desk.sink.room = 0
    for sent in (0, 0, 1):
        desk.outbox.set_blocked(False)
        assert not desk.writer.write(desk.sink)
        assert desk.statistics.sent == sent
    assert [len(piece) for piece in desk.sink.slices] == [SLICE_BYTES, SLICE_BYTES, 3]
    assert b''.join(desk.sink.slices) == data + b'end'


def test_a_turn_ends_though_more_waits(desk: Desk) -> None:
    desk.put(bytes(BYTES_A_TURN + 1))
    assert desk.writer.write(desk.sink)
    assert sum(map(len, desk.sink.slices)) == BYTES_A_TURN
    assert not desk.writer.write(desk.sink)
    assert sum(map(len, desk.sink.slices)) == BYTES_A_TURN + 1


def test_nothing_is_written_to_a_sink_that_closes(desk: Desk) -> None:
    desk.put(b'late')
    desk.sink.is_closed = True
    assert not desk.writer.write(desk.sink)
    assert desk.sink.slices == []


def test_an_event_that_waits_longer_than_the_send_timeout_has_stalled(desk: Desk) -> None:
    desk.outbox.set_blocked(True)
    desk.put(b'event')
    assert not desk.writer.has_stalled(102.0, 0)
    assert desk.writer.has_stalled(102.1, 0)


def test_a_state_message_may_wait_for_ever(desk: Desk) -> None:
    desk.outbox.set_blocked(True)
    desk.put(b'state', 'state')
    assert not desk.writer.has_stalled(1000.0, 0)


def test_a_large_event_stalls_only_without_progress(desk: Desk) -> None:
    desk.put(bytes(2 * SLICE_BYTES))
    desk.put(b'behind')
    desk.sink.room = 0
    desk.writer.write(desk.sink)
    for second in range(1, 10):
        assert not desk.writer.has_stalled(100.0 + second, SLICE_BYTES - 1000 * second)
    assert not desk.writer.has_stalled(111.0, SLICE_BYTES - 9000)
    assert desk.writer.has_stalled(111.1, SLICE_BYTES - 9000)


def test_a_keepalive_is_due_after_the_last_message_begun(desk: Desk) -> None:
    desk.now = 102.0
    desk.put(b'message')
    desk.writer.write(desk.sink)
    assert not desk.writer.needs_keepalive(104.9)
    assert desk.writer.needs_keepalive(105.0)
    never = Writer(desk.outbox, desk.statistics, Options(keepalive_interval=0.0))
    assert not never.needs_keepalive(10.0**9)

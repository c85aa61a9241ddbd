# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.outbox, without a socket and without waiting."""

from __future__ import annotations

import threading

import pytest

from ros2_igtl.transport import Options, Statistics
from ros2_igtl.transport.outbox import (
    ACCOUNTED_BYTES,
    BATCH_BYTES,
    BYTES_A_TURN,
    CONGESTION_GRACE_S,
    SLICE_BYTES,
    STATE_DEPTH,
    Outbox,
    Traffic,
    Writer,
)
from ros2_igtl.transport.sink import Buffer

LIMIT = 1_000_000
LARGE_LIMIT = 100_000_000


class Desk:
    """An outbox, its statistics and a clock that stands still until it is told."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.now = 100.0
        self.statistics = Statistics()
        self.outbox = Outbox(limit, self.statistics, lambda: self.now)

    def put(self, text: str, traffic: Traffic = 'state', key: str = 'A', size: int = 0) -> bool:
        data = text.encode().ljust(size, b'.')
        return self.outbox.put([data], len(data), traffic, key)

    def block(self, seconds: float = 2 * CONGESTION_GRACE_S) -> None:
        self.outbox.set_blocked(True)
        self.now += seconds

    def take_all(self) -> str:
        taken = b''
        while (batch := self.outbox.take()) is not None:
            data = b''.join(batch.buffers)
            assert batch.size == len(data)
            taken += data
        assert self.outbox.waiting_bytes == 0
        return taken.decode()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_is_put_comes_out_in_order_and_joined(desk: Desk) -> None:
    for text in ('a', 'b', 'c'):
        assert desk.put(text)
    batch = desk.outbox.take()
    assert batch is not None
    assert (batch.buffers, batch.messages, batch.size) == ((b'abc',), 3, 3)
    assert not batch.has_event
    assert desk.outbox.take() is None


def test_events_come_before_state(desk: Desk) -> None:
    desk.put('s1')
    desk.put('E1', 'event')
    desk.put('s2')
    desk.put('E2', 'event')
    assert desk.take_all() == 'E1E2s1s2'


def test_a_stop_comes_before_all_that_waits_and_stops_keep_their_order(desk: Desk) -> None:
    desk.put('s')
    desk.put('E', 'event')
    desk.put('!1', 'stop')
    desk.put('!2', 'stop')
    assert desk.outbox.oldest_event_since == 100.0
    assert desk.take_all() == '!1!2Es'


def test_of_many_stops_none_is_left_behind_for_an_event(desk: Desk) -> None:
    desk.put('E', 'event')
    for _ in range(3):
        desk.put('!', 'stop', size=BATCH_BYTES // 2)
    desk.put('s')
    data = desk.take_all()
    assert [character for character in data if character != '.'] == ['!', '!', '!', 'E', 's']


def test_a_stop_is_taken_though_events_are_at_their_limit() -> None:
    desk = Desk(limit=4)
    assert desk.put('1234', 'event')
    assert desk.put('!', 'stop')
    assert not desk.outbox.has_overflown
    assert desk.take_all() == '!1234'


def test_f44_stops_are_withdrawn_only_if_they_are_meant(desk: Desk) -> None:
    desk.put('E', 'event')
    desk.put('!', 'stop')
    assert len(desk.outbox.withdraw(lambda _: True, 'stop')) == 1
    assert desk.outbox.waiting_bytes == 1
    assert desk.take_all() == 'E'
    desk.put('!', 'stop')
    assert desk.outbox.withdraw(lambda _: True) == []
    assert desk.take_all() == '!'


def test_what_is_withdrawn_is_counted_and_never_sent() -> None:
    desk = Desk(limit=4)
    for text, key in (('a', 'A'), ('larger than the limit', 'B'), ('b', 'B'), ('c', 'C')):
        assert desk.put(text, 'event', key=key)
    desk.put('s', key='B')
    assert desk.outbox.withdraw(lambda key: key == 'B') == ['B', 'B']
    assert desk.outbox.withdraw(lambda key: key == 'B') == []
    assert desk.statistics.send_rejected == {'withdrawn': 2}
    assert desk.put('another that is large', 'event', key='A')
    assert desk.take_all() == 'acanother that is larges'


def test_devices_keep_the_order_in_which_they_came(desk: Desk) -> None:
    for text in ('a1', 'b1', 'a2', 'b2'):
        desk.put(text, key=text[0])
    assert desk.take_all() == 'a1b1a2b2'


def test_a_large_message_goes_alone_and_is_not_copied(desk: Desk) -> None:
    desk.put('E', 'event')
    large = [b'head', bytes(BATCH_BYTES), b'tail']
    desk.outbox.put(large, BATCH_BYTES + 8, 'event', 'V')
    desk.put('s')
    first, second, third = (desk.outbox.take() for _ in range(3))
    assert first is not None
    assert first.buffers == [b'E']
    assert second is not None
    assert second.buffers is large
    assert third is not None
    assert third.buffers == [b's']


def test_while_the_socket_takes_everything_a_late_loop_replaces_nothing(desk: Desk) -> None:
    for number in range(STATE_DEPTH):
        desk.put(f'{number},')
        desk.now += 0.001
    desk.now += 10 * CONGESTION_GRACE_S
    desk.put('x', key='B')
    assert desk.take_all() == ''.join(f'{number},' for number in range(STATE_DEPTH)) + 'x'
    assert desk.statistics.replaced == 0


def test_beyond_the_depth_the_oldest_of_the_device_is_replaced(desk: Desk) -> None:
    desk.put('b', key='B')
    for number in range(STATE_DEPTH + 3):
        desk.put(f'{number},')
    assert desk.take_all().startswith('b3,4,')
    assert desk.statistics.replaced == 3


def test_a_short_block_is_no_congestion(desk: Desk) -> None:
    desk.outbox.set_blocked(True)
    for number in range(10):
        desk.put(str(number))
        desk.now += CONGESTION_GRACE_S / 20
    desk.outbox.set_blocked(False)
    assert desk.take_all() == '0123456789'
    assert desk.statistics.replaced == 0


def test_congestion_collapses_what_waits_to_the_newest_of_each_device(desk: Desk) -> None:
    for text in ('a1', 'b1', 'a2', 'b2', 'a3'):
        desk.put(text, key=text[0])
    desk.block()
    desk.put('b3', key='b')
    desk.put('c1', key='c')
    assert desk.outbox.waiting_bytes == 6
    desk.outbox.set_blocked(False)
    assert desk.take_all() == 'a3b3c1'
    assert desk.statistics.replaced == 4


def test_in_congestion_a_newer_message_takes_the_place_of_the_older(desk: Desk) -> None:
    desk.put('a1', key='a')
    desk.put('b1', key='b')
    desk.block()
    for number in range(2, 1000):
        assert desk.put(f'a{number}', key='a')
        assert desk.outbox.waiting_bytes <= 6
    desk.outbox.set_blocked(False)
    assert desk.take_all() == 'a999b1'
    assert desk.statistics.replaced == 998


def test_what_became_old_while_blocked_is_collapsed_when_the_socket_takes_again(
    desk: Desk,
) -> None:
    for number in range(10):
        desk.put(str(number))
    desk.block()
    desk.outbox.set_blocked(False)
    assert desk.take_all() == '9'
    assert desk.statistics.replaced == 9


def test_state_over_the_limit_collapses_even_without_congestion() -> None:
    desk = Desk(limit=100)
    for text in ('1', '2', '3'):
        desk.put(text, size=40)
    assert desk.outbox.waiting_bytes == 40
    assert desk.take_all()[0] == '3'
    assert desk.statistics.replaced == 2


def test_state_of_many_devices_stays_within_the_limit_and_what_is_lost_is_counted() -> None:
    desk = Desk(limit=100)
    for number in range(10):
        desk.put(str(number), key=str(number), size=30)
    assert desk.outbox.waiting_bytes == 90
    assert desk.statistics.send_rejected == {'send_buffer_limit': 7}
    assert [text[0] for text in desk.take_all().split('.') if text] == ['7', '8', '9']
    assert desk.put('7 again', key='7')
    assert desk.take_all() == '7 again'


def test_one_state_message_above_the_limit_may_wait() -> None:
    desk = Desk(limit=100)
    desk.put('1', size=1000)
    desk.put('2', size=1000)
    assert desk.outbox.waiting_bytes == 1000
    assert desk.take_all()[0] == '2'


def test_events_over_the_limit_overflow_and_none_is_taken_after_that() -> None:
    desk = Desk(limit=100)
    assert all(desk.put('e', 'event', size=25) for _ in range(4))
    assert not desk.outbox.has_overflown
    assert not desk.put('e', 'event', size=25)
    assert desk.outbox.has_overflown
    assert not desk.put('s')
    assert desk.statistics.send_rejected == {'send_buffer_limit': 1}


def test_one_event_above_the_limit_may_wait_beside_small_ones() -> None:
    desk = Desk(limit=100)
    assert desk.put('V', 'event', size=10_000)
    assert desk.put('e', 'event', size=100)
    assert desk.take_all()[0] == 'V'
    assert desk.put('W', 'event', size=10_000)
    assert not desk.put('X', 'event', size=10_000)
    assert desk.outbox.has_overflown


def test_the_age_of_the_oldest_event_is_known(desk: Desk) -> None:
    assert desk.outbox.oldest_event_since is None
    desk.put('s')
    assert desk.outbox.oldest_event_since is None
    desk.put('1', 'event')
    desk.now += 1.0
    desk.put('2', 'event')
    assert desk.outbox.oldest_event_since == 100.0


def test_the_high_water_is_the_most_that_ever_waited(desk: Desk) -> None:
    desk.put('abc')
    desk.put('de', 'event')
    desk.take_all()
    desk.put('f')
    assert desk.statistics.high_water_bytes == 5


def test_closing_counts_what_still_waited_and_refuses_the_rest(desk: Desk) -> None:
    desk.put('s')
    desk.put('e', 'event')
    desk.put('!', 'stop')
    desk.outbox.close()
    desk.outbox.close()
    assert not desk.put('more')
    assert desk.outbox.take() is None
    assert desk.outbox.waiting_bytes == 0
    assert desk.statistics.send_rejected == {'closed': 3}


def test_when_more_is_refused_what_waits_can_still_be_taken(desk: Desk) -> None:
    desk.put('e', 'event')
    desk.outbox.refuse_more()
    assert not desk.put('more', 'event')
    assert desk.take_all() == 'e'


def test_every_message_of_many_threads_is_sent_replaced_or_refused() -> None:
    desk = Desk(limit=20_000)
    queued = []

    def put_many(key: str) -> None:
        taken = [desk.put(f'{number:04d}', key=key) for number in range(2000)]
        queued.append(sum(taken))

    threads = [threading.Thread(target=put_many, args=(key,)) for key in 'abcd']
    for thread in threads:
        thread.start()
    sent = 0
    while any(thread.is_alive() for thread in threads) or desk.outbox.waiting_bytes:
        desk.outbox.set_blocked(sent % 2 == 0)
        batch = desk.outbox.take()
        sent += batch.messages if batch is not None else 0
    assert sum(queued) == 8000
    assert sent + desk.statistics.replaced == 8000


class Sink:
    """Takes some bytes, and then blocks the outbox as asyncio does."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.room = 10**9
        self.slices: list[bytes] = []
        self.is_closed = False

    def write(self, data: Buffer) -> None:
        self.slices.append(bytes(data))
        self.room -= len(data)
        if self.room < 0:
            self.outbox.set_blocked(True)

    def is_closing(self) -> bool:
        return self.is_closed


class Owner:
    """A writer, its outbox and sink, the requests to its owner, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0
        self.statistics = Statistics()
        self.outbox = Outbox(LARGE_LIMIT, self.statistics, lambda: self.now)
        options = Options(send_timeout=2.0, keepalive_interval=3.0)
        self.writer = Writer(self, self.outbox, self.statistics, options, lambda: self.now)
        self.writer.sink = self.sink = Sink(self.outbox)
        self.requests: list[str] = []

    def account(self) -> None:
        self.requests.append(f'account {self.outbox.waiting_bytes}')

    def flush_later(self) -> None:
        self.requests.append('flush later')

    def close(self, reason: str) -> None:
        self.requests.append(reason)

    def put(self, data: bytes, traffic: Traffic = 'event') -> bool:
        return self.outbox.put([data], len(data), traffic, 'A')


@pytest.fixture
def owner() -> Owner:
    return Owner()


def test_small_messages_are_joined_and_counted(owner: Owner) -> None:
    owner.put(b'one')
    owner.put(b'two', 'state')
    owner.writer.flush()
    assert owner.sink.slices == [b'onetwo']
    assert (owner.statistics.sent, owner.statistics.sent_bytes) == (2, 6)
    assert owner.requests == []


def test_a_large_message_is_sliced_and_counted_with_its_last_slice(owner: Owner) -> None:
    data = bytes(range(256)) * 2048
    owner.put(data + b'end')
    owner.sink.room = 0
    for sent in (0, 0, 1):
        owner.outbox.set_blocked(False)
        owner.writer.flush()
        assert owner.statistics.sent == sent
    assert [len(piece) for piece in owner.sink.slices] == [SLICE_BYTES, SLICE_BYTES, 3]
    assert b''.join(owner.sink.slices) == data + b'end'


def test_a_turn_ends_though_more_waits(owner: Owner) -> None:
    owner.put(bytes(BYTES_A_TURN + 1))
    owner.writer.flush()
    assert sum(map(len, owner.sink.slices)) == BYTES_A_TURN
    assert owner.requests.pop() == 'flush later'
    owner.writer.flush()
    assert sum(map(len, owner.sink.slices)) == BYTES_A_TURN + 1
    assert 'flush later' not in owner.requests


def test_nothing_is_written_to_a_sink_that_closes(owner: Owner) -> None:
    owner.put(b'late')
    owner.sink.is_closed = True
    owner.writer.flush()
    assert owner.sink.slices == []


def test_more_than_a_mebibyte_is_accounted_before_it_is_written(owner: Owner) -> None:
    owner.put(bytes(ACCOUNTED_BYTES))
    owner.outbox.set_blocked(True)
    owner.writer.flush()
    assert owner.requests == []
    owner.put(b'.')
    owner.writer.flush()
    assert owner.requests == [f'account {ACCOUNTED_BYTES + 1}']


def test_a_peer_is_closed_when_an_event_does_not_fit(owner: Owner) -> None:
    owner.outbox.set_blocked(True)
    assert owner.put(bytes(LARGE_LIMIT))
    assert not owner.put(b'.')
    owner.outbox.set_blocked(False)
    owner.writer.flush()
    assert owner.requests == [f'account {LARGE_LIMIT}', 'send_buffer_limit']
    assert owner.sink.slices == []


def test_a_peer_is_closed_once_the_last_message_is_written(owner: Owner) -> None:
    owner.writer.end = 'stopped'
    owner.put(bytes(2 * SLICE_BYTES))
    owner.sink.room = 0
    owner.writer.flush()
    assert owner.requests == []
    owner.outbox.set_blocked(False)
    owner.sink.room = SLICE_BYTES
    owner.writer.flush()
    assert owner.requests == ['stopped']


def test_an_event_that_waits_longer_than_the_send_timeout_has_stalled(owner: Owner) -> None:
    owner.outbox.set_blocked(True)
    owner.put(b'event')
    assert not owner.writer.has_stalled(102.0, 0)
    assert owner.writer.has_stalled(102.1, 0)
    assert not owner.writer.has_stalled(102.1, 0, excused=0.2)


def test_a_state_message_may_wait_for_ever(owner: Owner) -> None:
    owner.outbox.set_blocked(True)
    owner.put(b'state', 'state')
    assert not owner.writer.has_stalled(1000.0, 0)


def test_a_large_event_stalls_only_without_progress(owner: Owner) -> None:
    owner.put(bytes(2 * SLICE_BYTES))
    owner.put(b'behind')
    owner.sink.room = 0
    owner.writer.flush()
    for second in range(1, 10):
        assert not owner.writer.has_stalled(100.0 + second, SLICE_BYTES - 1000 * second)
    assert not owner.writer.has_stalled(111.0, SLICE_BYTES - 9000)
    assert owner.writer.has_stalled(111.1, SLICE_BYTES - 9000)


def test_a_keepalive_is_due_after_the_last_message_begun(owner: Owner) -> None:
    owner.now = 102.0
    owner.put(b'message')
    owner.writer.flush()
    assert not owner.writer.needs_keepalive(104.9)
    assert owner.writer.needs_keepalive(105.0)
    never = Writer(owner, owner.outbox, owner.statistics, Options(keepalive_interval=0.0))
    assert not never.needs_keepalive(10.0**9)

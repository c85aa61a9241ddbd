# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Which peers get a message; peers are no more than names here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from helpers.peers import make_peer, make_peers
from ros2_igtl import codec
from ros2_igtl.nodes.peer import Pace, Peer
from ros2_igtl.nodes.to_igtl.audience import Audience
from ros2_igtl.transport import Traffic

MESSAGE = codec.Message(codec.String('text'), 'Text')


@pytest.fixture
def one() -> Peer:
    return make_peer('one')


@pytest.fixture
def two() -> Peer:
    return make_peer('two')


class Connection:
    """The peers that an audience has, and what was sent to them."""

    def __init__(self, *present: Peer) -> None:
        self.peers = make_peers(*present)
        self.sent: list[Any] = []

    def send(self, message: codec.Message, traffic: Traffic, to: Sequence[Peer] | None) -> int:
        self.sent.append(to)
        return len(self.peers.all if to is None else to)

    def audience(self, *, on_request: bool = False) -> Audience:
        return Audience(self.peers, self.send, on_request=on_request)


def taken(stream: Pace, times: Sequence[float]) -> int:
    count = 0
    for now in times:
        if stream.is_due(now):
            stream.advance(now)
            count += 1
    return count


@pytest.mark.parametrize('hz', [30.0, 50.0, 60.0, 100.0, 333.0, 1000.0])
def test_a_stream_is_never_faster_than_asked_on_average(hz: float) -> None:
    assert taken(Pace(0.02), [100.0 + n / hz for n in range(int(10 * hz))]) <= 501


def test_a_stream_of_the_rate_that_is_asked_for_loses_nothing_to_jitter() -> None:
    jitter = random.Random(1)
    times = [100.0 + n * 0.02 + jitter.uniform(-0.002, 0.002) for n in range(500)]
    assert taken(Pace(0.02), times) == 500


def test_no_two_messages_are_closer_than_half_of_what_is_asked() -> None:
    stream, last = Pace(0.1), -1.0
    for number in range(2000):
        now = number * 0.001
        if stream.is_due(now):
            stream.advance(now)
            assert now - last >= 0.05 - 1e-9
            last = now


def test_without_an_interval_everything_is_due() -> None:
    assert taken(Pace(0.0), [1.0, 1.0, 1.0]) == 3


def test_every_peer_is_due_until_one_says_otherwise(one: Peer, two: Peer) -> None:
    connection = Connection(one, two)
    audience = connection.audience()
    assert audience.due(1.0) == (None, '')
    audience.stop(one)
    assert audience.due(1.0)[0] == [two]
    new = make_peer('one')
    connection.peers.all = (new, two)  # it has come again, and has said nothing yet
    assert audience.due(1.0)[0] == [new, two]


def test_a_peer_that_has_started_gets_less_and_the_other_all(one: Peer, two: Peer) -> None:
    connection = Connection(one, two)
    audience = connection.audience()
    audience.start(one, 10.0)
    for now in (1.0, 2.0, 7.0, 11.0):
        due, _ = audience.due(now)
        audience.send(MESSAGE, 'state', due, now)
    assert connection.sent == [[one, two], [two], [two], [one, two]]
    audience.start(one, 0.0)
    assert audience.due(11.0)[0] == [one, two]


def test_on_request_only_those_who_ask_are_due(one: Peer, two: Peer) -> None:
    connection = Connection(one, two)
    audience = connection.audience(on_request=True)
    assert audience.due(1.0) == ((), 'not_asked_for')
    audience.start(two, 5.0)
    due, _ = audience.due(1.0)
    assert due == [two]
    assert audience.send(MESSAGE, 'state', due, 1.0) == 1
    assert audience.due(2.0) == ([], 'resolution')
    audience.stop(two)
    assert audience.due(9.0) == ((), 'not_asked_for')
    connection.peers.all = ()
    assert audience.due(9.0) == ((), 'no_peer')


def test_nobody_is_due_where_all_have_stopped(one: Peer) -> None:
    audience = Connection(one).audience()
    audience.stop(one)
    assert audience.due(1.0) == ((), 'not_asked_for')


def test_a_message_that_goes_to_each_peer_once_is_lacked_by_later_peers(
    one: Peer, two: Peer
) -> None:
    connection = Connection()
    audience = connection.audience()
    assert audience.lacking(None) == ((), 'no_peer')
    connection.peers.all = (one,)
    assert audience.lacking(None) == ([one], '')
    assert audience.lacking(None) == ([], 'not_newer')
    connection.peers.all = (one, two)
    assert audience.lacking(None) == ([two], '')
    connection.peers.all = (two,)
    assert audience.lacking(None) == ([], 'not_newer')
    new = make_peer('one')
    connection.peers.all = (new, two)
    assert audience.lacking(None) == ([new], '')


def test_all_lack_what_is_renewed(one: Peer, two: Peer) -> None:
    audience = Connection(one, two).audience()
    assert audience.lacking(None) == ([one, two], '')
    audience.renew()
    assert audience.lacking(None) == ([one, two], '')


def test_a_peer_that_is_not_due_goes_on_lacking(one: Peer, two: Peer) -> None:
    audience = Connection(one, two).audience()
    assert audience.lacking([two]) == ([two], '')
    assert audience.lacking([one, two]) == ([one], '')


def test_a_peer_that_starts_a_stream_anew_lacks_it_anew(one: Peer, two: Peer) -> None:
    audience = Connection(one, two).audience()
    audience.lacking(None)
    audience.start(one, 0.0)
    assert audience.lacking([one, two]) == ([one], '')
    assert audience.lacking([one, two]) == ([], 'not_newer')
    audience.start(one, 0.0)
    assert audience.lacking([one, two]) == ([one], '')


def test_a_message_that_is_not_sent_takes_nobodys_turn(one: Peer) -> None:
    audience = Connection(one).audience()
    audience.start(one, 10.0)
    assert audience.due(1.0)[0] == [one]
    assert audience.due(1.5)[0] == [one]

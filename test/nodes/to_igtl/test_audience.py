# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Who is due, told by sessions that are no more than names."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

import pytest

from ros2_igtl import codec
from ros2_igtl.nodes.to_igtl.audience import Audience, Stream
from ros2_igtl.transport import Session

ONE, TWO = cast(Session, 'one'), cast(Session, 'two')
MESSAGE = codec.Message(codec.String('text'), 'Text')


class Peers:
    """What an audience is made of, and what it has sent."""

    def __init__(self, *sessions: Session) -> None:
        self.sessions: Sequence[Session] = sessions
        self.sent: list[Any] = []

    def send(self, message: codec.Message, traffic: str, to: Sequence[Session] | None) -> int:
        self.sent.append(to)
        return len(self.sessions if to is None else to)

    def audience(self, *, on_request: bool = False) -> Audience:
        return Audience(lambda: self.sessions, self.send, on_request=on_request)


def taken(stream: Stream, times: Sequence[float]) -> int:
    count = 0
    for now in times:
        if stream.is_due(now):
            stream.advance(now)
            count += 1
    return count


@pytest.mark.parametrize('hz', [30.0, 50.0, 60.0, 100.0, 333.0, 1000.0])
def test_a_stream_is_never_faster_than_asked_on_average(hz: float) -> None:
    assert taken(Stream(0.02), [100.0 + n / hz for n in range(int(10 * hz))]) <= 501


def test_a_stream_of_the_rate_that_is_asked_for_loses_nothing_to_jitter() -> None:
    jitter = random.Random(1)
    times = [100.0 + n * 0.02 + jitter.uniform(-0.002, 0.002) for n in range(500)]
    assert taken(Stream(0.02), times) == 500


def test_no_two_messages_are_closer_than_half_of_what_is_asked() -> None:
    stream, last = Stream(0.1), -1.0
    for number in range(2000):
        now = number * 0.001
        if stream.is_due(now):
            stream.advance(now)
            assert now - last >= 0.05 - 1e-9
            last = now


def test_without_an_interval_everything_is_due() -> None:
    assert taken(Stream(0.0), [1.0, 1.0, 1.0]) == 3


def test_every_peer_is_due_until_one_says_otherwise() -> None:
    audience = Peers(ONE, TWO).audience()
    assert audience.due(1.0) == (None, '')
    audience.stop(ONE)
    assert audience.due(1.0)[0] == [TWO]
    audience.forget(ONE)
    assert audience.due(1.0) == (None, '')
    audience.forget(TWO)  # it has never said anything
    assert audience.due(1.0) == (None, '')


def test_a_peer_that_has_started_gets_less_and_the_other_all() -> None:
    peers = Peers(ONE, TWO)
    audience = peers.audience()
    audience.start(ONE, 10.0)
    for now in (1.0, 2.0, 7.0, 11.0):
        due, _ = audience.due(now)
        audience.send(MESSAGE, 'state', due, now)
    assert peers.sent == [[ONE, TWO], [TWO], [TWO], [ONE, TWO]]
    audience.start(ONE, 0.0)
    assert audience.due(11.0)[0] == [ONE, TWO]


def test_on_request_only_those_who_ask_are_due() -> None:
    peers = Peers(ONE, TWO)
    audience = peers.audience(on_request=True)
    assert audience.due(1.0) == ((), 'not_asked_for')
    audience.start(TWO, 5.0)
    due, _ = audience.due(1.0)
    assert due == [TWO]
    assert audience.send(MESSAGE, 'state', due, 1.0) == 1
    assert audience.due(2.0) == ([], 'resolution')
    audience.stop(TWO)
    assert audience.due(9.0) == ((), 'not_asked_for')
    peers.sessions = ()
    assert audience.due(9.0) == ((), 'no_peer')


def test_nobody_is_due_where_all_have_stopped() -> None:
    audience = Peers(ONE).audience()
    audience.stop(ONE)
    assert audience.due(1.0) == ((), 'not_asked_for')


def test_what_goes_to_each_peer_once_is_lacked_by_those_who_come_later() -> None:
    peers = Peers()
    audience = peers.audience()
    assert audience.lacking(None) == ((), 'no_peer')
    peers.sessions = (ONE,)
    assert audience.lacking(None) == ([ONE], '')
    assert audience.lacking(None) == ([], 'not_newer')
    peers.sessions = (ONE, TWO)
    assert audience.lacking(None) == ([TWO], '')
    peers.sessions = (TWO,)
    assert audience.lacking(None) == ([], 'not_newer')
    peers.sessions = (ONE, TWO)  # as good as new
    assert audience.lacking(None) == ([ONE], '')


def test_all_lack_what_is_renewed() -> None:
    audience = Peers(ONE, TWO).audience()
    assert audience.lacking(None) == ([ONE, TWO], '')
    audience.renew()
    assert audience.lacking(None) == ([ONE, TWO], '')


def test_a_peer_that_is_not_due_goes_on_lacking() -> None:
    audience = Peers(ONE, TWO).audience()
    assert audience.lacking([TWO]) == ([TWO], '')
    assert audience.lacking([ONE, TWO]) == ([ONE], '')


def test_a_peer_that_starts_a_stream_anew_lacks_it_anew() -> None:
    audience = Peers(ONE, TWO).audience()
    audience.lacking(None)
    audience.start(ONE, 0.0)
    assert audience.lacking([ONE, TWO]) == ([ONE], '')
    assert audience.lacking([ONE, TWO]) == ([], 'not_newer')
    audience.start(ONE, 0.0)
    assert audience.lacking([ONE, TWO]) == ([ONE], '')


def test_a_message_that_is_not_sent_takes_nobodys_turn() -> None:
    audience = Peers(ONE).audience()
    audience.start(ONE, 10.0)
    assert audience.due(1.0)[0] == [ONE]
    assert audience.due(1.5)[0] == [ONE]

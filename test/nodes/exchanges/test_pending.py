# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions to peers, with peers and a clock of the test: no socket, no thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import cast

import pytest

from helpers.peers import make_peer
from ros2_igtl.nodes.exchanges.pending import Answer, PendingReplies, Question
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.transport import Session

DueCall = tuple[float, Callable[[], None]]


class Outbox:
    """Stands for the session of a peer, as far as messages can be withdrawn from it."""

    def __init__(self, keys: list[Hashable]) -> None:
        self._keys = keys

    def withdraw(self, is_chosen: Callable[[Hashable], bool]) -> list[Hashable]:
        return [key for key in self._keys if is_chosen(key)]


class Call:
    """One of the calls that are due later."""

    def __init__(self, due: list[DueCall], call: DueCall) -> None:
        self._due = due
        self._call = call

    def cancel(self) -> None:
        if self._call in self._due:
            self._due.remove(self._call)


class Timers:
    """Calls that are due later, on no clock."""

    def __init__(self) -> None:
        self.due: list[DueCall] = []

    def call_later(self, delay_s: float, function: Callable[[], None]) -> Call:
        call = delay_s, function
        self.due.append(call)
        return Call(self.due, call)

    def expire(self) -> None:
        """Call the first that is due."""
        self.due.pop(0)[1]()


ONE, OTHER = make_peer('one:1'), make_peer('other:2')
FAILED = Answer('failed', 'no motor')
GONE = Answer('disconnected', 'the peer disconnected before it replied')


class Asked:
    """One question, put to two peers."""

    def __init__(self, *peers: Peer) -> None:
        self.timers = Timers()
        self.replies: PendingReplies[str] = PendingReplies(self.timers.call_later)
        self.question = Question('where?')
        assert self.replies.ask(self.question, peers or (ONE, OTHER), lambda peer: True, 5.0)

    @property
    def answer(self) -> Answer | None:
        """The answer, None if there is none yet."""
        future = self.question.answer
        return future.result() if future.done() else None

    def check_end(self, answer: Answer) -> None:
        """Check that the question has this answer, and that nothing of it is left."""
        assert self.answer == answer
        assert self.replies.outcomes == {answer.outcome: 1}
        assert len(self.replies) == 0
        assert self.timers.due == []
        for peer in (ONE, OTHER):
            assert self.replies.waiting_for(peer) == []
            self.replies.peer_closed(peer)


def test_the_first_success_is_the_answer() -> None:
    asked = Asked()
    assert asked.replies.waiting_for(ONE) == asked.replies.waiting_for(OTHER) == [asked.question]
    assert [delay_s for delay_s, _ in asked.timers.due] == [5.0]
    success = Answer('succeeded', content='here')
    asked.replies.finish(asked.question, success)
    asked.check_end(success)


def test_only_peers_that_take_the_message_are_waited_for() -> None:
    asked = Asked()
    other = Question('who?')
    assert asked.replies.ask(other, (ONE, OTHER), lambda peer: peer is OTHER, 1.0)
    assert asked.replies.waiting_for(ONE) == [asked.question]
    assert asked.replies.waiting_for(OTHER) == [asked.question, other]


@pytest.mark.parametrize('peers', [(), (ONE, OTHER)])
def test_a_question_that_nobody_takes_waits_for_nothing(peers: tuple[Peer, ...]) -> None:
    timers = Timers()
    replies: PendingReplies[str] = PendingReplies(timers.call_later)
    question = Question('where?')
    assert not replies.ask(question, peers, lambda peer: False, 5.0)
    assert (len(replies), timers.due) == (0, [])
    replies.finish(question, Answer('no_peer', 'no peer is connected'))
    assert replies.outcomes == {'no_peer': 1}
    assert question.answer.result().outcome == 'no_peer'


def test_a_time_out_is_an_answer_and_a_reply_is_late_from_then_on() -> None:
    asked = Asked()
    asked.timers.expire()
    asked.check_end(Answer('timed_out', 'no reply within 5 s'))


def test_a_failure_waits_for_the_success_of_another_peer() -> None:
    asked = Asked()
    asked.replies.fail(asked.question, ONE, FAILED)
    assert asked.answer is None
    assert asked.replies.waiting_for(ONE) == []  # a second reply of it is late
    asked.replies.finish(asked.question, Answer('succeeded'))
    asked.check_end(Answer('succeeded'))


def test_the_first_failure_is_the_answer_if_all_fail() -> None:
    asked = Asked()
    asked.replies.fail(asked.question, OTHER, FAILED)
    asked.replies.fail(asked.question, ONE, Answer('failed', 'another'))
    asked.check_end(FAILED)


@pytest.mark.parametrize('is_first', [True, False])
def test_a_failure_says_more_than_a_peer_that_disconnects(is_first: bool) -> None:
    asked = Asked()
    if is_first:
        asked.replies.fail(asked.question, ONE, FAILED)
        asked.replies.peer_closed(OTHER)
    else:
        asked.replies.peer_closed(OTHER)
        asked.replies.fail(asked.question, ONE, FAILED)
    asked.check_end(FAILED)


def test_each_question_of_a_peer_that_disconnects_has_its_answer() -> None:
    """FAULTS F35."""
    asked = Asked(ONE)
    others = [Question(f'{number}') for number in range(3)]
    for question in others:
        asked.replies.ask(question, (ONE,), lambda peer: True, 5.0)
    stays = Question('stays')
    asked.replies.ask(stays, (OTHER,), lambda peer: True, 5.0)
    asked.replies.peer_closed(ONE)
    assert asked.answer == GONE
    assert [question.answer.result() for question in others] == 3 * [GONE]
    assert not stays.answer.done()
    assert len(asked.replies) == len(asked.timers.due) == 1


def with_outbox(*keys: Hashable) -> Peer:
    peer = make_peer('full:3')
    peer.session = cast(Session, Outbox(list(keys)))
    return peer


def test_questions_that_still_wait_to_be_sent_can_be_withdrawn() -> None:
    late: Question[str] = Question('timed out, and still not sent')
    question = Question('move')
    full = with_outbox(('STATUS', ''), question, late)
    replies: PendingReplies[str] = PendingReplies(Timers().call_later)
    replies.ask(question, (full, ONE), lambda peer: True, 5.0)
    replies.withdraw((full,), 'a stop was sent in its place')
    assert replies.waiting_for(full) == []
    assert replies.waiting_for(ONE) == [question]
    replies.peer_closed(ONE)
    answer = question.answer.result()
    assert answer == Answer('withdrawn', 'a stop was sent in its place')
    assert not late.answer.done()


def test_at_the_end_every_question_has_its_answer() -> None:
    asked = Asked()
    asked.replies.stop()
    asked.check_end(Answer('disconnected', 'the node is being deactivated'))

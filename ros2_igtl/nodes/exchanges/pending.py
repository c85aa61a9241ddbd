# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions to peers that wait for their replies; the messages are made and read elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from ros2_igtl.nodes.peer import Peer

T = TypeVar('T')

# If no peer succeeds, the user is told the outcome of these that stands last.
_FAILURES = ('disconnected', 'withdrawn', 'failed')


class Answer(NamedTuple):
    """The one outcome of a question; the error is empty on success."""

    outcome: str
    error: str = ''
    content: str = ''


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Do not call."""


CallLater = Callable[[float, Callable[[], None]], Timer]
"""Calls a function after so many seconds."""


@dataclass(slots=True, eq=False)
class Question(Generic[T]):
    """
    Something that a user wants to know of the peers.

    It is the key of its messages in their outboxes.

    :ivar about: the question itself.
    :ivar answer: is set once.
    :ivar waiting: the peers that have neither replied nor disconnected.
    :ivar failure: the outcome if no other peer succeeds.
    """

    about: T
    answer: Future[Answer] = field(default_factory=Future)
    waiting: set[Peer] = field(default_factory=set)
    failure: Answer | None = None
    timer: Timer | None = None


class PendingReplies(Generic[T]):
    """
    Puts questions to peers, and gives each its one answer.

    The first success is the answer, else the failure of the last peer. Everything runs on the I/O
    thread.

    :param call_later: is used for time-outs.
    """

    def __init__(self, call_later: CallLater) -> None:
        self.outcomes: Counter[str] = Counter()
        """Questions by their outcomes."""
        self._call_later = call_later
        self._questions: dict[Question[T], None] = {}  # in the order they were asked

    def __len__(self) -> int:
        """Return how many questions have no answer yet."""
        return len(self._questions)

    def ask(
        self,
        question: Question[T],
        peers: Iterable[Peer],
        put: Callable[[Peer], bool],
        timeout_s: float,
    ) -> bool:
        """
        Put a question to peers; return whether it went to any, and waits for replies now.

        :param put: queues the message for a peer, and returns whether that takes it.
        """
        question.waiting = {peer for peer in peers if put(peer)}
        if not question.waiting:
            return False
        self._questions[question] = None
        timed_out = Answer('timed_out', f'no reply within {timeout_s:g} s')
        question.timer = self._call_later(timeout_s, lambda: self.finish(question, timed_out))
        return True

    def waiting_for(self, peer: Peer) -> list[Question[T]]:
        """Return the questions that a peer has not replied to; a reply to any other is late."""
        return [question for question in self._questions if peer in question.waiting]

    def finish(self, question: Question[T], answer: Answer) -> None:
        """Answer a question; it may be one that was never asked."""
        self._questions.pop(question, None)
        if question.timer is not None:
            question.timer.cancel()
        self.outcomes[answer.outcome] += 1
        question.answer.set_result(answer)

    def fail(self, question: Question[T], peer: Peer, failure: Answer) -> None:
        """Expect no success of a peer; answer the question if it was the last one."""
        question.waiting.discard(peer)
        known = question.failure
        if known is None or _rank(failure) > _rank(known):
            question.failure = known = failure
        if not question.waiting:
            self.finish(question, known)

    def peer_closed(self, peer: Peer) -> None:
        """Expect nothing more of a peer that has disconnected."""
        for question in self.waiting_for(peer):
            gone = Answer('disconnected', 'the peer disconnected before it replied')
            self.fail(question, peer, gone)

    def withdraw(self, peers: Iterable[Peer], reason: str) -> None:
        """Take back all questions that still wait to be sent to peers, timed out or not."""
        for peer in peers:
            for key in peer.session.withdraw(lambda key: isinstance(key, Question)):
                if key in self._questions:
                    assert isinstance(key, Question)
                    self.fail(key, peer, Answer('withdrawn', reason))

    def stop(self) -> None:
        """Answer all questions: the peers will not."""
        for question in list(self._questions):
            self.finish(question, Answer('disconnected', 'the node is being deactivated'))


def _rank(failure: Answer) -> int:
    return _FAILURES.index(failure.outcome)

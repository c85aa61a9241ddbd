# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions to peers that wait for replies; other modules make and read the messages."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from ros2_igtl.nodes.peer import Peer

logger = logging.getLogger(__name__)

T = TypeVar('T')

# In rising rank: if no peer succeeds, the answer is the failure with the highest rank.
_FAILURES = ('disconnected', 'withdrawn', 'failed')


class Answer(NamedTuple):
    """
    The outcome of a question; the error is empty on success.

    :ivar is_resent: the connection was closed and opened again to send the question.
    """

    outcome: str
    error: str = ''
    content: str = ''
    is_resent: bool = False


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Cancel the call."""


CallLater = Callable[[float, Callable[[], None]], Timer]
"""Calls a function after a number of seconds."""


@dataclass(slots=True, eq=False)
class Question(Generic[T]):
    """
    A question of a user to the peers; also the key of its messages in their outboxes.

    :ivar about: the command or query.
    :ivar answer: set once.
    :ivar waiting: the peers that have neither replied nor disconnected.
    :ivar failure: the outcome if no other peer succeeds.
    :ivar is_resent: as in :class:`Answer`.
    """

    about: T
    answer: Future[Answer] = field(default_factory=Future)
    waiting: set[Peer] = field(default_factory=set)
    failure: Answer | None = None
    timer: Timer | None = None
    is_resent: bool = False


class PendingReplies(Generic[T]):
    """
    Asks peers questions, and answers each question once.

    The first success is the answer; if all peers fail, it is the failure that ranks highest.
    Everything runs on the I/O thread.

    :param call_later: schedules time-outs.
    """

    def __init__(self, call_later: CallLater) -> None:
        self.outcomes: Counter[str] = Counter()
        """Questions by their outcomes."""
        self._call_later = call_later
        self._questions: dict[Question[T], None] = {}  # in the order they were asked

    def __len__(self) -> int:
        """Return the number of unanswered questions."""
        return len(self._questions)

    def ask(
        self,
        question: Question[T],
        peers: Iterable[Peer],
        put: Callable[[Peer], bool],
        timeout_s: float,
    ) -> bool:
        """
        Ask peers a question; return whether it was queued for at least one.

        :param put: queues the message for a peer, and returns whether that succeeded.
        """
        question.waiting = {peer for peer in peers if put(peer)}
        if not question.waiting:
            return False
        self._questions[question] = None
        timed_out = Answer('timed_out', f'no reply within {timeout_s:g} s')
        question.timer = self._call_later(timeout_s, lambda: self.finish(question, timed_out))
        return True

    def release(self, question: Question[T], peer: Peer) -> None:
        """Expect no reply from a peer, without an answer yet: :meth:`ask_again` follows."""
        question.waiting.discard(peer)

    def ask_again(self, question: Question[T], peer: Peer, put: Callable[[Peer], bool]) -> None:
        """Ask another peer a question that waits for an answer, until its time-out."""
        if put(peer):
            question.waiting.add(peer)

    def fault(self, question: Question[T], error: Exception) -> None:
        """Answer a question that an exception has interrupted, and log it."""
        logger.error('a question to peers failed', exc_info=error)
        if not question.answer.done():
            self.finish(question, Answer('failed', f'internal error: {error!r}'))

    def waiting_for(self, peer: Peer) -> list[Question[T]]:
        """Return the questions that a peer has not replied to; replies to others are late."""
        return [question for question in self._questions if peer in question.waiting]

    def finish(self, question: Question[T], answer: Answer) -> None:
        """Answer a question, which need not have been asked."""
        self._questions.pop(question, None)
        if question.timer is not None:
            question.timer.cancel()
        self.outcomes[answer.outcome] += 1
        question.answer.set_result(answer._replace(is_resent=question.is_resent))

    def fail(self, question: Question[T], peer: Peer, failure: Answer) -> None:
        """Note the failure of a peer; answer the question if it was the last peer."""
        question.waiting.discard(peer)
        known = question.failure
        if known is None or _rank(failure) > _rank(known):
            question.failure = known = failure
        if not question.waiting:
            self.finish(question, known)

    def peer_closed(self, peer: Peer) -> None:
        """Expect no more replies from a disconnected peer."""
        for question in self.waiting_for(peer):
            gone = Answer('disconnected', 'the peer disconnected before it replied')
            self.fail(question, peer, gone)

    def withdraw(self, peers: Iterable[Peer], reason: str) -> None:
        """Withdraw all questions that are not sent to peers yet, even if they have timed out."""
        for peer in peers:
            for key in peer.session.withdraw(lambda key: isinstance(key, Question)):
                if key in self._questions:
                    assert isinstance(key, Question)
                    self.fail(key, peer, Answer('withdrawn', reason))

    def stop(self) -> None:
        """Answer all questions, since the peers can no longer reply."""
        for question in list(self._questions):
            self.finish(question, Answer('disconnected', 'the node is being deactivated'))


def _rank(failure: Answer) -> int:
    return _FAILURES.index(failure.outcome)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sends commands to peers: each goes to all peers once, and has one outcome.

Everything runs on the I/O thread without waiting, unless stated otherwise.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.command_text import MAX_TEXT_SIZE, is_stop
from ros2_igtl.nodes.exchanges.dialects import DIALECTS, Command, Dialect, takes_of
from ros2_igtl.nodes.exchanges.pending import Answer, PendingReplies, Question
from ros2_igtl.nodes.feature import Feature
from ros2_igtl.nodes.peer import Peer, Peers
from ros2_igtl.nodes.reporting.counters import Tally, by_cause, received_counts, sent_counts
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.transport import IoThread, Traffic
from ros2_igtl.transport.endpoint import Endpoint

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 86_400.0
# A message that is partly sent has this time to end; to connect again takes about as long.
PREEMPT_S = 0.02
# A caller of a stop waits as long for the I/O thread to write it, since two threads that compute
# delay each other.
YIELD_S = 0.005


class CommandsOut(Feature):
    """
    Sends commands to the peers of one connection.

    :param settings: the connection's.
    :param io_thread: runs the connection.
    :param endpoint: the client or server.
    :param peers: of the connection.
    """

    def __init__(
        self, settings: Settings, io_thread: IoThread, endpoint: Endpoint, peers: Peers
    ) -> None:
        self.late_replies = 0
        """Replies to commands that already had an outcome, or that were never sent."""
        self._dialects = DIALECTS[settings.command_dialect]
        self._dialect = self._dialects[0]
        self._ids = self._dialect.ids()
        self._io_thread = io_thread
        self._endpoint = endpoint
        self._peers = peers
        self._tally = Tally([])
        self._sent_tally = Tally([])
        self._replies: PendingReplies[Command] = PendingReplies(
            lambda delay_s, function: io_thread.loop.call_later(delay_s, function)
        )
        self._stop_preempts = settings.stop_preempts and settings.mode == 'client'
        # the header version that a peer read, and the stops to send once it is connected again
        self._preempting: tuple[int, list[Question[Command]]] = 0, []
        self.takes = takes_of(self._dialects)

    @property
    def outcomes(self) -> Counter[str]:
        """Commands by their outcomes."""
        return self._replies.outcomes

    def _note_stop(self, future: Future[Answer]) -> None:
        """Count a stop that was not carried out once more, under a name of its own."""
        outcome = future.result().outcome
        if outcome != 'succeeded':
            self.outcomes[f'stop_{outcome}'] += 1

    def stop(self) -> None:
        """Answer all users who still wait; where ROS runs."""
        self._io_thread.call(self._replies.stop)

    def peer_opened(self, peer: Peer) -> None:
        """Send the stops for which this peer was connected again."""
        (version, stops), self._preempting = self._preempting, (0, [])
        if stops:  # the program that read this version before
            peer.session.header_version = max(version, peer.session.header_version)
        for question in stops:
            if not question.answer.done():
                self._replies.ask_again(question, peer, partial(self._put, question))

    def peer_closed(self, peer: Peer) -> None:
        """Expect no more replies from a disconnected peer."""
        self._replies.peer_closed(peer)

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Pass a reply to the user who waits for it; return False for any other message."""
        for dialect in self._dialects:
            command_id = dialect.reply_id(message)
            if command_id is not None:
                self._tally.take(partial(self._take, peer, dialect, command_id, message))
                return True
        return False

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return {
            **received_counts(self._tally, 'handled'),
            **sent_counts(self._sent_tally),
            **by_cause('command_sent', dict(self.outcomes)),
            'command_late_replies': self.late_replies,
        }

    def send(
        self, name: str, content: str = '', device_name: str = '', timeout_s: float = 0.0
    ) -> Future[Answer]:
        """
        Send a command to all peers, and return a future for its outcome; on any thread.

        :param content: its parameters; empty if it has none.
        :param timeout_s: 0 for the default.
        """
        question = Question(Command(None, name, content, device_name))
        if is_stop(name):
            question.answer.add_done_callback(self._note_stop)
        if not self._io_thread.call_soon(self._begin, question, timeout_s):
            self._replies.finish(question, Answer('refused', 'the node is not active'))
        elif is_stop(name) and not self._io_thread.is_current:
            written = threading.Event()
            if self._io_thread.call_soon(written.set):
                written.wait(YIELD_S)
        return question.answer

    def _begin(self, question: Question[Command], timeout_s: float) -> None:
        """Send a command, or answer with the reason why not; count its message."""
        outcomes = self._sent_tally.here
        outcomes.received += 1
        try:
            problem = self._problem(question.about, timeout_s)
            if problem:
                outcomes.rejected['command'] += 1
                self._replies.finish(question, Answer('refused', problem))
                return
            skip_reason, error = self._send_to_able(question, timeout_s or DEFAULT_TIMEOUT_S)
        except codec.EncodeError as encode_error:
            outcomes.rejected['encode'] += 1
            self._replies.finish(question, Answer('refused', str(encode_error)))
        except Exception as fault:  # without an answer, its caller would wait for ever
            outcomes.rejected['internal_error'] += 1
            self._replies.fault(question, fault)
        else:
            outcomes.settle(skip_reason)
            if skip_reason:
                self._replies.finish(question, Answer(skip_reason, error))

    def _send_to_able(self, question: Question[Command], timeout_s: float) -> tuple[str, str]:
        """Send a command to the peers that can read it; return the cause and text if none can."""
        peers, skip_reason, error = self._able_peers()
        if skip_reason:
            return skip_reason, error
        content = naming.ros_text(question.about.text)
        question.about = question.about._replace(id=next(self._ids), text=content)
        if self._ask(question, peers, timeout_s):
            return '', ''
        return 'no_peer', 'no peer is connected'  # all are being closed

    def _able_peers(self) -> tuple[Sequence[Peer], str, str]:
        """Return the peers that can read a command, or the cause and text if no peer can."""
        peers = self._peers.all
        least_version = self._dialect.least_version
        able = [peer for peer in peers if peer.session.header_version >= least_version]
        if able:
            return able, '', ''
        if peers:
            error = f'a command needs header version {least_version}; no peer has sent it'
            return (), 'peer_too_old', error
        return (), 'no_peer', 'no peer is connected'

    def _ask(self, question: Question[Command], peers: Sequence[Peer], timeout_s: float) -> bool:
        """
        Queue a command for peers; return whether at least one was queued.

        A stop is written at once, before all waiting messages. Commands that it overtakes are
        withdrawn, or the robot would stop and then move.
        """
        is_urgent = is_stop(question.about.name)
        if is_urgent:
            self._replies.withdraw(peers, 'a stop was sent instead')
        is_asked = self._replies.ask(question, peers, partial(self._put, question), timeout_s)
        if is_urgent and self._stop_preempts:
            for peer in question.waiting:
                self._io_thread.loop.call_later(PREEMPT_S, self._preempt, peer)
        return is_asked

    def _put(self, question: Question[Command], peer: Peer) -> bool:
        """Queue a command for a peer; a stop is written at once."""
        message = self._dialect.command_message(question.about)
        is_urgent = is_stop(question.about.name)
        traffic: Traffic = 'stop' if is_urgent else 'event'
        sent = self._endpoint.send(message, traffic=traffic, to=peer.session, key=question)
        if is_urgent:
            peer.session.writer.flush()
        return bool(sent)

    def _preempt(self, peer: Peer) -> None:
        """Connect again to send the stops that wait behind a message that is partly sent."""
        keys = peer.session.outbox.withdraw(lambda _: True, 'stop')
        stops = [key for key in keys if isinstance(key, Question) and not key.answer.done()]
        if not stops:
            return
        for question in stops:
            self._replies.release(question, peer)
            question.is_resent = True
        self._preempting = peer.session.header_version, stops
        reason = f'a stop waited for {PREEMPT_S:g} s behind a message that is partly sent'
        logger.warning('%s: closed to connect again and send it: %s', peer.name, reason)
        self._endpoint.reconnect(peer.session, reason)

    def _problem(self, command: Command, timeout_s: float) -> str:
        """Return why a command cannot be sent to any peer, or ''."""
        if not 0.0 <= timeout_s <= MAX_TIMEOUT_S:  # true for NaN too
            return f'timeout is {timeout_s:g} s; allowed: 0 to {MAX_TIMEOUT_S:g}'
        size = len(command.text.encode('utf-8', 'replace'))
        if size > MAX_TEXT_SIZE:
            return f'content has {size} bytes; {MAX_TEXT_SIZE} are allowed'
        if not command.name:
            return 'name is empty'
        return self._dialect.problem(command)

    def _take(
        self, peer: Peer, dialect: Dialect, command_id: Hashable, message: codec.Message
    ) -> str:
        """Answer the user who waits for a reply; return the cause if no user does, or ''."""
        waiting = self._replies.waiting_for(peer)
        question = next((each for each in waiting if each.about.id == command_id), None)
        if question is None:
            self.late_replies += 1
            return 'late_reply'
        verdict, text = dialect.judge(question.about.name, message)
        if verdict.succeeded:
            self._replies.finish(question, Answer('succeeded', content=text))
        else:
            error = naming.ros_text(verdict.error)
            self._replies.fail(question, peer, Answer('failed', error, text))
        return ''

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sends GET_, STT_ and STP_ to peers for rows and users, and handles the RTS_ replies.

Everything runs on the I/O thread without waiting, unless stated otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

from rclpy.node import Node

from ros2_igtl import codec
from ros2_igtl.codec.messages.companions import Companion
from ros2_igtl.convert import companions, naming
from ros2_igtl.convert.companions import find_companion
from ros2_igtl.convert.conversions import canonical
from ros2_igtl.nodes.exchanges.pending import Answer, PendingReplies, Question
from ros2_igtl.nodes.feature import Feature, Send
from ros2_igtl.nodes.peer import Asked, Peer, Peers
from ros2_igtl.nodes.reporting.counters import Tally, by_cause, received_counts
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.transport import IoThread

_PREFIXES: dict[type[Companion], str] = {
    codec.Get: 'GET_',
    codec.Start: 'STT_',
    codec.Stop: 'STP_',
}


class _Query(NamedTuple):
    """
    A query to peers.

    :ivar asked: with the canonical name of the type.
    :ivar stop: the message that ends the stream, if it starts one.
    """

    asked: Asked
    message: codec.Message
    stop: codec.Message | None


class QueriesOut(Feature):
    """
    Sends queries to the peers of one connection.

    :param node: for its logger.
    :param settings: the connection's.
    :param io_thread: runs the connection.
    :param peers: of the connection.
    :param send: queues a message for peers.
    """

    takes = (codec.Reply,)

    def __init__(
        self, node: Node, settings: Settings, io_thread: IoThread, peers: Peers, send: Send
    ) -> None:
        self._counts: Counter[str] = Counter()  # queries, and replies by status
        self._node = node
        self._connection_name = settings.name
        self._io_thread = io_thread
        self._peers = peers
        self._send = send
        self._tally = Tally([])
        self._logged: set[Asked] = set()
        self._replies: PendingReplies[_Query] = PendingReplies(
            lambda delay_s, function: io_thread.loop.call_later(delay_s, function)
        )
        self._of_rows = _queries_of(settings)

    def stop(self) -> None:
        """Stop all streams of the peers, and answer all waiting users; where ROS runs."""
        self._io_thread.call(self._stop)

    def _stop(self) -> None:
        for peer in self._peers.all:
            for stop in peer.asked.values():
                if stop is not None:
                    self._send(stop, 'event', (peer,))
        self._replies.stop()

    def peer_opened(self, peer: Peer) -> None:
        """Send a new peer the queries of the rows."""
        for query in self._of_rows:
            self._put(peer, query)

    def peer_closed(self, peer: Peer) -> None:
        """Expect no more replies from a disconnected peer."""
        self._replies.peer_closed(peer)

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Handle a reply."""
        self._tally.take(lambda: self._take(peer, message))
        return True

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return {
            **received_counts(self._tally, 'handled'),
            **by_cause('query', dict(self._counts)),
        }

    def published(self, peer: Peer, message: codec.Message, cause: str) -> None:
        """
        Handle a message that may answer the query of a waiting user.

        :param cause: why it was not published; empty if it was.
        """
        if not self._replies:
            return
        subject = canonical(message.type_name)
        names = naming.header_names(message.device_name)
        for question in self._replies.waiting_for(peer):
            asked, query, _ = question.about
            is_answer = any(asked.covers(subject, name) for name in names)
            if is_answer and not isinstance(query.content, codec.Stop):
                if cause:
                    error = f'a message was received but not published: {cause}'
                    self._replies.finish(question, Answer('failed', error))
                else:
                    self._replies.finish(question, Answer('succeeded'))

    def ask(
        self,
        kind: type[Companion],
        asked: Asked,
        *,
        resolution_s: float,
        coordinate_name: str,
        timeout_s: float,
    ) -> Future[Answer]:
        """
        Send a query to all peers, and return a future for its outcome; on any thread.

        :param kind: a class of the codec: Get, Start or Stop.
        :param asked: its subject may be an alias or an unknown type.
        """
        query = _make_query(kind, asked, resolution_s, coordinate_name)
        if query is None:
            allowed = ', '.join(companions.subjects_of(kind))
            prefix = _PREFIXES[kind]
            error = f'the protocol has no {prefix} of {asked.subject!r}; allowed: {allowed}'
            return _not_sent(error)
        try:
            codec.pack(query.message)
        except codec.EncodeError as encode_error:
            return _not_sent(str(encode_error))
        question = Question(query)
        if not self._io_thread.call_soon(self._begin, question, timeout_s):
            return _not_sent('the node is not active')
        return question.answer

    def _begin(self, question: Question[_Query], timeout_s: float) -> None:
        """Send the query of a user to all current peers."""
        query = question.about
        try:
            if not self._replies.ask(
                question, self._peers.all, lambda peer: self._put(peer, query), timeout_s
            ):
                self._replies.finish(question, Answer('not_sent', 'no peer is connected'))
        except Exception as error:
            self._replies.fault(question, error)

    def _put(self, peer: Peer, query: _Query) -> bool:
        """Send a query to a peer, and expect its replies."""
        if not self._send(query.message, 'event', (peer,)):
            return False
        self._counts['asked'] += 1
        if isinstance(query.message.content, codec.Get):
            peer.asked.setdefault(query.asked, None)  # keep an entry for a running stream
        else:
            peer.asked[query.asked] = query.stop
        return True

    def _take(self, peer: Peer, message: codec.Message) -> str:
        """Handle RTS_; return the cause if it is unexpected, or ''."""
        content, device_name = message.content, message.device_name
        expected = [
            asked
            for asked in peer.asked
            if asked.covers(content.subject, device_name)
            or (not device_name and asked.subject == content.subject)
        ]
        if not expected:
            return 'unexpected_reply'
        self._counts['reply_error' if content.status else 'reply_ok'] += 1
        if content.status:
            for asked in expected:
                self._log_once(peer, asked, message)
        for question in self._replies.waiting_for(peer):
            asked, query, _ = question.about
            if asked not in expected:
                continue
            if content.status:
                refused = Answer('failed', 'the peer rejected the query')
                self._replies.fail(question, peer, refused)
            elif not isinstance(query.content, codec.Get):  # a message answers a GET_
                self._replies.finish(question, Answer('succeeded'))
        return ''

    def _log_once(self, peer: Peer, asked: Asked, reply: codec.Message) -> None:
        """Log a rejection, once for each type and device."""
        if asked in self._logged:
            return
        self._logged.add(asked)
        self._node.get_logger().warning(
            f'{self._connection_name}: {peer.name} has no {asked.subject} '
            f"'{naming.escape(asked.device_name)}': "
            f'{reply.type_name} has status {reply.content.status}'
        )


def _not_sent(error: str) -> Future[Answer]:
    """Return the answer to a query that cannot be sent."""
    answer: Future[Answer] = Future()
    answer.set_result(Answer('not_sent', error))
    return answer


def _make_query(
    kind: type[Companion], asked: Asked, resolution_s: float, coordinate_name: str
) -> _Query | None:
    """Return a query, None if the protocol does not have it."""
    found = find_companion(kind, asked.subject)
    if found is None:
        return None
    content: Any
    if kind is codec.Start:
        content = companions.start_content(found.content_class, resolution_s, coordinate_name)
    else:
        content = found.content_class()
    stop = _make_query(codec.Stop, asked, 0.0, '') if kind is codec.Start else None
    return _Query(
        asked._replace(subject=canonical(asked.subject)),
        codec.Message(content, asked.device_name, type_name=found.type_name),
        None if stop is None else stop.message,
    )


def _queries_of(settings: Settings) -> list[_Query]:
    """Return the queries of the rows, each once even if several rows share it."""
    queries: dict[Asked, _Query] = {}
    for row in settings.rows:
        if row.request is None:
            continue
        kind = codec.Start if row.request == 'stream' else codec.Get
        asked = Asked(row.igtl_type_name, row.igtl_device_name or '')
        query = _make_query(kind, asked, row.resolution or 0.0, row.coordinate_name or '')
        assert query is not None  # the mapping file was checked
        queries[query.asked] = query
    return list(queries.values())

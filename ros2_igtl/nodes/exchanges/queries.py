# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
GET_, STT_, STP_ and RTS_ of one connection: what its peers ask, and what it asks of them.

Everything here runs on the I/O thread, unless it says otherwise, and nothing in it waits. Who gets
what a row sends is kept in audience.py; which message asks for what is found in companions.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from rclpy.node import Node

from ros2_igtl import codec
from ros2_igtl.codec.messages.companions import Companion
from ros2_igtl.convert import companions, conversions, naming
from ros2_igtl.convert.companions import find_companion
from ros2_igtl.convert.conversions import canonical
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.feature import Send
from ros2_igtl.nodes.peer import Asked, Peer, Peers
from ros2_igtl.nodes.reporting.counters import Tally, by_cause, received_counts
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_igtl.audience import ReplySource
from ros2_igtl.transport import IoThread, Traffic
from ros2_igtl.transport.log import Throttle

COMPANIONS = (codec.Get, codec.Start, codec.Stop, codec.Reply)
_PREFIXES: dict[type[Companion], str] = {
    codec.Get: 'GET_',
    codec.Start: 'STT_',
    codec.Stop: 'STP_',
}

Outcome = Literal['not_sent', 'succeeded', 'failed', 'timed_out', 'disconnected']


class Answer(NamedTuple):
    """What became of a query that a user sent; the error is empty on success."""

    outcome: Outcome
    error: str = ''


@dataclass(slots=True, eq=False)
class _Pending:
    """A query that a user waits for."""

    asked: Asked
    kind: type[Companion]
    answer: Future[Answer] = field(default_factory=Future)
    waiting: set[Peer] = field(default_factory=set)  # peers that have not answered
    is_refused: bool = False
    timer: asyncio.TimerHandle | None = None


class Queries:
    """
    Answers the peers of one connection, and asks them.

    :param node: for its clock.
    :param settings: the connection's.
    :param io_thread: where this runs.
    :param peers: of the connection.
    :param send: queues a message for some of them.
    :param reply_sources: returns what queries are answered from.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        io_thread: IoThread,
        peers: Peers,
        send: Send,
        reply_sources: Callable[[], Sequence[ReplySource]],
    ) -> None:
        self._counts: Counter[str] = Counter()  # queries and replies, by what became of them
        self._node = node
        self._settings = settings
        self._io_thread = io_thread
        self._peers = peers
        self._send = send
        self._reply_sources = reply_sources
        self._tally = Tally()
        self._throttle = Throttle()
        self._told: set[Asked] = set()
        self._pending: list[_Pending] = []
        self._requests = dict(_requests_of(settings))
        # what the node itself answers where no row sends it
        self._own: dict[str, Callable[[], codec.Content]] = {
            'STATUS': codec.Status,
            'CAPABILITY': self._capability,
        }

    # What peers ask.

    def start(self) -> None:
        """Do nothing: peers are asked when they come."""

    def destroy(self) -> None:
        """Do nothing: nobody waits any more."""

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return {
            **received_counts(self._tally, 'handled'),
            **by_cause('query', dict(self._counts)),
        }

    def reports(self) -> Sequence[Report]:
        """Return nothing: these are no devices."""
        return ()

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Answer a query, or take note of a reply; count what became of it."""
        if not isinstance(message.content, COMPANIONS):
            return False
        self._tally.take(lambda: self._receive(peer, message))
        return True

    def _receive(self, peer: Peer, message: codec.Message) -> str:
        """Return why a message is of no use, or nothing."""
        content = message.content
        if isinstance(content, codec.Reply):
            return self._note_reply(peer, message)
        sources = [
            source
            for source in self._reply_sources()
            if canonical(source.type_name) == content.subject
            and message.device_name in ('', source.device_name)
        ]
        if isinstance(content, codec.Get):
            is_answered = self._give(peer, message, sources)
        elif isinstance(content, codec.Stop):
            is_answered = True  # that there is nothing to stop is no error
            for source in sources:
                source.audience.stop(peer)
            self._reply(peer, message, 0)
        else:
            is_answered = bool(sources)
            # before the first message of the stream
            self._reply(peer, message, 0 if sources else 1)
            for source in sources:
                source.audience.start(peer, companions.interval_of(content))
        self._counts['answered' if is_answered else 'refused'] += 1
        if is_answered:
            return ''
        self._throttle.log(
            logging.WARNING,
            (peer.session.host, message.type_name),
            f'{peer.name}: {message.type_name} '
            f"'{naming.escape(message.device_name)}': there is nothing to give",
        )
        return 'query_refused'

    def _give(self, peer: Peer, message: codec.Message, sources: Sequence[ReplySource]) -> bool:
        """Send what a GET_ asks for, or RTS_ if there is nothing; return whether there was."""
        is_given = False
        for source in sources:
            for answer in source.newest():
                is_given |= self._answer(peer, message, answer, source.traffic)
        make = self._own.get(message.content.subject)
        if make is not None and not is_given:
            stamp = codec.timestamp.from_nanoseconds(self._node.get_clock().now().nanoseconds)
            answer = codec.Message(make(), message.device_name, stamp)
            is_given = self._answer(peer, message, answer, 'event')
        if not is_given:
            self._reply(peer, message, 1)
        return is_given

    def _answer(
        self, peer: Peer, query: codec.Message, answer: codec.Message, traffic: Traffic
    ) -> bool:
        """Send an answer; return whether it is one: an empty body would say that there is none."""
        answer = copy(answer)  # a BIND is given again and again
        answer.message_id = answer.message_id or query.message_id
        try:
            if not any(len(part) for part in answer.content.pack_parts()):
                return False
            return bool(self._send(answer, traffic, (peer,)))
        except (codec.EncodeError, ConvertError) as error:
            cause = error.cause if isinstance(error, ConvertError) else 'encode'
            self._throttle.log(
                logging.WARNING,
                (answer.type_name, answer.device_name),
                f"{answer.type_name} '{answer.device_name}': {cause}: {error}",
            )
            return False

    def _reply(self, peer: Peer, query: codec.Message, status: int) -> None:
        """Send RTS_, under the name that goes with the one the peer has used."""
        found = find_companion(codec.Reply, query.content.subject, query.type_name[4:])
        if found is not None:  # a user's own type may do without
            content, type_name = found.content_class(status), found.type_name
            reply = codec.Message(
                content, query.device_name, message_id=query.message_id, type_name=type_name
            )
            self._send(reply, 'event', (peer,))

    def _capability(self) -> codec.Capability:
        """Return the types that this connection takes, and the queries that it answers."""
        settings = self._settings
        taken = {row.type_name for row in conversions.CONVERSIONS if row.to_ros is not None}
        if not settings.auto_inbound:
            taken &= {
                canonical(row.igtl_type_name)
                for row in settings.rows
                if row.direction == 'IGTL_TO_ROS' and not row.skip
            }
        taken |= conversions.CONTAINERS.keys()
        if settings.commands:
            taken.add(codec.Command.type_name)
        names = {name for name, c in codec.MESSAGE_TYPES.items() if c.type_name in taken}
        sent = {canonical(source.type_name) for source in self._reply_sources()}
        names |= companions.names_of((codec.Get, codec.Start, codec.Stop), sent)
        names |= companions.names_of((codec.Get,), set(self._own))
        return codec.Capability(tuple(sorted(names)))

    # What is asked of peers.

    def peer_opened(self, peer: Peer) -> None:
        """Ask a new peer for what the rows say."""
        for asked, (query, stop) in self._requests.items():
            self._ask(peer, asked, query, stop)

    def peer_closed(self, peer: Peer) -> None:
        """Forget a peer that has gone, and what it wanted."""
        for pending in [pending for pending in self._pending if peer in pending.waiting]:
            self._give_up(pending, peer)

    def published(self, peer: Peer, message: codec.Message, cause: str) -> None:
        """
        Take note of a message that came, for users who wait for one.

        :param cause: why it was not published; empty if it was.
        """
        if not self._pending:
            return
        subject = canonical(message.type_name)
        for pending in list(self._pending):
            names = naming.header_names(message.device_name)
            is_answer = any(pending.asked.covers(subject, name) for name in names)
            if is_answer and peer in pending.waiting and pending.kind is not codec.Stop:
                if cause:
                    error = f'a message came and was not published: {cause}'
                    self._finish(pending, Answer('failed', error))
                else:
                    self._finish(pending, Answer('succeeded'))

    def stop(self) -> None:
        """Ask the peers to stop what they stream; nobody waits any more."""
        self._io_thread.call(self._stop)

    def _stop(self) -> None:
        for peer in self._peers.all:
            for stop in peer.asked.values():
                if stop is not None:
                    self._send(stop, 'event', (peer,))
        for pending in list(self._pending):
            self._finish(pending, Answer('disconnected', 'the node is being deactivated'))

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
        Ask all peers, and return what becomes of it; on any thread.

        :param kind: of the codec: Get, Start or Stop.
        :param asked: its subject may be an alias, or no type at all.
        """
        pending = _Pending(asked._replace(subject=canonical(asked.subject)), kind)
        query = _query(kind, asked, resolution_s, coordinate_name)
        try:
            if query is None:
                allowed = ', '.join(companions.subjects_of(kind))
                error = f'the protocol has no {_PREFIXES[kind]} of {asked.subject!r}; allowed: '
                pending.answer.set_result(Answer('not_sent', error + allowed))
            else:
                codec.pack(query)
                stop = _query(codec.Stop, asked) if kind is codec.Start else None
                self._io_thread.loop.call_soon_threadsafe(
                    self._begin, pending, query, stop, timeout_s
                )
        except codec.EncodeError as error:
            pending.answer.set_result(Answer('not_sent', str(error)))
        except RuntimeError:  # no loop any more
            pending.answer.set_result(Answer('not_sent', 'the node is not active'))
        return pending.answer

    def _begin(
        self,
        pending: _Pending,
        query: codec.Message,
        stop: codec.Message | None,
        timeout_s: float,
    ) -> None:
        """Ask all peers there are for what a user wants."""
        self._pending.append(pending)
        for peer in self._peers.all:
            if self._ask(peer, pending.asked, query, stop):
                pending.waiting.add(peer)
        if not pending.waiting:
            self._finish(pending, Answer('not_sent', 'no peer is connected'))
            return
        error = f'no answer within {timeout_s:g} s'
        pending.timer = self._io_thread.loop.call_later(
            timeout_s, self._finish, pending, Answer('timed_out', error)
        )

    def _ask(
        self, peer: Peer, asked: Asked, query: codec.Message, stop: codec.Message | None
    ) -> bool:
        """Send a query to a peer, whose replies are then expected."""
        if not self._send(query, 'event', (peer,)):
            return False
        self._counts['asked'] += 1
        if isinstance(query.content, codec.Get):
            peer.asked.setdefault(asked, None)  # a stream of it goes on
        else:
            peer.asked[asked] = stop
        return True

    def _note_reply(self, peer: Peer, message: codec.Message) -> str:
        """Take note of RTS_; return why it is of no use, or nothing."""
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
        for asked in expected:
            if content.status and asked not in self._told:
                self._told.add(asked)
                self._node.get_logger().warning(
                    f'{self._settings.name}: {peer.name} has no {asked.subject} '
                    f"'{naming.escape(asked.device_name)}' to give: "
                    f'{message.type_name} has status {content.status}'
                )
        for pending in [pending for pending in self._pending if pending.asked in expected]:
            if peer not in pending.waiting:
                continue
            if content.status:
                pending.is_refused = True
                self._give_up(pending, peer)
            elif pending.kind is not codec.Get:  # whose answer is the message itself
                self._finish(pending, Answer('succeeded'))
        return ''

    def _give_up(self, pending: _Pending, peer: Peer) -> None:
        """Expect nothing more of a peer, and no answer at all if it was the last one."""
        pending.waiting.discard(peer)
        if pending.waiting:
            return
        if pending.is_refused:
            self._finish(pending, Answer('failed', 'the peer says that it cannot'))
        else:
            self._finish(pending, Answer('disconnected', 'the peer went before it answered'))

    def _finish(self, pending: _Pending, answer: Answer) -> None:
        """Tell the user what became of a query."""
        self._pending.remove(pending)
        if pending.timer is not None:
            pending.timer.cancel()
        pending.answer.set_result(answer)


def _query(
    kind: type[Companion], asked: Asked, resolution_s: float = 0.0, coordinate_name: str = ''
) -> codec.Message | None:
    """Return the message that asks, None if the protocol has none."""
    found = find_companion(kind, asked.subject)
    if found is None:
        return None
    content: Any
    if kind is codec.Start:
        content = companions.start_content(found.content_class, resolution_s, coordinate_name)
    else:
        content = found.content_class()
    return codec.Message(content, asked.device_name, type_name=found.type_name)


def _requests_of(
    settings: Settings,
) -> list[tuple[Asked, tuple[codec.Message, codec.Message | None]]]:
    """Return what the rows ask for, and how to stop it; each once, though rows may share it."""
    requests = []
    for row in settings.rows:
        if row.request is None:
            continue
        asked = Asked(row.igtl_type_name, row.igtl_device_name or '')
        is_stream = row.request == 'stream'
        query = _query(
            codec.Start if is_stream else codec.Get,
            asked,
            row.resolution or 0.0,
            row.coordinate_name or '',
        )
        assert query is not None  # the mapping file was checked
        stop = _query(codec.Stop, asked) if is_stream else None
        requests.append((asked._replace(subject=canonical(asked.subject)), (query, stop)))
    return requests

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Answers GET_, STT_ and STP_ of peers from the messages that this node sends.

Everything runs on the I/O thread, except that the worker answers queries for images, volumes,
meshes and video, in order, so that no command waits for a conversion.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy

from rclpy.node import Node

from ros2_igtl import codec
from ros2_igtl.convert import companions, conversions, naming
from ros2_igtl.convert.companions import find_companion
from ros2_igtl.convert.conversions import canonical
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.feature import Feature, Send
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.counters import Tally, by_cause, received_counts
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_igtl.audience import ReplySource
from ros2_igtl.nodes.worker import Loss, Task, Worker
from ros2_igtl.transport import Traffic
from ros2_igtl.transport.log import Allowance, Throttle

logger = logging.getLogger(__name__)

_REFUSED = 'query_refused'


class QueriesIn(Feature):
    """
    Answers the queries of the peers of one connection.

    :param node: for its clock.
    :param settings: the connection's.
    :param worker: of the connection.
    :param send: queues a message for peers.
    :param reply_sources: returns the sources of answers.
    :param allowance: for the log of the connection.
    """

    takes = (codec.Get, codec.Start, codec.Stop)

    def __init__(
        self,
        node: Node,
        settings: Settings,
        worker: Worker,
        send: Send,
        reply_sources: Callable[[], Sequence[ReplySource]],
        allowance: Allowance,
    ) -> None:
        self._node = node
        self._settings = settings
        self._worker = worker
        self._send = send
        self._reply_sources = reply_sources
        self._tally = Tally([])
        self._throttle = Throttle(allowance)
        # answers of the node itself, if no row provides one
        self._own: dict[str, Callable[[], codec.Content]] = {
            'STATUS': codec.Status,
            'CAPABILITY': self._capability,
        }

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Answer a query, now or on the worker."""
        message.metadata = {}  # not needed, and as large as the peer likes while it waits
        sources = [
            source
            for source in self._reply_sources()
            if canonical(source.type_name) == message.content.subject
            and message.device_name in ('', source.device_name)
        ]
        if not any(source.is_bulk for source in sources):
            self._tally.take(lambda: self._take(peer, message, sources))
        elif self._worker.is_full:
            self._tally.take(lambda: self._refuse(peer, message, 'the worker is full'))
        else:
            self._worker.put(Task(lambda: self._work(peer, message, sources), self._lose))
        return True

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        total = self._tally.total()
        queries = {'answered': total.done, 'refused': total.skipped[_REFUSED]}
        return {
            **received_counts(self._tally, 'handled'),
            **by_cause('query', {name: count for name, count in queries.items() if count}),
        }

    def _work(self, peer: Peer, message: codec.Message, sources: Sequence[ReplySource]) -> None:
        """Answer a query on the worker; an internal error closes only this session."""
        try:
            self._tally.take(lambda: self._take(peer, message, sources))
        except Exception as error:
            logger.exception('%s: closed by a fault', peer.name)
            peer.session.close(f'internal error: {error!r}')

    def _lose(self, loss: Loss) -> None:
        """Count a query that the worker did not answer before it stopped."""
        outcomes = self._tally.here
        outcomes.received += 1
        outcomes.skipped['node_stopped'] += 1

    def _take(self, peer: Peer, message: codec.Message, sources: Sequence[ReplySource]) -> str:
        """Answer a query, or reject it and return the cause; on either thread."""
        content = message.content
        if isinstance(content, codec.Stop):
            for source in sources:
                source.audience.stop(peer)
            self._reply(peer, message, 0)  # even if there is nothing to stop
        elif isinstance(content, codec.Start):
            if not sources:
                return self._refuse(peer, message)
            self._reply(peer, message, 0)  # before the first message of the stream
            for source in sources:
                source.audience.start(peer, companions.interval_of(content))
        elif not self._send_answers(peer, message, sources):
            return self._refuse(peer, message)
        return ''

    def _refuse(
        self, peer: Peer, message: codec.Message, reason: str = 'no matching data is available'
    ) -> str:
        """Reply that no data is available, and return the cause to count."""
        self._throttle.log(
            logging.WARNING,
            (peer.session.host, message.type_name, reason),
            f"{peer.name}: {message.type_name} '{naming.escape(message.device_name)}': {reason}",
        )
        self._reply(peer, message, 1)
        return _REFUSED

    def _send_answers(
        self, peer: Peer, message: codec.Message, sources: Sequence[ReplySource]
    ) -> bool:
        """Send the messages that a GET_ asks for; return whether there were any."""
        is_answered = False
        for source in sources:
            for answer in source.newest():
                is_answered |= self._answer(peer, message, answer, source.traffic)
        make = self._own.get(message.content.subject)
        if make is not None and not is_answered:
            stamp = codec.timestamp.from_nanoseconds(self._node.get_clock().now().nanoseconds)
            answer = codec.Message(make(), message.device_name, stamp)
            is_answered = self._answer(peer, message, answer, 'event')
        return is_answered

    def _answer(
        self, peer: Peer, query: codec.Message, answer: codec.Message, traffic: Traffic
    ) -> bool:
        """Send an answer; return False if its body is empty, which would mean "no data"."""
        answer = copy(answer)  # a BIND may be used for several answers
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
        """Send RTS_, under the type name that corresponds to the peer's."""
        found = find_companion(codec.Reply, query.content.subject, query.type_name[4:])
        if found is not None:  # a user's type may have no RTS_
            content, type_name = found.content_class(status), found.type_name
            reply = codec.Message(
                content, query.device_name, message_id=query.message_id, type_name=type_name
            )
            self._send(reply, 'event', (peer,))

    def _capability(self) -> codec.Capability:
        """Return the types that this connection accepts, and the queries that it answers."""
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

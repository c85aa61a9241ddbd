# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
COMMAND and RTS_COMMAND of one connection, or PLUS's STRING dialect of them: both ways.

Everything here runs on the I/O thread, unless it says otherwise, and nothing in it waits. What
comes is given to the ROS service that the mapping file names; what ``~/send_command`` is asked
goes to the peers. Each command has one outcome, and none is sent twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rclpy.client import Client
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_services_default

from ros2_igtl import codec
from ros2_igtl.config import CommandRow
from ros2_igtl.convert import command_text, naming
from ros2_igtl.convert.command_text import Verdict
from ros2_igtl.convert.interfaces import ros_type
from ros2_igtl.nodes.peer import RECENT_COMMANDS, Peer, Peers
from ros2_igtl.nodes.reporting.counters import Tally, by_cause, received_counts, sent_counts
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.transport import IoThread, Traffic
from ros2_igtl.transport.endpoint import Endpoint
from ros2_igtl.transport.log import Throttle

SERVICE_TYPE = 'ros2_igtl/srv/Command'
MAX_RUNNING = RECENT_COMMANDS  # commands of one peer; of more, the numbers would be forgotten
DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 86_400.0


class _Request(NamedTuple):
    """A command of a peer, whichever way it was written."""

    peer: Peer
    message: codec.Message
    number: int
    name: str
    text: str


@dataclass(slots=True, eq=False)
class _Running:
    """A command of a peer that a ROS service works on."""

    request: _Request
    client: Client
    response: Any  # rclpy's future
    timer: asyncio.TimerHandle = field(init=False)


@dataclass(slots=True, eq=False)
class _Sent:
    """A command that a user waits for."""

    name: str
    answer: Future[Any] = field(default_factory=Future)
    waiting: set[Peer] = field(default_factory=set)  # peers that have not replied
    failure: tuple[str, str] | None = None  # error and content of the first that has failed
    is_withdrawn: bool = False  # a stop has overtaken it
    timer: asyncio.TimerHandle | None = None


class _Key(NamedTuple):
    """By which a command that waits to be sent is found again."""

    number: int


class Commands:
    """
    Runs the commands of the peers of one connection, and sends them commands.

    :param node: where the services are.
    :param settings: the connection's.
    :param io_thread: where this runs.
    :param endpoint: the client or server.
    :param peers: of the connection.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        io_thread: IoThread,
        endpoint: Endpoint,
        peers: Peers,
    ) -> None:
        self.received: Counter[str] = Counter()
        """Commands that came, by what became of them."""
        self.sent: Counter[str] = Counter()
        """Commands that were to be sent, by what became of them."""
        self.late_responses = 0
        """Responses of ROS services that came after the outcome."""
        self.late_replies = 0
        """Replies of peers that came after the outcome, or that nobody asked for."""
        self._node = node
        self._connection_name = settings.name
        self._is_string = settings.command_dialect == 'string'
        self._rows: Sequence[CommandRow] = settings.commands
        self._io_thread = io_thread
        self._endpoint = endpoint
        self._peers = peers
        self._tally = Tally()
        self._sent_tally = Tally()
        self._throttle = Throttle()
        self._service_type = ros_type(SERVICE_TYPE)
        self._clients: dict[str, Client] = {}
        self._running: dict[_Running, None] = {}  # in the order they came
        self._overdue: deque[_Running] = deque()
        self._last_number = 0
        self._pending: dict[int, _Sent] = {}

    def start(self) -> None:
        """Look for the services that commands are given to; where ROS runs."""
        profile = _service_qos(MAX_RUNNING)
        for row in self._rows:
            if row.ros_service_name not in self._clients:
                self._clients[row.ros_service_name] = self._node.create_client(
                    self._service_type, row.ros_service_name, qos_profile=profile
                )

    def destroy(self) -> None:
        """Take the clients back; where ROS runs, when the peers are closed."""
        for client in self._clients.values():
            self._node.destroy_client(client)
        self._clients.clear()

    @property
    def running(self) -> int:
        """How many commands of peers have no outcome yet."""
        return len(self._running)

    def peer_closed(self, peer: Peer) -> None:
        """Forget a peer that has gone: what it wanted, and what was wanted of it."""
        for running in [item for item in self._running if item.request.peer is peer]:
            self._abandon(running)
            self.received['peer_gone'] += 1
        for number, sent in list(self._pending.items()):
            if peer in sent.waiting:
                self._give_up(number, sent, peer)

    def stop(self) -> None:
        """Do nothing: commands that run have no outcome when the sessions close."""

    def peer_opened(self, peer: Peer) -> None:
        """Do nothing: a new peer has no commands."""

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return {
            **received_counts(self._tally, 'handled'),
            **sent_counts(self._sent_tally),
            **by_cause('command_received', dict(self.received)),
            **by_cause('command_sent', dict(self.sent)),
            'command_late_responses': self.late_responses,
            'command_late_replies': self.late_replies,
        }

    def reports(self) -> Sequence[Report]:
        """Return nothing: these are no devices."""
        return ()

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Take a command or a reply; return whether the message is one."""
        content = message.content
        take: Callable[[Peer, codec.Message], str]
        if isinstance(content, codec.CommandReply):
            take = self._take_reply
        elif isinstance(content, codec.Command):
            take = self._take_command
        elif self._is_string and isinstance(content, codec.String):
            device = command_text.split_command_device(message.device_name)
            if device is None:
                return False
            take = self._take_string_command if device[0] == 'CMD' else self._take_string_reply
        else:
            return False
        self._tally.take(lambda: take(peer, message))
        return True

    # Commands that come.

    def _take_command(self, peer: Peer, message: codec.Message) -> str:
        content = message.content
        if len(content.raw) > command_text.MAX_TEXT_SIZE:
            request = _Request(peer, message, content.command_id, content.name, '')
            size = f'{len(content.raw)} bytes of text, {command_text.MAX_TEXT_SIZE} are allowed'
            return self._take(request, 'too_large', size)
        return self._take(_Request(peer, message, content.command_id, content.name, content.text))

    def _take_string_command(self, peer: Peer, message: codec.Message) -> str:
        device = command_text.split_command_device(message.device_name)
        assert device is not None  # or it would be no command
        text = message.content.text.rstrip('\0')  # which PLUS sends too
        name = command_text.command_name(text)
        return self._take(_Request(peer, message, int(device[1]), name, text))

    def _take(self, request: _Request, problem: str = '', error: str = '') -> str:
        """
        Give a command to its service, or refuse it and return why.

        A number that was there already is not answered: PLUS ignores it too, and who sends a
        command twice has to expect one reply.
        """
        peer = request.peer
        recent = peer.recent_commands
        if request.number in recent:
            self.received['duplicate'] += 1
            return 'command_duplicate'
        recent.append(request.number)
        row = _find_row(self._rows, request.name)
        client = None if row is None else self._clients.get(row.ros_service_name)
        if not problem:
            if row is None:
                problem, error = 'unknown', 'unknown command'
            elif client is None or not client.service_is_ready():
                problem, error = 'no_service', 'nobody is there to run this command'
            elif sum(item.request.peer is peer for item in self._running) >= MAX_RUNNING:
                problem, error = 'too_many', f'{MAX_RUNNING} commands are running already'
        if problem:
            self._throttle.log(
                logging.WARNING,
                (peer.session.host, problem),
                f"{peer.name}: command '{naming.escape(request.name)}' refused: "
                f'{problem}: {error}',
            )
            self._answer(request, problem, error)
            return f'command_{problem}'
        assert row is not None  # refused above
        assert client is not None
        self._run(request, client, row.timeout)
        return ''

    def _run(self, request: _Request, client: Client, timeout_s: float) -> None:
        """Call the service that a command belongs to."""
        response = client.call_async(
            self._service_type.Request(
                connection=self._connection_name,
                device_name=naming.ros_text(request.message.device_name),
                name=naming.ros_text(request.name),
                content=naming.ros_text(request.text),
                timeout=timeout_s,
            )
        )
        running = _Running(request, client, response)
        running.timer = self._io_thread.loop.call_later(
            timeout_s, self._expire, running, timeout_s
        )
        self._running[running] = None
        response.add_done_callback(lambda _: self._call_soon(self._served, running))

    def _served(self, running: _Running) -> None:
        """Send what a service has responded, unless that is too late."""
        if running not in self._running:
            self.late_responses += 1
            return
        del self._running[running]
        running.timer.cancel()
        response = running.response.result()
        if response.outcome == self._service_type.Response.SUCCEEDED:
            self._answer(running.request, 'succeeded', '', response.content)
        else:
            error = response.error or 'the command failed'
            self._answer(running.request, 'failed', error, response.content)

    def _expire(self, running: _Running, timeout_s: float) -> None:
        self._abandon(running)
        self._answer(running.request, 'timed_out', f'no result within {timeout_s:g} s')

    def _abandon(self, running: _Running) -> None:
        """Expect nothing more of a service; what it responds to the last ones is still counted."""
        del self._running[running]
        running.timer.cancel()
        self._overdue.append(running)
        if len(self._overdue) > MAX_RUNNING:
            oldest = self._overdue.popleft()
            oldest.client.remove_pending_request(oldest.response)

    def _answer(self, request: _Request, outcome: str, error: str, text: str = '') -> None:
        """Reply to the peer whose command it was, and count what became of that."""
        if len(text.encode('utf-8', 'replace')) > command_text.MAX_TEXT_SIZE:
            outcome, error, text = 'failed', 'the result is too long', ''
        try:
            is_queued = self._send_reply(request, error, text)
        except codec.EncodeError as encode_error:  # what escapes make longer than a STRING is
            outcome = 'failed'
            error = f'the result cannot be sent: {encode_error}'
            is_queued = self._send_reply(request, error, '')
        self.received[outcome if is_queued else 'peer_gone'] += 1

    def _send_reply(self, request: _Request, error: str, text: str) -> bool:
        """Send a reply; return whether the peer is there to get it."""
        message = request.message
        error, text = naming.ros_text(error), naming.ros_text(text)
        reply: codec.Message
        if isinstance(message.content, codec.String):
            reply = codec.Message(
                codec.String(command_text.reply_text(error, text)),
                f'ACK{message.device_name[3:]}',
                message_id=message.message_id,
            )
        else:
            # as PLUS says it; the field of the name has no room for a long error
            metadata = {'Status': 'FAIL', 'Error': error} if error else {'Status': 'SUCCESS'}
            reply = codec.Message(
                codec.CommandReply(request.number, command_text.fit_error(error), text),
                message.device_name,
                message_id=message.message_id,
                metadata=metadata,
            )
        return bool(self._endpoint.send(reply, traffic='event', to=request.peer.session))

    # Commands that are sent.

    def send(self, request: Any) -> Future[Any]:
        """Send a command to all peers, and return the response that will be; on any thread."""
        sent = _Sent(request.name)
        if not self._call_soon(self._begin, sent, request):
            self._finish(sent, 'refused', 'the node is not active')
        return sent.answer

    def _begin(self, sent: _Sent, request: Any) -> None:
        """Send a command, or say why not."""
        outcomes = self._sent_tally.here
        outcomes.received += 1
        timeout_s = request.timeout or DEFAULT_TIMEOUT_S
        problem = self._problem(request)
        if problem:
            outcomes.rejected['command'] += 1
            self._finish(sent, 'refused', problem)
            return
        peers = self._peers.all
        able = [s for s in peers if self._is_string or s.session.header_version >= 2]
        if not able:
            cause, error = 'no_peer', 'nobody is connected'
            if peers:
                cause = 'peer_too_old'
                error = 'no peer has shown that it reads header version 2, as a command needs'
            outcomes.skipped[cause] += 1
            self._finish(sent, cause, error)
            return
        number = self._last_number = self._last_number % 0xFFFF_FFFF + 1
        try:
            message = self._message(number, request)
            sent.waiting = self._put(message, able, number, request.name)
        except codec.EncodeError as encode_error:
            outcomes.rejected['encode'] += 1
            self._finish(sent, 'refused', str(encode_error))
            return
        if not sent.waiting:  # they are being closed
            outcomes.skipped['no_peer'] += 1
            self._finish(sent, 'no_peer', 'nobody is connected')
            return
        outcomes.done += 1
        self._pending[number] = sent
        error = f'no reply within {timeout_s:g} s'
        sent.timer = self._io_thread.loop.call_later(
            timeout_s, self._conclude, number, 'timed_out', error
        )

    def _put(
        self, message: codec.Message, peers: Sequence[Peer], number: int, name: str
    ) -> set[Peer]:
        """
        Queue a command, and return for which peers it was.

        A stop goes before all that waits. Were a command that it overtakes sent after it, the
        robot would stop and then move: it is withdrawn.
        """
        is_stop = command_text.is_stop(name)
        if is_stop:
            for peer in peers:
                for key in peer.session.withdraw(lambda key: isinstance(key, _Key)):
                    self._withdrawn(key, peer)
        traffic: Traffic = 'stop' if is_stop else 'event'
        key = _Key(number)
        send = self._endpoint.send
        return {s for s in peers if send(message, traffic=traffic, to=s.session, key=key)}

    def _withdrawn(self, key: Hashable, peer: Peer) -> None:
        """Take note that a command was not sent to a peer, since a stop was."""
        assert isinstance(key, _Key)  # no other is withdrawn
        sent = self._pending.get(key.number)
        if sent is not None:
            sent.is_withdrawn = True
            self._give_up(key.number, sent, peer)

    def _problem(self, request: Any) -> str:
        """Return why a command cannot be sent to anybody, or nothing."""
        if not 0.0 <= request.timeout <= MAX_TIMEOUT_S:
            return f'timeout is {request.timeout:g} s, 0 to {MAX_TIMEOUT_S:g} are allowed'
        size = len(request.content.encode('utf-8', 'replace'))
        if size > command_text.MAX_TEXT_SIZE:
            return f'content has {size} bytes, {command_text.MAX_TEXT_SIZE} are allowed'
        if not request.name:
            return 'name is empty'
        if self._is_string and request.content:
            name = command_text.command_name(request.content)
            if name != request.name:
                return (
                    f'content has Name {name!r} in its first tag, where the peer looks for the '
                    f'name, which is {request.name!r}'
                )
        return ''

    def _message(self, number: int, request: Any) -> codec.Message:
        """Return the message that carries a command."""
        content = naming.ros_text(request.content)
        if self._is_string:
            text = content or command_text.command_text(request.name)
            return codec.Message(codec.String(text), f'CMD_{number}')
        command = codec.Command(number, naming.ros_text(request.name), content)
        return codec.Message(command, naming.ros_text(request.device_name))

    def _take_reply(self, peer: Peer, message: codec.Message) -> str:
        content = message.content
        return self._conclude_by(peer, content.command_id, message)

    def _take_string_reply(self, peer: Peer, message: codec.Message) -> str:
        device = command_text.split_command_device(message.device_name)
        assert device is not None  # or it would be no reply
        return self._conclude_by(peer, int(device[1]), message)

    def _conclude_by(self, peer: Peer, number: int, message: codec.Message) -> str:
        """Take note of a reply; return why it is of no use, or nothing."""
        sent = self._pending.get(number)
        if sent is None or peer not in sent.waiting:
            self.late_replies += 1
            return 'late_reply'
        if len(message.content.raw) > command_text.MAX_TEXT_SIZE:
            verdict, text = Verdict(False, 'the reply is too long'), ''
        else:
            text = naming.ros_text(message.content.text.rstrip('\0'))
            verdict = _judge(sent.name, message, text)
        if verdict.succeeded:
            self._conclude(number, 'succeeded', '', text)
        else:
            sent.failure = sent.failure or (naming.ros_text(verdict.error), text)
            self._give_up(number, sent, peer)
        return ''

    def _give_up(self, number: int, sent: _Sent, peer: Peer) -> None:
        """Expect no success of a peer, and none at all if it was the last one."""
        sent.waiting.discard(peer)
        if sent.waiting:
            return
        if sent.failure is not None:
            self._conclude(number, 'failed', *sent.failure)
        elif sent.is_withdrawn:
            self._conclude(number, 'withdrawn', 'a stop was sent in its place')
        else:
            self._conclude(number, 'disconnected', 'the peer went before it replied')

    def _conclude(self, number: int, outcome: str, error: str, content: str = '') -> None:
        """End a command that was sent."""
        sent = self._pending.pop(number)
        assert sent.timer is not None  # since it is pending
        sent.timer.cancel()
        self._finish(sent, outcome, error, content)

    def _finish(self, sent: _Sent, outcome: str, error: str, content: str = '') -> None:
        """Tell the user what became of a command."""
        self.sent[outcome] += 1
        response_type = self._service_type.Response
        code = getattr(response_type, outcome.upper(), response_type.NOT_SENT)
        if code == response_type.NOT_SENT:
            error = f'{outcome}: {error}'
        sent.answer.set_result(response_type(outcome=code, error=error, content=content))

    def _call_soon(self, function: Callable[..., None], *arguments: object) -> bool:
        """Have the I/O thread call a function; return whether there is one; on any thread."""
        with contextlib.suppress(RuntimeError):  # it was stopped
            self._io_thread.loop.call_soon_threadsafe(function, *arguments)
            return True
        return False


def _service_qos(depth: int) -> QoSProfile:
    """Return the quality of service of ROS services, with a queue for so many calls."""
    profile = copy(qos_profile_services_default)
    profile.depth = depth
    return profile


def _find_row(rows: Sequence[CommandRow], name: str) -> CommandRow | None:
    """Return the first row that a command belongs to."""
    if len(name) > command_text.COMMAND_NAME_SIZE:  # for an expression that would be slow work
        return None
    for row in rows:
        regex = row.igtl_command_regex
        if row.igtl_command_name == name if regex is None else regex.fullmatch(name):
            return row
    return None


def _judge(name: str, message: codec.Message, text: str) -> Verdict:
    """
    Return what a reply says of the command of that name.

    PLUS says it in metadata and in the text, and has the command's name in the field of the name,
    as 3D Slicer has; by ``command.md`` that field is the error.
    """
    metadata = message.metadata
    status = metadata.get('Status')
    if status == 'SUCCESS':
        return Verdict(True)
    if status == 'FAIL':
        return Verdict(False, metadata.get('Error') or 'the peer says that it failed')
    verdict = command_text.judge_status(text)
    if verdict is not None:
        return verdict
    if isinstance(message.content, codec.String):
        return Verdict(False, 'the reply has no Status')
    error: str = message.content.name
    return Verdict(True) if error in ('', name) else Verdict(False, error)

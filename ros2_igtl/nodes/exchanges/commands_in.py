# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Runs the commands of peers: each calls the ROS service of its row, and gets one reply.

Everything runs on the I/O thread without waiting, unless stated otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from rclpy.client import Client
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_services_default

from ros2_igtl import codec
from ros2_igtl.config import CommandRow
from ros2_igtl.convert import naming
from ros2_igtl.convert.command_text import COMMAND_NAME_SIZE, MAX_TEXT_SIZE, is_stop
from ros2_igtl.nodes.exchanges.dialects import DIALECTS, Command, Dialect, takes_of
from ros2_igtl.nodes.feature import Feature, Send
from ros2_igtl.nodes.peer import RECENT_COMMANDS, Peer
from ros2_igtl.nodes.reporting.counters import Tally, by_cause, received_counts
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.srv import Command as CommandService
from ros2_igtl.transport import IoThread
from ros2_igtl.transport.log import Allowance, Throttle

# Of one peer, and as many stops; more identifiers would not be remembered.
MAX_RUNNING = RECENT_COMMANDS


class _Received(NamedTuple):
    """A command and its origin."""

    peer: Peer
    dialect: Dialect
    message: codec.Message
    command: Command


@dataclass(slots=True, eq=False)
class _Running:
    """A command whose ROS service has not answered yet."""

    received: _Received
    client: Client
    is_urgent: bool  # a stop
    response: Any  # rclpy's future
    timer: asyncio.TimerHandle = field(init=False)


class CommandsIn(Feature):
    """
    Runs the commands of the peers of one connection.

    :param node: finds the services.
    :param settings: the connection's.
    :param io_thread: runs the connection.
    :param send: queues a message for peers.
    :param allowance: for the log of the connection.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        io_thread: IoThread,
        send: Send,
        allowance: Allowance,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        """Commands by their outcomes."""
        self.late_responses = 0
        """Responses of ROS services to commands that already had an outcome."""
        self._node = node
        self._connection_name = settings.name
        self._dialects = DIALECTS[settings.command_dialect]
        self._rows: Sequence[CommandRow] = settings.commands
        self._io_thread = io_thread
        self._send = send
        self._tally = Tally([])
        self._throttle = Throttle(allowance)
        self._clients: dict[str, Client] = {}  # by the names of services
        self._overdue: deque[_Running] = deque()
        self.takes = takes_of(self._dialects)

    def start(self) -> None:
        """Create clients for the services that run commands; where ROS runs."""
        profile = _service_qos(2 * MAX_RUNNING)
        for row in self._rows:
            if row.ros_service_name not in self._clients:
                self._clients[row.ros_service_name] = self._node.create_client(
                    CommandService, row.ros_service_name, qos_profile=profile
                )

    def destroy(self) -> None:
        """Destroy the clients; where ROS runs, when the sessions are closed."""
        for client in self._clients.values():
            self._node.destroy_client(client)
        self._clients.clear()

    def peer_closed(self, peer: Peer) -> None:
        """Abandon the commands of a peer that has disconnected."""
        for running in list(peer.running_commands):
            self._abandon(running)
            self.outcomes['peer_gone'] += 1

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """Run a command; return False for any other message."""
        for dialect in self._dialects:
            command = dialect.read_command(message)
            if command is not None:
                message.metadata = {}  # not needed, and as large as the peer likes
                received = _Received(peer, dialect, message, command)
                self._tally.take(partial(self._take, received))
                return True
        return False

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return {
            **received_counts(self._tally, 'handled'),
            **by_cause('command_received', dict(self.outcomes)),
            'command_late_responses': self.late_responses,
        }

    def _take(self, received: _Received) -> str:
        """
        Pass a command to its service, or reject it and return the cause.

        A command with the identifier of an earlier one gets no reply: PLUS ignores it too, and a
        peer that repeats a command expects one reply. A stop runs in any case, since it does no
        harm twice, and beside any number of other commands.
        """
        peer, command = received.peer, received.command
        is_urgent = is_stop(command.name)
        if command.id not in peer.recent_commands:
            peer.recent_commands.append(command.id)
        elif not is_urgent:
            self.outcomes['duplicate'] += 1
            return 'command_duplicate'
        row = _find_row(self._rows, command.name)
        client = None if row is None else self._clients.get(row.ros_service_name)
        if command.text_size > MAX_TEXT_SIZE:
            error = f'the text has {command.text_size} bytes; {MAX_TEXT_SIZE} are allowed'
            return self._refuse(received, 'too_large', error)
        if row is None:
            return self._refuse(received, 'unknown', 'unknown command')
        if client is None or not client.service_is_ready():
            return self._refuse(received, 'no_service', 'the service of this command is missing')
        alike = [each for each in peer.running_commands if each.is_urgent == is_urgent]
        if len(alike) >= MAX_RUNNING:
            return self._refuse(
                received, 'too_many', f'{MAX_RUNNING} commands are already running'
            )
        self._run(received, client, row.timeout, is_urgent)
        return ''

    def _refuse(self, received: _Received, cause: str, error: str) -> str:
        """Reply that a command was rejected, and return the cause to count."""
        peer = received.peer
        name = naming.escape(received.command.name)
        self._throttle.log(
            logging.WARNING,
            (peer.session.host, cause),
            f"{peer.name}: command '{name}' rejected: {cause}: {error}",
        )
        self._reply(received, cause, error)
        return f'command_{cause}'

    def _run(self, received: _Received, client: Client, timeout_s: float, is_urgent: bool) -> None:
        """Call the service of a command."""
        command = received.command
        response = client.call_async(
            CommandService.Request(
                connection=self._connection_name,
                device_name=naming.ros_text(command.device_name),
                name=naming.ros_text(command.name),
                content=naming.ros_text(command.text),
                timeout=timeout_s,
            )
        )
        running = _Running(received, client, is_urgent, response)
        running.timer = self._io_thread.loop.call_later(
            timeout_s, self._expire, running, timeout_s
        )
        received.peer.running_commands[running] = None
        _account(received.peer)
        response.add_done_callback(lambda _: self._io_thread.call_soon(self._served, running))

    def _served(self, running: _Running) -> None:
        """Reply with the response of a service, unless it is too late."""
        received = running.received
        if running not in received.peer.running_commands:
            self.late_responses += 1
            return
        del received.peer.running_commands[running]
        _account(received.peer)
        running.timer.cancel()
        response = running.response.result()
        if response.outcome == CommandService.Response.SUCCEEDED:
            self._reply(received, 'succeeded', '', response.content)
        else:
            error = response.error or 'the command failed'
            self._reply(received, 'failed', error, response.content)

    def _expire(self, running: _Running, timeout_s: float) -> None:
        self._abandon(running)
        self._reply(running.received, 'timed_out', f'no result within {timeout_s:g} s')

    def _abandon(self, running: _Running) -> None:
        """Stop waiting for a response; late responses to the last such commands are counted."""
        del running.received.peer.running_commands[running]
        _account(running.received.peer)
        running.timer.cancel()
        self._overdue.append(running)
        if len(self._overdue) > MAX_RUNNING:
            oldest = self._overdue.popleft()
            oldest.client.remove_pending_request(oldest.response)

    def _reply(self, received: _Received, outcome: str, error: str, text: str = '') -> None:
        """Reply to a peer, and count the outcome of its command."""
        if len(text.encode('utf-8', 'replace')) > MAX_TEXT_SIZE:
            outcome, error, text = 'failed', 'the result is too long', ''
        try:
            is_queued = self._send_reply(received, error, text)
        except codec.EncodeError as encode_error:  # escapes made it too long for a STRING
            outcome = 'failed'
            error = f'the result cannot be sent: {encode_error}'
            is_queued = self._send_reply(received, error, '')
        if outcome != 'succeeded' and is_stop(received.command.name):
            outcome = f'stop_{outcome}'  # the robot goes on
        self.outcomes[outcome if is_queued else 'peer_gone'] += 1

    def _send_reply(self, received: _Received, error: str, text: str) -> bool:
        """Send a reply; return whether the peer is still connected."""
        peer, dialect, message, command = received
        reply = dialect.reply_message(
            message, command, naming.ros_text(error), naming.ros_text(text)
        )
        return bool(self._send(reply, 'event', (peer,)))


def _account(peer: Peer) -> None:
    """Account the texts of the commands of a peer that run, at their largest."""
    peer.session.hold('commands', len(peer.running_commands) * MAX_TEXT_SIZE)


def _service_qos(depth: int) -> QoSProfile:
    """Return the quality of service of ROS services, with a given queue depth."""
    profile = copy(qos_profile_services_default)
    profile.depth = depth
    return profile


def _find_row(rows: Sequence[CommandRow], name: str) -> CommandRow | None:
    """Return the first row that matches a command; a stop in any case of its letters."""
    if len(name) > COMMAND_NAME_SIZE:  # matching expressions would be slow
        return None
    flags = re.IGNORECASE if is_stop(name) else 0
    for row in rows:
        regex = row.igtl_command_regex
        pattern = re.escape(row.igtl_command_name or '') if regex is None else regex.pattern
        if re.fullmatch(pattern, name, flags):  # from the cache of re
            return row
    return None

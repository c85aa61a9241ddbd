# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Shapes of a fuzzer: commands both ways, whose replies and runs are counted."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import Future
from functools import partial
from typing import Any

from helpers.bridge_peer import pack
from helpers.live_peer import LivePeer
from helpers.live_stage import Shape, Stage, Steps
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.services.deferred import DeferredService
from ros2_igtl.srv import Command

SERVICE = '/fuzzed_run'
TIMEOUT_S = 3.0  # of the row in the mapping file
PATIENCE_S = 10.0  # beyond it
STOPS = ('STOP', 'stop', 'EStop', 'Halt')
LATER = 'Later'


class CommandBook:
    """
    The ROS side of commands: a service that runs them, and a client of ~/send_command.

    :ivar runs: how often each text was run.
    """

    def __init__(self, graph: Graph, node_name: str) -> None:
        self.runs: Counter[str] = Counter()
        self._later: list[tuple[float, Future[Any], str]] = []
        self._service = DeferredService(graph.user, Command, SERVICE, self._run)
        self._client = graph.user.create_client(Command, f'/{node_name}/send_command')

    def wait(self) -> None:
        """Wait until the node can be called."""
        wait_until(self._client.service_is_ready, 20.0, 'send_command')

    def call(self, name: str, timeout_s: float) -> Any:
        """Call ~/send_command, and return the future of its response."""
        request = Command.Request(connection='open', name=name, timeout=timeout_s)
        return self._client.call_async(request)

    def respond(self) -> None:
        """Respond to the commands that run for long, if it is time."""
        due = [each for each in self._later if each[0] <= time.monotonic()]
        for each in due:
            self._later.remove(each)
            each[1].set_result(_response(each[2]))

    def _run(self, request: Any) -> Future[Any]:
        self.runs[request.content] += 1
        response: Future[Any] = Future()
        if request.name == LATER:
            wait_s = sum(map(ord, request.content)) % 40 / 40.0  # up to 1 s
            self._later.append((time.monotonic() + wait_s, response, request.content))
        else:
            response.set_result(_response(request.content))
        return response


def _response(text: str) -> Any:
    return Command.Response(outcome=Command.Response.SUCCEEDED, content=f'done {text}')


class _Questions:
    """The commands of one peer, and what came back."""

    def __init__(self, peer: LivePeer, book: CommandBook) -> None:
        self._peer = peer
        self._book = book
        self._expected: Counter[int] = Counter()  # replies, by the numbers of commands
        self._texts: dict[int, set[str]] = {}
        self._replies: Counter[int] = Counter()
        self._asked = 0
        self._silent: list[str] = []  # texts that must not be run
        peer.take = self._take

    @property
    def is_answered(self) -> bool:
        """Whether each command has its replies."""
        return all(self._replies[number] >= count for number, count in self._expected.items())

    def ask(self, number: int, name: str) -> bytes:
        """Return the bytes of a command."""
        self._asked += 1
        text = f'{self._peer.party.number}/{number}/{self._asked}'
        if number in self._expected and name not in STOPS:
            self._silent.append(text)
        else:
            self._expected[number] += 1
            self._texts.setdefault(number, set()).add(text)
        return pack(codec.Command(number, name, text), 'Commands', header_version=2)

    def judge(self) -> None:
        """Accuse the node of what is missing, or too much."""
        accuse = self._peer.judge.accuse
        if self._peer.is_closed:
            return
        for number in {*self._expected, *self._replies}:
            if self._replies[number] != self._expected[number]:
                found = f'{self._replies[number]} replies of {self._expected[number]}'
                accuse('replies', f'{found} to {number} of {self._peer.party.number}')
        for text in self._silent:
            if self._book.runs[text]:
                accuse('run', f'a duplicate was run: {text}')
        for text in set[str]().union(*self._texts.values()):
            if self._book.runs[text] > 1:
                accuse('run', f'{self._book.runs[text]} times: {text}')

    def _take(self, message: codec.Message) -> None:
        if not isinstance(message.content, codec.CommandReply):
            return
        number, text = message.content.command_id, message.content.text
        self._replies[number] += 1
        if text and text.removeprefix('done ') not in self._texts.get(number, ()):
            self._peer.judge.accuse('reply_of_another', f'{number}: {text}')


def commands(stage: Stage, rng: random.Random) -> Steps:
    """Send commands: many at once, stops, unknown ones, twice, and of a wrong version."""
    book: CommandBook = stage.props['book']
    peer = stage.dial()
    questions, number = _Questions(peer, book), rng.randrange(2**31)
    for _ in range(4):
        data = []
        for _ in range(rng.choice((1, 10, 110))):
            name = rng.choice(('Run', 'Run', LATER, 'Unknown', *STOPS))
            data.append(questions.ask(number, name))
            if rng.random() < 0.1:
                data.append(questions.ask(number, name))
            number += 1
        data.append(pack(codec.CommandReply(rng.randrange(2**32), '', 'unasked'), 'Commands'))
        wrong = bytearray(pack(codec.Command(0, 'Run', 'wrong'), 'Commands', header_version=2))
        wrong[1] = rng.choice((1, 3, 9))
        data.append(bytes(wrong))
        peer.send(b''.join(data), len(data))
        end_s = time.monotonic() + TIMEOUT_S + PATIENCE_S
        while not questions.is_answered and time.monotonic() < end_s and not peer.is_closed:
            yield 0.02
            book.respond()
            peer.receive()
        yield 1.0
    questions.judge()
    yield from peer.finish()


def asked(stage: Stage, rng: random.Random) -> Steps:
    """Let ROS send commands to peers, which reply well, twice, wrongly, late or not at all."""
    book: CommandBook = stage.props['book']
    kind = rng.choice(('once', 'twice', 'wrong', 'late', 'never'))
    peer = stage.dial()
    peer.send(pack(codec.Status(), 'Peer', header_version=2))
    waiting: list[tuple[float, codec.Message]] = []

    def take(kind: str, message: codec.Message) -> None:
        if isinstance(message.content, codec.Command) and message.type_name == 'COMMAND':
            number = message.content.command_id + (kind == 'wrong')
            content = codec.CommandReply(number % 2**32, '', 'done')
            reply = codec.Message(content, message.device_name, header_version=2)
            reply.metadata = {'Status': 'SUCCESS'}
            due_s = time.monotonic() + (1.5 if kind == 'late' else 0.0)
            waiting.extend([(due_s, reply)] * {'never': 0, 'twice': 2}.get(kind, 1))

    peer.take = partial(take, kind)
    yield 0.3
    for _ in range(3):
        yield 0.5
        future, end_s = book.call('Do', 1.0), time.monotonic() + 1.0 + PATIENCE_S
        while not future.done() and time.monotonic() < end_s:
            yield 0.02
            peer.receive()
            due = [reply for due_s, reply in waiting if due_s <= time.monotonic()]
            waiting[:] = [each for each in waiting if each[0] > time.monotonic()]
            for reply in due:
                peer.send(codec.pack(reply))
        outcome = future.result().outcome if future.done() else None
        expected = Command.Response.SUCCEEDED if kind in ('once', 'twice') else None
        if outcome is None or (expected is not None and outcome != expected):
            stage.judge.accuse('send_command', f'outcome {outcome} where a peer replies {kind}')
    yield from peer.finish()


COMMAND_SHAPES: dict[str, Shape] = {'commands': commands, 'asked': asked}
"""By name."""

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Send a running node messages with faults for some seconds: ``python test/load/fuzz_live.py 60``.

Several sessions at a time, each in pieces that are cut anywhere. A codec of the fuzzer's own reads
what it sends, and so knows how many messages the node has to account for, and which poses may be
on tf. A second number is the seed: the same one sends the same messages.
"""

from __future__ import annotations

import errno
import random
import select
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == '__main__':
    # behind the installed package, which has the generated messages
    sys.path += [str(ROOT / 'test'), str(ROOT)]

from helpers.accounts import Accounts
from helpers.bridge_peer import pack, pose
from helpers.bridge_process import BridgeProcess
from helpers.feeding import Outcome, drain
from helpers.load import BusyPeer
from helpers.mutation import Mutator, seeds
from helpers.pose_ledger import PoseLedger
from helpers.ros_domain import own_ros_domain
from helpers.ros_graph import ros_graph
from ros2_igtl import codec

SESSIONS = 4  # at a time
MAX_MESSAGES = 200  # of a session
MAX_BODY = 100_000  # so that a body which is announced and never comes eats few of those behind it
MAX_CRC_FAILURES = 3  # in a row, and the node closes
PARAMETERS = {
    'port': 0,
    'max_message_bytes': MAX_BODY,
    'max_clients': 100,
    'header_timeout': 60.0,  # a busy machine is no fault
    'body_timeout': 60.0,
    'max_rejected_rate': 0,  # most of what it gets is refused
    'timestamp_mode': 'receive',  # or a pose that is sent again would not be newer
}
# Of which no vector is: a pose that its sender does not vouch for, a scan later than ROS knows.
BESIDES = (
    pose(device_name='Lost', header_version=2, metadata={'TransformStatus': 'MISSING'}),
    pack(codec.ImageMeta.from_images([{'name': 'Scan', 'timestamp': 2**64 - 1}]), 'Scans'),
)
# 500 devices, each with its topics and what is kept there for late joiners
MEMORY_BOUND = 100_000_000


@dataclass
class Report:
    """
    What was sent, and what became of it.

    :ivar outcomes: of the messages, as the fuzzer's own codec reads them: 'message' or the cause.
    :ivar type_names: of those that were read.
    :ivar causes: for which the node has rejected messages.
    :ivar poses: on tf.
    :ivar strangers: poses on tf that no valid message had.
    :ivar growth: of the node's memory, bytes.
    :ivar balance: the law of conservation as a line.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    type_names: set[str] = field(default_factory=set)
    causes: set[str] = field(default_factory=set)
    poses: int = 0
    strangers: list[object] = field(default_factory=list)
    growth: int = 0
    balance: str = ''

    def __str__(self) -> str:
        """Return it in lines."""
        return (
            f'{self.outcomes.total()} messages of {len(self.type_names)} types: '
            f'{dict(self.outcomes.most_common())}\n'
            f'rejected by the node as {", ".join(sorted(self.causes))}\n'
            f'{self.poses} poses on tf, {len(self.strangers)} of them from nowhere\n'
            f'memory: {self.growth:+,} bytes\n{self.balance}'
        )


class Session:
    """One session, sent piece by piece, and what a codec of our own reads of it."""

    def __init__(self, port: int, messages: list[bytes], rng: random.Random) -> None:
        self._socket = socket.create_connection(('127.0.0.1', port), 30.0)
        self._pieces: deque[bytes] = deque()
        for data in messages:
            cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 1, 4))))
            bounds = (0, *cuts, len(data))
            self._pieces += (data[a:b] for a, b in pairwise(bounds) if a < b)
        self._connection = codec.Connection(codec.Limits(max_body_size=MAX_BODY))
        self._crc_failures = 0

    def send_piece(self) -> tuple[list[Outcome], bool]:
        """Send the next piece; return what it completes, and whether the session is over."""
        self._receive()
        piece = self._pieces.popleft()
        self._connection.receive_data(piece)
        outcomes, is_lost = self._until_lost(drain(self._connection))
        self._socket.sendall(piece)
        if is_lost:
            self._end()
        elif not self._pieces:
            self._end()
            try:
                self._connection.close()
            except codec.TruncatedError as error:
                outcomes.append(error)
            is_lost = True
        return outcomes, is_lost

    def _receive(self) -> None:
        """Take the node's answers, which nobody reads."""
        while select.select((self._socket,), (), (), 0.0)[0] and self._socket.recv(1 << 16):
            pass

    def _until_lost(self, outcomes: list[Outcome]) -> tuple[list[Outcome], bool]:
        """Return the outcomes up to the one at which the node closes, and whether there is one."""
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, codec.Message):
                self._crc_failures = 0
            elif isinstance(outcome, codec.CrcError):
                self._crc_failures += 1
            is_lost = self._crc_failures == MAX_CRC_FAILURES
            if is_lost or isinstance(outcome, codec.FramingError):
                return outcomes[: index + 1], True
        return outcomes, False

    def _end(self) -> None:
        """Say that nothing more comes, and wait for the node to close."""
        with self._socket:
            try:
                self._socket.shutdown(socket.SHUT_WR)
                while self._socket.recv(1 << 16):
                    pass
            except OSError as error:
                if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                    raise  # these three: it closed before it had read all


def _messages(rng: random.Random, mutator: Mutator, known: list[bytes]) -> list[bytes]:
    """Return the messages of a session, most of them with faults."""
    return [
        mutator.message() if rng.random() < 0.8 else rng.choice(known)
        for _ in range(rng.randrange(1, MAX_MESSAGES))
    ]


def send_all(port: int, seconds: float, seed: int, ledger: PoseLedger) -> Report:
    """Send every message there is to begin with, then those with faults until the time is over."""
    report = Report()
    rng = random.Random(seed)
    mutator = Mutator(rng)
    known = [*seeds(), *BESIDES]
    # twice each, in sessions of their own: what ends one must not hide the next
    waiting = deque([data, data] for data in known)
    sessions: list[Session] = []
    end_s = time.monotonic() + seconds
    while sessions or waiting or time.monotonic() < end_s:
        while len(sessions) < SESSIONS and (waiting or time.monotonic() < end_s):
            messages = waiting.popleft() if waiting else _messages(rng, mutator, known)
            sessions.append(Session(port, messages, rng))
        session = rng.choice(sessions)
        outcomes, is_over = session.send_piece()
        if is_over:
            sessions.remove(session)
        for outcome in outcomes:
            if isinstance(outcome, codec.Message):
                report.outcomes['message'] += 1
                report.type_names.add(outcome.type_name)
                ledger.note(outcome)
            else:
                report.outcomes[outcome.cause] += 1
    return report


def fuzz(seconds: float, seed: int) -> Report:
    """
    Send a node messages with faults, and ask it whether it is fine.

    :raises AssertionError: it is not: it has logged a traceback, or gives no answer, or has lost a
        message.
    """
    ledger = PoseLedger()
    with ros_graph() as graph, BridgeProcess('igtl_server', PARAMETERS, name='fuzzed') as process:
        accounts = Accounts(graph, 'fuzzed')
        found = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf', depth=1000)
        memory = process.usage.memory
        report = send_all(process.port, seconds, seed, ledger)
        with BusyPeer(process.port) as peer:
            assert peer.ask(pack(codec.GetStatus(), '')).type_name == 'STATUS'
        received = report.outcomes.total() + peer.sent
        report.balance = accounts.await_conserved('fuzzed', received)
        report.growth = process.usage.memory - memory
        counts = accounts.counts('fuzzed')
        report.causes = {name[9:] for name in counts if name.startswith('rejected ')}
    transforms = [transform for message in found for transform in message.transforms]
    report.poses = len(transforms)
    report.strangers = [each for each in transforms if not ledger.has(each.transform)]
    return report


def main() -> int:
    """Return 0 if the node stands it."""
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print(f'seed {seed}', flush=True)
    with own_ros_domain():
        report = fuzz(seconds, seed)
    print(report)
    for stranger in report.strangers[:10]:
        print(f'from nowhere: {stranger}', file=sys.stderr)
    return bool(report.strangers or report.growth > MEMORY_BOUND)


if __name__ == '__main__':
    sys.exit(main())

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sessions of messages with faults, in pieces that are cut anywhere.

A codec of the sender's own reads what it sends, and so knows how many messages the node has to
account for, and which poses may be on tf.
"""

from __future__ import annotations

import errno
import random
import select
import socket
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise

from helpers.bridge_peer import pack, pose
from helpers.feeding import Outcome, drain
from helpers.mutation import Mutator, seeds
from helpers.pose_ledger import PoseLedger
from ros2_igtl import codec

SESSIONS = 4  # at a time
MAX_MESSAGES = 200  # of a session
MAX_BODY = 100_000  # so that a body which is announced and never comes eats few of those behind it
MAX_CRC_FAILURES = 3  # in a row, and the node closes
PAUSE_S = 0.005  # after a piece, so that the node and other peers get their turn
# Of which no vector is: a pose that its sender does not vouch for, a scan later than ROS knows, a
# voxel of a volume over the limit.
BESIDES = (
    pose(device_name='Lost', header_version=2, metadata={'TransformStatus': 'MISSING'}),
    pack(codec.ImageMeta.from_images([{'name': 'Scan', 'timestamp': 2**64 - 1}]), 'Scans'),
    pack(codec.Image(bytes(1), (99, 99, 99), offset=(0, 0, 0), sub_size=(1, 1, 1)), 'Huge'),
)


@dataclass
class Mutants:
    """
    What was sent.

    :ivar outcomes: of the messages, as the sender's own codec reads them: 'message' or the cause.
    :ivar type_names: of those that were read.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    type_names: set[str] = field(default_factory=set)


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


def send_mutants(
    port: int, seed: int, ledger: PoseLedger, mutants: Mutants, ended: threading.Event
) -> None:
    """Send every message there is to begin with, then those with faults until the event is set."""
    rng = random.Random(seed)
    mutator = Mutator(rng)
    known = [*seeds(), *BESIDES]
    # twice each, in sessions of their own: what ends one must not hide the next
    waiting = deque([data, data] for data in known)
    sessions: list[Session] = []
    while sessions or waiting or not ended.is_set():
        while len(sessions) < SESSIONS and (waiting or not ended.is_set()):
            messages = waiting.popleft() if waiting else _messages(rng, mutator, known)
            sessions.append(Session(port, messages, rng))
        session = rng.choice(sessions)
        outcomes, is_over = session.send_piece()
        if is_over:
            sessions.remove(session)
        for outcome in outcomes:
            if isinstance(outcome, codec.Message):
                mutants.outcomes['message'] += 1
                mutants.type_names.add(outcome.type_name)
                ledger.note(outcome)
            else:
                mutants.outcomes[outcome.cause] += 1
        time.sleep(PAUSE_S)

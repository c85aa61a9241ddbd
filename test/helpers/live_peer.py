# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The sessions of a fuzzer whose poses say who sent them, and what the node has to account for."""

from __future__ import annotations

import errno
import select
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from helpers.feeding import drain
from helpers.live_poses import Sent, Track
from helpers.pose_judge import PoseJudge
from helpers.scripted_peer import ScriptedPeer
from ros2_igtl import codec

PARENT = 'igtl_ras'  # default_frame_id
TIMEOUT_S = 30.0  # of one send: a node may stop reading from a peer whose volumes it converts
POLL_S = 0.02
CLOSE_S = 30.0


@dataclass
class Account:
    """
    The messages of all sessions with one connection of the node.

    :ivar least: which it has read.
    :ivar most: which it may have read; more than that if sessions were reset with data on the way.
    """

    least: int = 0
    most: int = 0


@dataclass(frozen=True)
class Door:
    """
    One connection of the node.

    :ivar name: of the connection.
    :ivar port: that it listens on.
    """

    name: str
    port: int
    account: Account = field(default_factory=Account)


class LivePeer:
    """
    A session; whatever it sends is on the account of its connection.

    :param judge: knows its poses.
    :param door: where it connects.
    :param shape: the name of what it does.
    :param host: the address that it dials.
    :param source_port: the port that it dials from; 0: any.
    :ivar take: is given what the node sends.
    """

    def __init__(
        self,
        judge: PoseJudge,
        door: Door,
        shape: str,
        *,
        host: str = '127.0.0.1',
        source_port: int = 0,
    ) -> None:
        self.judge = judge
        self.door = door
        self.party = judge.add_party(shape)
        self.take: Callable[[codec.Message], None] = lambda message: None
        self.sent = 0
        self.is_closed = False
        source = '127.0.0.1' if source_port else None
        self._peer = ScriptedPeer.dial(
            door.port, host=host, source=source, source_port=source_port
        )
        self._peer.socket.settimeout(TIMEOUT_S)
        self._stream = codec.Connection()
        # its answer shows that the node reads
        self.send(codec.pack(codec.Message(codec.GetStatus(), 'Ready')))

    @property
    def source_port(self) -> int:
        """The port that it dials from."""
        return int(self._peer.socket.getsockname()[1])

    def track(self, child: str, parent: str = PARENT, **fields: object) -> Track:
        """Return the poses of a device or tool; the fields are those of :class:`Track`."""
        return Track(self.party, (child, parent), **fields)  # type: ignore[arg-type]

    def pack(self, sent: Sent, device_name: str, timestamp: int | None = None) -> bytes:
        """Return the bytes of a pose, with its own time by default."""
        timestamp = sent.timestamp if timestamp is None else timestamp
        return codec.pack(codec.Message(sent.content, device_name, timestamp=timestamp))

    def send(self, data: bytes, messages: int = 1, poses: Sequence[Sent] = ()) -> bool:
        """Send whole messages; return whether the session is still there, as it should be."""
        begun_ns = time.time_ns()
        for sent in poses:
            sent.begun_ns = sent.done_ns = begun_ns
            sent.track.handed.append((begun_ns, begun_ns - sent.made_ns))
        try:
            self._peer.send(data)
        except OSError as error:
            self._lose(error)
            return False
        done_ns = time.time_ns()
        for sent in poses:
            sent.done_ns = done_ns
        self.sent += messages
        return True

    def receive(self) -> None:
        """Take all that the node has sent by now."""
        sock = self._peer.socket
        try:
            while not self.is_closed and select.select((sock,), (), (), 0.0)[0]:
                data = sock.recv(1 << 16)
                if not data:
                    self._lose('FIN')
                    return
                self._stream.receive_data(data)
                for outcome in drain(self._stream):
                    assert isinstance(outcome, codec.Message), outcome
                    if outcome.type_name == 'STATUS' and self.party.ready_ns is None:
                        self.party.ready_ns = time.time_ns()
                    self.take(outcome)
        except OSError as error:
            self._lose(error)

    def finish(self) -> Iterator[float]:
        """Close when the node has read all; yield how long to wait for it."""
        if self.is_closed:
            return
        end_s = time.monotonic() + CLOSE_S
        self._end(is_read=True)
        try:
            self._peer.shut_down_sending()
            while True:
                if not select.select((self._peer.socket,), (), (), 0.0)[0]:
                    if time.monotonic() > end_s:
                        self.judge.accuse('never_closed', self.party.shape)
                        break
                    yield POLL_S
                elif not self._peer.socket.recv(1 << 16):
                    break
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                raise
        self._peer.close()

    def reset(self, partial: bytes = b'') -> None:
        """
        Close with RST, so that what the node has not read yet is lost.

        :param partial: the beginning of a message, sent before.
        """
        if self.is_closed:
            return
        if partial:
            self._peer.socket.send(partial)
        self._end(is_read=False)
        self.door.account.most += bool(partial)
        self._peer.reset()

    def _end(self, *, is_read: bool) -> None:
        self.is_closed = True
        self.party.closing_ns = time.time_ns()
        self.door.account.most += self.sent
        self.door.account.least += self.sent if is_read else 0

    def _lose(self, reason: object) -> None:
        """Accuse the node of having closed the session."""
        self._end(is_read=False)
        self.door.account.most += 1
        self._peer.close()
        self.judge.accuse('closed', f'{self.party.shape}: {reason} after {self.sent} messages')

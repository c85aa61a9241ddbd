# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages, rejections and deadlines from the bytes of one peer; no socket, no clock."""

from __future__ import annotations

from typing import cast

from ros2_igtl import codec
from ros2_igtl.codec.stream import CrcPolicy
from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.deadlines import Deadlines
from ros2_igtl.transport.statistics import Statistics

MAX_CRC_FAILURES = 3  # in a row: message boundaries are lost, it is not a single flipped bit

_FOREIGN_STARTS = (
    (b'\x16\x03', 'TLS'),
    *((method, 'HTTP') for method in (b'GET ', b'POST', b'HEAD', b'PUT ', b'OPTI', b'HTTP')),
    (b'SSH-', 'SSH'),
)


class Receiver:
    """
    Checks the data of one peer. The session asks :attr:`stream` for buffers and messages.

    :ivar stream: the codec's.
    :ivar deadlines: for the rest of a message and for sending any data.
    :param statistics: of the peer; the caller counts the messages of the stream.
    :param now: seconds on a steady clock, as in all methods.
    """

    def __init__(self, options: Options, statistics: Statistics, now: float) -> None:
        self.stream = codec.Stream(
            codec.Limits(max_body_size=options.max_message_bytes),
            cast(CrcPolicy, options.crc_policy),
        )
        self.deadlines = Deadlines(options, now)
        self._statistics = statistics
        self._max_rate = options.max_rejected_rate
        self._first_bytes = b''  # of the first rejected message
        self._since = now
        self._count = 0  # since then
        self._crc_failures = 0  # in a row
        self._crc_mark = 0  # accepted messages at the last CRC failure

    def note_progress(self, has_completed: bool, now: float) -> None:
        """
        Set the deadlines after all complete messages were taken.

        :param has_completed: whether there was a complete message.
        """
        awaited = None if self.stream.idle else self.stream.state
        self.deadlines.note(awaited, self._statistics.received_bytes, has_completed, now)

    def missed_deadline(self, now: float) -> str:
        """Return the reason to close a peer that is too slow; empty if it is not."""
        missed = self.deadlines.missed(self._statistics.received_bytes, now)
        return missed + self._foreign_hint() if missed == 'header_timeout' else missed

    def reject(self, error: codec.DecodeError, now: float) -> str:
        """Count a rejected message; return the reason to close the connection, or ''."""
        self._statistics.received += 1
        self._statistics.rejected[error.cause] += 1
        if error.header is not None and not self._first_bytes:
            type_name = error.header.type_name.encode('utf-8', 'surrogateescape')
            self._first_bytes = error.header.version.to_bytes(2, 'big') + type_name
        if now - self._since >= 1.0:
            self._since, self._count = now, 0
        self._count += 1
        if isinstance(error, codec.FramingError):
            return f'{error.cause}: {error}{self._foreign_hint()}'
        if 0 < self._max_rate < self._count:
            return f'max_rejected_rate: more than {self._max_rate} rejected messages per second'
        if isinstance(error, codec.CrcError) and self._count_crc_failure() == MAX_CRC_FAILURES:
            return f'{MAX_CRC_FAILURES} messages in a row with a wrong CRC'
        return ''

    def _foreign_hint(self) -> str:
        """Return the protocol of a peer that has not sent a valid message, if recognised."""
        if not self._accepted:
            first_bytes = self._first_bytes or bytes(self.stream.unread[:4])
            for start, protocol in _FOREIGN_STARTS:
                if first_bytes.startswith(start):
                    return f' (looks like {protocol})'
        return ''

    @property
    def _accepted(self) -> int:
        return self._statistics.received - sum(self._statistics.rejected.values())

    def _count_crc_failure(self) -> int:
        """Return how many messages in a row had a wrong CRC."""
        accepted = self._accepted
        if accepted != self._crc_mark:
            self._crc_failures, self._crc_mark = 0, accepted
        self._crc_failures += 1
        return self._crc_failures

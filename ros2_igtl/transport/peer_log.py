# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The log lines about one peer, with repetitions suppressed."""

from __future__ import annotations

import logging

from ros2_igtl import codec
from ros2_igtl.transport.log import Throttle
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.tcp import NO_ANSWER

# Reasons to close that need the user's attention.
WARNED_REASONS = ('send_', 'body_', 'header_', 'idle_', 'memory_', 'max_', NO_ANSWER)


class PeerLog:
    """The log of one session; sessions of the same host share a throttle."""

    def __init__(self, session: Session, throttle: Throttle) -> None:
        self._session = session
        self._throttle = throttle

    def rejected(self, error: codec.DecodeError) -> None:
        """Log a message that the codec rejected."""
        what = ''
        if error.header is not None:
            what = f' {error.header.type_name} {error.header.device_name!r}'
        self._warn(error.cause, f'message{what} rejected: {error.cause}: {error}')

    def wrong_crc(self, message: codec.Message) -> None:
        """Log a message that is accepted although its CRC is wrong."""
        self._warn('crc_warned', f'{message.type_name} {message.device_name!r} has a wrong CRC')

    def closed(self, reason: str) -> None:
        """Log why the session ends, and how many bytes are lost."""
        session = self._session
        waiting = session.waiting_bytes
        is_grave = reason.startswith(WARNED_REASONS)
        level = logging.WARNING if is_grave else logging.INFO
        lost = f'; {waiting} waiting bytes are lost' if waiting else ''
        cause = reason.partition(':')[0]  # the rest may be bytes of the peer, different each time
        self._throttle.log(
            level,
            (session.host, 'closed', cause),
            f'{session.peer_name}: closed: {reason}{lost}',
            is_grave=is_grave,
        )

    def flush(self) -> None:
        """Log how many lines were left out, now and then."""
        self._throttle.allowance.flush()

    def fault(self, what: str, error: Exception) -> None:
        """Log an internal error with its traceback."""
        session = self._session
        key = session.host, what, type(error)
        self._throttle.log(logging.ERROR, key, f'{session.peer_name}: {what}', error=error)

    def _warn(self, cause: str, text: str) -> None:
        session = self._session
        self._throttle.log(logging.WARNING, (session.host, cause), f'{session.peer_name}: {text}')

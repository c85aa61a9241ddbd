# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What is logged of one peer, each line once in a while."""

from __future__ import annotations

import logging

from ros2_igtl import codec
from ros2_igtl.transport.log import Throttle, logger
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.tcp import NO_ANSWER

# Of reasons to close, those that a user has to look after.
WARNED_REASONS = ('send_', 'body_', 'header_', 'idle_', 'memory_', 'max_', NO_ANSWER)


class PeerLog:
    """The log of one session, which shares its throttle with others of the same host."""

    def __init__(self, session: Session, throttle: Throttle) -> None:
        self._session = session
        self._throttle = throttle

    def rejected(self, error: codec.DecodeError) -> None:
        """Log a message that the codec refused."""
        what = ''
        if error.header is not None:
            what = f' {error.header.type_name} {error.header.device_name!r}'
        self._warn(error.cause, f'message{what} rejected: {error.cause}: {error}')

    def wrong_crc(self, message: codec.Message) -> None:
        """Log a message that passes though its CRC is wrong."""
        self._warn('crc_warned', f'{message.type_name} {message.device_name!r} has a wrong CRC')

    def closed(self, reason: str) -> None:
        """Log why the session ends, and what that costs."""
        session = self._session
        waiting = session.waiting_bytes
        level = logging.WARNING if reason.startswith(WARNED_REASONS) else logging.INFO
        lost = f'; {waiting} bytes that waited are lost' if waiting else ''
        cause = reason.partition(':')[0]  # what follows are the peer's own bytes, always others
        self._throttle.log(
            level, (session.host, 'closed', cause), f'{session.peer_name}: closed: {reason}{lost}'
        )

    def fault(self, what: str, error: Exception) -> None:
        """Log a fault of ours with its traceback."""
        logger.error('%s: %s', self._session.peer_name, what, exc_info=error)

    def _warn(self, cause: str, text: str) -> None:
        session = self._session
        self._throttle.log(logging.WARNING, (session.host, cause), f'{session.peer_name}: {text}')

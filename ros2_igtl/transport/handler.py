# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interface that the transport calls when something happens."""

from __future__ import annotations

from typing import Literal, Protocol

from ros2_igtl import codec
from ros2_igtl.transport.session import Session

ConnectionState = Literal['connecting', 'connected', 'waiting', 'listening', 'closed']


class Handler(Protocol):
    """
    Called on the I/O thread; no method may block.

    An exception in a method of a session closes that session only; its traceback is logged.
    """

    def session_opened(self, session: Session) -> None:
        """Take note of a peer that can be sent to from now on."""

    def session_closed(self, session: Session, reason: str) -> None:
        """Take note of a peer that is gone; called once for each one opened."""

    def message_received(
        self, session: Session, message: codec.Message, receive_time_ns: int
    ) -> None:
        """
        Take a message.

        :param receive_time_ns: system clock when its last byte was read.
        """

    def message_rejected(self, session: Session, error: codec.DecodeError) -> None:
        """Take note of a message that the codec refused; it is counted and logged already."""

    def connection_state(self, state: ConnectionState, detail: str) -> None:
        """
        Take note of what the client or server is doing.

        :param state: 'connecting', 'connected', 'waiting' (until the next try), 'listening',
            'closed'.
        :param detail: for people: the address, or what went wrong.
        """

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interface that receives the events of the transport."""

from __future__ import annotations

from typing import Literal, Protocol

from ros2_igtl import codec
from ros2_igtl.transport.session import Session

ConnectionState = Literal['connecting', 'connected', 'waiting', 'listening', 'closed']


class Handler(Protocol):
    """
    The transport calls all methods on the I/O thread; they must not block.

    An exception in a method with a session closes only that session, and its traceback is logged.
    """

    def session_opened(self, session: Session) -> None:
        """Handle a new peer; messages can be sent to it from now on."""

    def session_closed(self, session: Session, reason: str) -> None:
        """Handle the end of a session; called once for each opened session."""

    def message_received(
        self, session: Session, message: codec.Message, receive_time_ns: int
    ) -> None:
        """
        Handle a message.

        :param receive_time_ns: system clock at the arrival of its last byte.
        """

    def message_rejected(self, session: Session, error: codec.DecodeError) -> None:
        """Handle a rejected message; the transport has already counted and logged it."""

    def connection_state(self, state: ConnectionState, detail: str) -> None:
        """
        Handle a new state of the client or server.

        :param state: 'connecting', 'connected', 'waiting' (until the next try), 'listening',
            'closed'.
        :param detail: text for the user: the address, or the error.
        """

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A transport handler that remembers everything it was told."""

from __future__ import annotations

import threading
import time

from ros2_igtl import codec
from ros2_igtl.transport import ConnectionState, Session


class RecordingHandler:
    """Lists of what happened, each in the order it came."""

    def __init__(self) -> None:
        """Start empty."""
        self.opened: list[Session] = []
        self.closed: list[tuple[Session, str]] = []
        self.closed_at: list[float] = []
        self.messages: list[codec.Message] = []
        self.senders: list[Session] = []
        self.receive_times_ns: list[int] = []
        self.ages_s: list[float] = []
        self.rejected: list[codec.DecodeError] = []
        self.states: list[tuple[str, str]] = []
        self.state_times: list[float] = []
        self.threads: set[str] = set()

    @property
    def reasons(self) -> list[str]:
        """Why sessions were closed."""
        return [reason for _, reason in self.closed]

    def session_opened(self, session: Session) -> None:
        """Remember."""
        self.threads.add(threading.current_thread().name)
        self.opened.append(session)

    def session_closed(self, session: Session, reason: str) -> None:
        """Remember."""
        self.closed_at.append(time.monotonic())
        self.closed.append((session, reason))

    def message_received(
        self, session: Session, message: codec.Message, receive_time_ns: int
    ) -> None:
        """Remember."""
        self.senders.append(session)
        self.receive_times_ns.append(receive_time_ns)
        self.ages_s.append(session.data_age_s)
        self.messages.append(message)

    def message_rejected(self, session: Session, error: codec.DecodeError) -> None:
        """Remember."""
        self.rejected.append(error)

    def connection_state(self, state: ConnectionState, detail: str) -> None:
        """Remember."""
        self.state_times.append(time.monotonic())
        self.states.append((state, detail))

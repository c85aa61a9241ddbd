# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interfaces that a writer needs: where it writes to, and the session that it belongs to."""

from __future__ import annotations

from typing import Protocol

Buffer = bytes | bytearray | memoryview


class Sink(Protocol):
    """The part of ``asyncio.Transport`` that a writer needs."""

    def write(self, data: Buffer) -> None:
        """Send data; the sink blocks the outbox while it accepts no more."""

    def is_closing(self) -> bool:
        """Return whether no more data can be sent."""


class Owner(Protocol):
    """The part of a session that its writer needs."""

    def account(self) -> None:
        """Report the memory held for the peer."""

    def flush_later(self) -> None:
        """Call the writer's flush() in a later turn."""

    def close(self, reason: str) -> None:
        """Close the session at once."""

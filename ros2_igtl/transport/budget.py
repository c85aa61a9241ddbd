# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the memory that all peers of a program take together below a limit."""

from __future__ import annotations

import threading
from typing import Protocol

DEFAULT_LIMIT_BYTES = 2**30  # four volumes of the largest size a message may have by default


class Holder(Protocol):
    """Something that holds memory, and releases it when closed."""

    def close(self, reason: str) -> None:
        """Release all of it; from any thread."""


class Budget:
    """
    Keeps the sum of what is held below a limit; every method may be called from any thread.

    The largest holder is closed: a peer that lets much pile up must not cost the others theirs.

    :param limit_bytes: of all holders together.
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._held: dict[Holder, dict[str, int]] = {}
        self._total = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """How many bytes all holders have together."""
        return self._total

    def admit(self, holder: Holder) -> None:
        """Let a holder take memory from now on."""
        with self._lock:
            self._held[holder] = {}

    def hold(self, holder: Holder, kind: str, size: int) -> None:
        """
        Note how much a holder has of a kind now, and close the largest one if all is too much.

        Does nothing if the holder was not admitted, or was released.

        :param kind: distinguishes what one holder has; the kinds are added up.
        :param size: bytes.
        """
        with self._lock:
            kinds = self._held.get(holder)
            if kinds is None:
                return
            self._total += size - kinds.get(kind, 0)
            kinds[kind] = size
            total = self._total
            if total <= self.limit_bytes:
                return
            most, largest = max(
                ((sum(kinds.values()), holder) for holder, kinds in self._held.items()),
                key=lambda held: held[0],
            )
        largest.close(
            f'memory_limit: all peers hold {total} bytes, {self.limit_bytes} are allowed, and '
            f'this one holds most, {most}'
        )

    def release(self, holder: Holder) -> None:
        """Forget a holder and all that it had; may be called twice."""
        with self._lock:
            self._total -= sum(self._held.pop(holder, {}).values())

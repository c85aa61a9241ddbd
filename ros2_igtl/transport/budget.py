# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory all peers of a program may take together; whose it is is counted elsewhere."""

from __future__ import annotations

import threading
from typing import Protocol

DEFAULT_LIMIT_BYTES = 2**30  # four volumes of the largest size a message may have by default


class Holder(Protocol):
    """Who holds memory, and gives it back when closed."""

    def close(self, reason: str) -> None:
        """Let go of all; from any thread."""


class Budget:
    """
    Keeps the sum of what is held below a limit; every method may be called from any thread.

    Who holds most has to go: a peer that lets much pile up must not cost the others their place.

    :param limit_bytes: of all together.
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._held: dict[Holder, int] = {}
        self._total = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """How much is held together."""
        return self._total

    def hold(self, holder: Holder, size: int) -> None:
        """
        Take note of how much somebody holds now, and close who holds most if it is too much.

        :param size: bytes; 0 forgets the holder.
        """
        with self._lock:
            self._total += size - self._held.pop(holder, 0)
            if size:
                self._held[holder] = size
            total = self._total
            if total <= self.limit_bytes:
                return
            largest = max(self._held, key=self._held.__getitem__)
            most = self._held[largest]
        largest.close(
            f'memory_limit: all peers hold {total} bytes, {self.limit_bytes} are allowed, and '
            f'this one holds most, {most}'
        )

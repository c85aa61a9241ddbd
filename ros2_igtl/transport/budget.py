# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Limits the memory of all peers of a program together."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Protocol

DEFAULT_LIMIT_BYTES = 2**30  # four messages of the largest size allowed by default


class Holder(Protocol):
    """An object that holds memory, and releases it when closed."""

    def close(self, reason: str) -> None:
        """Release all memory; from any thread."""


class Budget:
    """
    Keeps the memory of all holders below a limit; every method may be called from any thread.

    Above the limit, the largest holder is closed, so that a peer that lets data pile up does not
    harm the others.

    :param limit_bytes: of all holders together.
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._held: dict[Holder, dict[Hashable, int]] = {}
        self._total = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """The number of bytes of all holders together."""
        return self._total

    def admit(self, holder: Holder) -> None:
        """Begin to count the memory of a holder."""
        with self._lock:
            self._held[holder] = {}

    def hold(self, holder: Holder, kind: Hashable, size: int) -> None:
        """
        Set the memory of one kind of a holder; close the largest holder if the sum is too large.

        Does nothing for a holder that was not admitted, or was released.

        :param kind: distinguishes the parts of a holder's memory, which are added up.
        :param size: bytes.
        """
        with self._lock:
            kinds = self._held.get(holder)
            if kinds is None:
                return
            self._total += size - kinds.pop(kind, 0)
            if size:
                kinds[kind] = size
            total = self._total
            if total <= self.limit_bytes:
                return
            most, largest = max(
                ((sum(kinds.values()), holder) for holder, kinds in self._held.items()),
                key=lambda held: held[0],
            )
        largest.close(
            f'memory_limit: all peers hold {total} bytes; {self.limit_bytes} are allowed; this '
            f'peer holds the most, {most}'
        )

    def release(self, holder: Holder) -> None:
        """Forget a holder and its memory; may be called twice."""
        with self._lock:
            self._total -= sum(self._held.pop(holder, {}).values())

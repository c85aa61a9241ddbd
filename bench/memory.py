# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory the codec takes for a message; no time is measured here."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from ros2_igtl import codec


def peak_of(operation: Callable[[], object]) -> int:
    """Return the bytes that are held at most while the operation runs, beyond those before it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        operation()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def peaks(data: bytes) -> dict[str, int]:
    """Return the peak of each operation on a message, in bytes."""
    message = codec.unpack(data)
    return {
        'pack': peak_of(lambda: codec.pack(message)),
        'pack_parts': peak_of(lambda: codec.pack_parts(message)),
        'unpack': peak_of(lambda: codec.unpack(data)),
    }

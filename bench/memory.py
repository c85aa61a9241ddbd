# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The memory that the codec takes for a message."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from ros2_igtl import codec


def peak_of(operation: Callable[[], object]) -> int:
    """Return the peak of the memory that an operation allocates, in bytes."""
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

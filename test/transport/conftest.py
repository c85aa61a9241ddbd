# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the transport share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.recording_handler import RecordingHandler
from ros2_igtl.transport import IoThread


@pytest.fixture
def io_thread() -> Iterator[IoThread]:
    """Return a running I/O thread, stopped at the end."""
    with IoThread() as thread:
        yield thread


@pytest.fixture
def handler() -> RecordingHandler:
    """Return a handler that remembers."""
    return RecordingHandler()

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The one place of the tests that waits: for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sized
from typing import TypeVar

T = TypeVar('T')

POLL_S = 0.002


def wait_until(condition: Callable[[], T], timeout_s: float = 5.0, what: str = '') -> T:
    """
    Poll a condition until it is true, and return its value.

    :param what: what is waited for, in the words of the failure.
    :raises AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {timeout_s} s: {what or condition}')
        time.sleep(POLL_S)
    return value


def wait_for_count(things: Sized, count: int, timeout_s: float = 5.0) -> None:
    """
    Wait until there are so many of something.

    :raises AssertionError: there were not in time.
    """
    wait_until(lambda: len(things) >= count, timeout_s, f'{count} of them')


def watch_for(condition: Callable[[], object], duration_s: float, what: str = '') -> None:
    """
    Fail if a condition comes true within a time: for what must not happen.

    :raises AssertionError: it came true.
    """
    deadline = time.monotonic() + duration_s
    while time.monotonic() < deadline:
        if condition():
            raise AssertionError(f'happened but must not: {what or condition}')
        time.sleep(POLL_S)

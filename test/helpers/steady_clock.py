# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A steady clock for tests, in place of the module ``time``."""

from __future__ import annotations


class SteadyClock:
    """A steady clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

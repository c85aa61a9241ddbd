# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The deadlines for a peer to send; the caller passes the times, there is no socket or clock."""

from __future__ import annotations

from collections import deque
from typing import Literal

from ros2_igtl.options import TransportOptions as Options

MIN_BODY_PROGRESS = 1024  # bytes within body_timeout; a slower peer counts as silent
MAX_STALLS = 100  # to remember

Part = Literal['header', 'body']  # of a message


class Deadlines:
    """
    The deadlines of one peer for a header, for a body and for sending any data.

    All times are seconds on one steady clock; all sizes are the bytes received so far.

    :param now: the time at which the peer connected.
    """

    def __init__(self, options: Options, now: float) -> None:
        self._options = options
        self._header_since: float | None = None
        self._body_since: float | None = None
        self._body_mark = 0  # bytes received when the body last made progress
        self._read_at = now
        self._read_mark = 0
        self._is_paused = False
        self._checked_at = now
        self._stalls: deque[tuple[float, float]] = deque(maxlen=MAX_STALLS)  # end, duration

    @property
    def is_running(self) -> bool:
        """Whether a deadline for a header or a body is set."""
        return self._header_since is not None or self._body_since is not None

    def note(self, awaited: Part | None, received: int, has_completed: bool, now: float) -> None:
        """
        Set the deadlines after receiving data.

        :param awaited: the incomplete part of a message; None between messages.
        :param has_completed: whether a message was completed; the part then belongs to the next.
        """
        if awaited == 'header':
            if has_completed or self._header_since is None:
                self._header_since = now
            self._body_since = None
        elif awaited == 'body':
            self._header_since = None
            has_progressed = received - self._body_mark >= MIN_BODY_PROGRESS
            if has_completed or self._body_since is None or has_progressed:
                self._body_since = now
                self._body_mark = received
        else:
            self.clear()

    def clear(self) -> None:
        """Clear the deadlines for parts of a message."""
        self._header_since = self._body_since = None

    def pause(self) -> None:
        """Suspend all deadlines, because reading is paused."""
        self._is_paused = True
        self.clear()

    def resume(self, now: float) -> None:
        """Set all deadlines again, each with its full time."""
        self._is_paused = False
        self._read_at = now

    def check_self(self, tick: float, now: float) -> None:
        """
        Note whether our own program has stood still, which does not count against the peer.

        Data may lie in the socket by then, so the peer is judged after the next reading.

        :param tick: the time in which this should be called again, in seconds.
        """
        since, self._checked_at = self._checked_at, now
        if now - since > 2.0 * tick:
            self._stalls.append((now, now - since))

    def stalled_since(self, begin: float) -> float:
        """Return how long our own program has stood still since a time, in seconds."""
        return sum(duration for end, duration in self._stalls if end > begin)

    def missed(self, received: int, now: float) -> str:
        """Return the option whose deadline has passed; empty if none has."""
        options = self._options
        if received != self._read_mark:
            self._read_mark, self._read_at = received, now
        if self._is_paused:
            return ''
        if self._is_over(self._header_since, options.header_timeout, now):
            return 'header_timeout'
        if self._is_over(self._body_since, options.body_timeout, now):
            return 'body_timeout'
        if options.idle_timeout and self._is_over(self._read_at, options.idle_timeout, now):
            return 'idle_timeout'
        return ''

    def _is_over(self, since: float | None, timeout: float, now: float) -> bool:
        return (
            since is not None
            and now - since > timeout
            and now - since - self.stalled_since(since) > timeout
        )


def tick_of(options: Options) -> float:
    """Return the period at which to check all deadlines, in seconds."""
    deadlines = (options.header_timeout, options.body_timeout, options.send_timeout)
    periods = (options.keepalive_interval or 1.0, options.idle_timeout or 1.0)
    return min(*deadlines, *periods, 1.0) / 4

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The message counts of the demo, and the table that shows them; no ROS, no OpenIGTLink."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

RATE_WINDOW_S = 3.0
HEADINGS = ('', 'device', 'OpenIGTLink', '', 'ROS', 'rate', 'age', 'count', 'rejected')


@dataclass
class Stream:
    """
    One row of the table: the messages of a device in one direction.

    :param device: device name.
    :param igtl: its OpenIGTLink type.
    :param to_ros: whether the direction is from OpenIGTLink to ROS.
    :param ros: topic and type.
    :param node: the bridge node that converts it.
    """

    device: str
    igtl: str
    to_ros: bool
    ros: str
    node: str
    count: int = 0
    rejected: str = '-'
    _arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arrived(self, number: int = 1) -> None:
        """Count messages that have just arrived; callable on any thread."""
        now = time.monotonic()
        with self._lock:
            self.count += number
            self._arrivals.extend([now] * number)

    def cells(self) -> tuple[str, ...]:
        """Return the row: whether a message arrived, names, Hz of the last 3 s, age, counts."""
        now = time.monotonic()
        with self._lock:
            recent = sum(now - arrival <= RATE_WINDOW_S for arrival in self._arrivals)
            age = f'{now - self._arrivals[-1]:.1f} s' if self._arrivals else '-'
        return (
            '✔' if self.count else '…',
            self.device,
            self.igtl,
            '──▶' if self.to_ros else '◀──',
            self.ros,
            f'{recent / RATE_WINDOW_S:.1f} Hz',
            age,
            str(self.count),
            self.rejected,
        )


def render(streams: Sequence[Stream]) -> list[str]:
    """Return the table as lines of equal length."""
    rows = [HEADINGS, *(stream.cells() for stream in streams)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = []
    for row in rows:
        cells = [
            # names are aligned left, numbers right
            cell.ljust(width) if column < 5 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append('  '.join(cells))
    lines.insert(1, '─' * len(lines[0]))
    return lines


class LiveTable:
    """
    Updates the table in place on a terminal; elsewhere prints it again every few seconds.

    :param title: the line above the table.
    """

    REFRESH_S = 0.25
    REPEAT_S = 4.0

    def __init__(self, title: str, streams: Sequence[Stream]) -> None:
        self._title = title
        self._streams = streams
        self._live = sys.stdout.isatty()
        self._shown_at = -self.REPEAT_S
        self._lines_shown = 0

    def show(self, note: str = '', *, always: bool = False) -> None:
        """
        Show the current table, unless it was shown a moment ago.

        :param note: a text after the title.
        :param always: show it in any case.
        """
        now = time.monotonic()
        period = self.REFRESH_S if self._live else self.REPEAT_S
        if not always and now - self._shown_at < period:
            return
        self._shown_at = now
        lines = [f'{self._title}  {note}', *render(self._streams)]
        if self._live:
            rewind = f'\x1b[{self._lines_shown}F' if self._lines_shown else ''
            # do not wrap lines in a narrow window, and clear the rest of a longer line
            print(
                rewind + '\n'.join(f'\x1b[2K\x1b[?7l{line}\x1b[?7h' for line in lines), flush=True
            )
            self._lines_shown = len(lines)
        else:
            print('\n'.join(lines), end='\n\n', flush=True)

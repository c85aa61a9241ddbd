# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The exceptions of a node's callbacks: counted, and each logged once with its traceback."""

from __future__ import annotations

import logging
import threading
import time
from traceback import extract_tb

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from ros2_igtl.nodes.reporting.log import PACKAGE_LOGGER

# asyncio logs exceptions of callbacks of the I/O thread, concurrent.futures those of futures
LIBRARY_LOGGERS = ('asyncio', 'concurrent.futures')
PEACE_S = 3600.0  # after this time without an exception, diagnostics are OK again


class Faults(logging.Filter):
    """
    Counts the records with an exception, and passes on the first one of each place.

    It is a filter of the handler that logs them. On any thread.

    :ivar count: of all exceptions.
    :ivar failure: the transition that failed and left the node unconfigured; '' if none did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.failure = ''
        self._last = ''
        self._last_s = 0.0  # steady clock
        self._places: set[tuple[str, int | None, str]] = set()
        self._lock = threading.Lock()  # of the attributes above, but failure

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return record.name.startswith(PACKAGE_LOGGER)
        frames = extract_tb(error.__traceback__)
        where = (frames[-1].filename, frames[-1].lineno) if frames else ('', 0)
        place = (*where, type(error).__name__)
        with self._lock:
            self.count += 1
            self._last = f'{record.getMessage()}: {error!r}'
            self._last_s = time.monotonic()
            is_new = place not in self._places
            self._places.add(place)
        return is_new

    def status(self, node_name: str) -> DiagnosticStatus:
        """Return the status of the node itself for /diagnostics."""
        with self._lock:
            count, last, age_s = self.count, self._last, time.monotonic() - self._last_s
        level, message = DiagnosticStatus.OK, 'no callback has failed'
        if self.failure:
            level = DiagnosticStatus.ERROR
            message = f'{self.failure} failed, and the node is unconfigured: {last}'
        elif count:
            level = DiagnosticStatus.WARN if age_s < PEACE_S else DiagnosticStatus.OK
            message = f'last failure of a callback {age_s:.0f} s ago: {last}'
        return DiagnosticStatus(
            level=level,
            name=f'{node_name}: own callbacks',  # no connection has a name with a space
            message=message,
            values=[KeyValue(key='callback_failed', value=str(count))],
        )


def attach(handler: logging.Handler) -> Faults:
    """Let a handler log the exceptions of the libraries too, and count all of them."""
    faults = Faults()
    handler.addFilter(faults)
    for name in LIBRARY_LOGGERS:
        logging.getLogger(name).addHandler(handler)
    return faults


def detach(handler: logging.Handler) -> None:
    """Undo the part of :func:`attach` that concerns the libraries."""
    for name in LIBRARY_LOGGERS:
        logging.getLogger(name).removeHandler(handler)

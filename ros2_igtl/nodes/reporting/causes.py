# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What has gone wrong lately with a device, a row or a connection, for /diagnostics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from ros2_igtl.nodes.reporting.faults import PEACE_S

# Outcomes of a connection that mean a fault, by the start of their name; most skipped messages
# are skipped because the configuration says so.
FAULTS = (
    'rejected ',
    'late',
    'tf_withheld',
    'publish_failed',
    'skipped topic_',
    'skipped second_',
    'skipped too_many_',
    'outbound_rejected ',
    'send_rejected ',
    'refused_peers ',
    'tls_failures ',
    'connect_failures',
    'command_received ',
    'command_sent ',
)
# Commands are withdrawn by a stop, as they should be.
NO_FAULTS = frozenset(
    {'command_received succeeded', 'command_sent succeeded', 'command_sent withdrawn'}
)
ERRORS = ('command_received stop_', 'command_sent stop_')  # a stop was not carried out


class Causes:
    """
    How often something went wrong, by cause; each cause is noted by one thread.

    :ivar counts: since the beginning.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._last_s: dict[str, float] = {}  # steady clock
        self._seen: dict[str, int] = {}  # totals at the last update

    def note(self, cause: str, count: int = 1) -> None:
        """Note that something went wrong now."""
        self.counts[cause] += count
        self._last_s[cause] = time.monotonic()

    def update(self, totals: Mapping[str, int]) -> None:
        """
        Note what has gone wrong since the last update.

        :param totals: the counts of a connection by name; those that are no faults are ignored.
        """
        # a client that waits for its server to start has lost nothing yet
        is_lost = totals.get('disconnects', 0) > 0
        for name, total in totals.items():
            if name.startswith(FAULTS) and name not in NO_FAULTS:
                grown, self._seen[name] = total - self._seen.get(name, 0), total
                if grown > 0 and (is_lost or name != 'connect_failures'):
                    self.note(name, grown)

    def reset(self, totals: Mapping[str, int]) -> None:
        """Forget everything before these totals."""
        self.counts.clear()
        self._last_s.clear()
        self._seen = dict(totals)

    def lately(self) -> str:
        """Return what has gone wrong within an hour, the most frequent first; '' if nothing."""
        recent = sorted(self._recent(), key=lambda cause: -self.counts[cause])
        return ', '.join(f'{cause} {self.counts[cause]}' for cause in recent)

    @property
    def has_error(self) -> bool:
        """Whether something went wrong within an hour that is more than a warning."""
        return any(cause.startswith(ERRORS) for cause in self._recent())

    def _recent(self) -> list[str]:
        now = time.monotonic()
        return [cause for cause, last_s in tuple(self._last_s.items()) if now - last_s < PEACE_S]

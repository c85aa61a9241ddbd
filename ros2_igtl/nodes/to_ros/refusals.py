# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Remembers the devices that are not published, in bounded memory.

Peers can invent names without limit, so each name that is filtered, not mapped or refused is kept
only until newer ones need its place, and is looked up in the mapping again after that.
"""

from __future__ import annotations

import time
from collections.abc import Hashable

from diagnostic_msgs.msg import DiagnosticStatus

from ros2_igtl.convert import naming
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.to_ros.route import Route

REMEMBERED = 500  # a device that is refused costs 20 times as much if it is not remembered
REPORTED_S = 60.0  # of its last message; a device that sends less often is rarely missed at once
NAMED = 10  # in a report


class Refusals:
    """The refused devices of one connection; on any thread, unless stated otherwise."""

    def __init__(self) -> None:
        self._routes: dict[Hashable, Route] = {}  # the oldest first; I/O thread
        # steady clock of the last refused message, by peer, type, device name and cause
        self._mapped: dict[tuple[Peer, str, str], tuple[str, float]] = {}

    def find(self, key: Hashable) -> Route | None:
        """Return a remembered device; on the I/O thread."""
        return self._routes.get(key)

    def remember(self, key: Hashable, route: Route) -> None:
        """Remember a device in place of the oldest one; on the I/O thread."""
        if len(self._routes) >= REMEMBERED:
            del self._routes[next(iter(self._routes))]
        self._routes[key] = route

    def clear(self) -> None:
        """Forget all devices, since there may be room for them now; on the I/O thread."""
        self._routes.clear()

    def note(self, peer: Peer, route: Route, cause: str) -> None:
        """
        Note that a message of a device was refused, or that it was not.

        :param cause: empty if it was not refused.
        """
        if not route.is_mapped or peer.is_gone:
            return
        key = peer, route.type_name, route.device_name
        if not cause:
            self._mapped.pop(key, None)
        elif key in self._mapped or len(self._mapped) < REMEMBERED:
            self._mapped[key] = cause, time.monotonic()

    def peer_closed(self, peer: Peer) -> None:
        """Forget the devices of a disconnected peer; on the I/O thread."""
        self.clear()
        for key in tuple(self._mapped):
            if key[0] is peer:
                self._mapped.pop(key, None)

    def reports(self) -> list[Report]:
        """Return an error if devices of the mapping file were refused in the last minute."""
        since_s = time.monotonic() - REPORTED_S
        texts = []
        for key, (cause, last_s) in tuple(self._mapped.items()):
            if last_s < since_s:
                self._mapped.pop(key, None)
            else:
                peer, type_name, device = key
                texts.append(f'{type_name} {naming.escape(device)} of {peer.name}: {cause}')
        if not texts:
            return []
        more = f', and {len(texts) - NAMED} more' if len(texts) > NAMED else ''
        return [
            Report(
                'mapping',
                f'mapped devices are refused: {", ".join(texts[:NAMED])}{more}',
                {'refused': len(texts)},
                DiagnosticStatus.ERROR,
                is_of_connection=True,
            )
        ]

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The counters of a session, a client or a server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Statistics:
    """
    Counters that only grow.

    Two equations hold for each session:
    ``received`` = messages passed to the handler + all of ``rejected``;
    messages that :meth:`Client.send` queued = ``sent`` + ``replaced`` + all of ``send_rejected``
    but ``no_peer``, ``encode``, ``header_version`` (these were never queued) + waiting messages.
    """

    received: int = 0  # messages from the peer, including rejected ones
    received_bytes: int = 0
    sent: int = 0  # messages handed to the socket
    sent_bytes: int = 0
    replaced: int = 0  # state messages replaced by a newer one before they were sent
    crc_warned: int = 0  # messages accepted with a wrong CRC (crc_policy 'warn')
    rejected: Counter[str] = field(default_factory=Counter)  # by DecodeError.cause
    send_rejected: Counter[str] = field(default_factory=Counter)  # by cause
    refused_peers: Counter[str] = field(default_factory=Counter)
    """By 'allowed_peers', 'max_clients' and 'max_handshakes'; and attempts by 'accept_failed'."""
    tls_failures: Counter[str] = field(default_factory=Counter)  # by TlsError.cause
    high_water_bytes: int = 0  # the largest number of bytes that waited for one peer
    connects: int = 0
    disconnects: int = 0
    connect_failures: int = 0

    def add(self, other: Statistics) -> None:
        """Add the counts of another; the greater high water mark stays."""
        for item in fields(self):
            mine, its = getattr(self, item.name), getattr(other, item.name)
            if item.name == 'high_water_bytes':
                self.high_water_bytes = max(mine, its)
            elif isinstance(mine, Counter):
                mine.update(dict(its))  # a copy, since another thread may add causes
            else:
                setattr(self, item.name, mine + its)

    def snapshot(self) -> dict[str, Any]:
        """Return a copy as a dictionary for JSON, including the counters by cause."""
        values = ((item.name, getattr(self, item.name)) for item in fields(self))
        return {
            name: dict(value) if isinstance(value, Counter) else value for name, value in values
        }

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The settings of a client or server with their defaults; nothing that acts on them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

_LEAST = (  # name, value, whether that value itself is allowed
    ('max_message_bytes', 1, True),
    ('send_buffer_limit', 1, True),
    ('max_clients', 1, True),
    ('keepalive_interval', 0, True),
    ('send_timeout', 0, False),
    ('connect_timeout', 0, False),
    ('header_timeout', 0, False),
    ('body_timeout', 0, False),
    ('handshake_timeout', 0, False),
    ('idle_timeout', 0, True),
    ('max_rejected_rate', 0, True),
    ('reconnect_initial_delay', 0, False),
    ('reconnect_max_delay', 0, False),
)


@dataclass(frozen=True, slots=True)
class Options:
    """
    What a client or a server may be told; times are seconds on the steady clock.

    :raises ValueError: a value is out of its range; the text names it.
    """

    header_version: int = 0  # 1 or 2; 0: as the peer, which is 1 until the peer has sent 2
    max_message_bytes: int = 268435456  # of a body; the peer may announce 2**64 - 1
    crc_policy: str = 'reject'  # or 'warn', 'ignore'
    send_buffer_limit: int = 16_000_000  # bytes that may wait for one peer
    send_timeout: float = 2.0  # for which an event may wait without progress
    connect_timeout: float = 5.0  # resolving the name included
    header_timeout: float = 2.0  # from the first byte of a header to its last
    body_timeout: float = 5.0  # without progress within a body
    idle_timeout: float = 0.0  # for which nothing may come; 0: for ever
    max_rejected_rate: int = 1000  # messages a second that the codec refuses; 0: any number
    keepalive_interval: float = (
        0.0  # 0: TCP keepalive only, else STATUS when nothing else was sent
    )
    reconnect_initial_delay: float = 0.5
    reconnect_max_delay: float = 30.0
    max_clients: int = 8  # server only
    allowed_peers: tuple[str, ...] = ()  # server only; addresses or CIDR networks, () = anybody
    tls: bool = False  # what follows is about it; the files are PEM, '' = none
    certfile: str = ''  # our own certificate, and those it is signed with up to the last but one
    keyfile: str = ''  # '': the key is in certfile
    cafile: str = ''  # what signs the peers' certificates; a client's '' = what the system trusts
    tls_client_auth: str = 'required'  # or 'none'; server only
    handshake_timeout: float = 3.0  # from the connection to the end of the handshake

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if self.header_version not in (0, 1, 2):
            raise ValueError(f'header_version is 0, 1 or 2, got {self.header_version}')
        if self.crc_policy not in ('reject', 'warn', 'ignore'):
            raise ValueError(
                f"crc_policy is 'reject', 'warn' or 'ignore', got {self.crc_policy!r}"
            )
        if self.tls_client_auth not in ('required', 'none'):
            raise ValueError(
                f"tls_client_auth is 'required' or 'none', got {self.tls_client_auth!r}"
            )
        for name, least, is_allowed in _LEAST:
            value = getattr(self, name)
            if not (value >= least if is_allowed else value > least):
                limit = f'at least {least}' if is_allowed else f'above {least}'
                raise ValueError(f'{name} is {limit}, got {value}')
        if self.reconnect_max_delay < self.reconnect_initial_delay:
            raise ValueError(
                f'reconnect_max_delay ({self.reconnect_max_delay}) is at least '
                f'reconnect_initial_delay ({self.reconnect_initial_delay})'
            )
        for network in self.allowed_peers:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f'allowed_peers: {error}') from error

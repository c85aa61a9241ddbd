# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.options."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ros2_igtl.transport import Options


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert dataclasses.asdict(Options()) == {
        'header_version': 0,
        'max_message_bytes': 268435456,
        'crc_policy': 'reject',
        'send_buffer_limit': 16000000,
        'send_timeout': 2.0,
        'connect_timeout': 5.0,
        'header_timeout': 2.0,
        'body_timeout': 5.0,
        'keepalive_interval': 0.0,
        'reconnect_initial_delay': 0.5,
        'reconnect_max_delay': 30.0,
        'max_clients': 8,
        'allowed_peers': (),
        'tls': False,
        'certfile': '',
        'keyfile': '',
        'cafile': '',
        'tls_client_auth': 'required',
        'handshake_timeout': 3.0,
        'idle_timeout': 0.0,
        'max_rejected_rate': 1000,
    }


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('header_version', 3),
        ('header_version', -1),
        ('crc_policy', 'maybe'),
        ('max_message_bytes', 0),
        ('send_buffer_limit', 0),
        ('max_clients', 0),
        ('send_timeout', 0.0),
        ('send_timeout', float('nan')),
        ('connect_timeout', -1.0),
        ('header_timeout', 0.0),
        ('body_timeout', 0.0),
        ('handshake_timeout', 0.0),
        ('tls_client_auth', 'optional'),
        ('keepalive_interval', -0.1),
        ('idle_timeout', -0.1),
        ('max_rejected_rate', -1),
        ('reconnect_initial_delay', 0.0),
        ('reconnect_max_delay', 0.4),
        ('allowed_peers', ('10.0.0.1/8',)),
        ('allowed_peers', ('scanner',)),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Options(**{name: value})


def test_networks_and_single_addresses_may_be_allowed() -> None:
    allowed = ('192.168.0.0/24', '10.0.0.1', 'fd00::/8')
    assert Options(allowed_peers=allowed).allowed_peers == allowed

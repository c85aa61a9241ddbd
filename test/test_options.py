# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of options: defaults, ranges, texts, and what refuses a value."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ros2_igtl.options import (
    CONNECTION_PARAMETERS,
    FILE_KEYS,
    PARAMETERS,
    SECTIONS,
    NodeOptions,
    Option,
)
from ros2_igtl.options import TransportOptions as Options

ALL = [
    pytest.param(option, id=f'{section}-{name}')
    for section, table in {'node': PARAMETERS, 'file': FILE_KEYS, **SECTIONS}.items()
    for name, option in table.items()
]
NUMBERS = [name for name, option in PARAMETERS.items() if option.kind in ('integer', 'number')]


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


@pytest.mark.parametrize('option', ALL)
def test_every_option_has_a_text_of_one_line_and_an_allowed_default(option: Option) -> None:
    assert option.text.endswith('.')
    assert option.text.isprintable()
    assert option.default in (None, '', ()) or option.allows(option.default)
    if option.kind == 'nested':
        assert not option.section or option.section in SECTIONS
    else:
        assert option.range_text


@pytest.mark.parametrize('name', NUMBERS)
def test_the_ends_of_a_range_are_allowed_and_nothing_beyond(name: str) -> None:
    low, high = PARAMETERS[name].allowed
    margin = 1 if isinstance(low, int) else 1e-6
    fixed = {'reconnect_initial_delay': 0.01, 'reconnect_max_delay': 86_400.0}
    for value in (low, high):
        assert getattr(NodeOptions(**{**fixed, name: value}), name) == value
    for value in (low - margin, high + margin):
        with pytest.raises(ValueError, match=f'^{name}: .*; allowed: a'):
            NodeOptions(**{**fixed, name: value})


def test_the_mapping_file_cannot_set_what_belongs_to_the_node() -> None:
    assert set(PARAMETERS) - set(CONNECTION_PARAMETERS) == {
        'config_file',
        'autostart',
        'address',
        'port',
        'memory_limit',
    }
    assert set(CONNECTION_PARAMETERS) <= set(SECTIONS['ConnectionConfig'])

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the nodes: declared with description and range, and judged together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    One parameter.

    :ivar default: its default; an empty tuple for a list of texts, which is empty when unset.
    :ivar allowed: least and greatest number, or the allowed texts.
    """

    name: str
    default: Any
    description: str
    allowed: tuple[Any, ...] = ()


# Seconds beyond a day are a mistake of units.
_DAY_S = 86400.0

PARAMETERS = (
    Declaration('config_file', '', 'Mapping file (YAML); empty for auto mode.'),
    Declaration('autostart', True, 'Configure and activate at start; false to be managed.'),
    Declaration('address', '127.0.0.1', 'Client: host to dial. Server: address to listen on.'),
    Declaration('port', 18944, 'TCP port; server: 0 for any, see actual_port.', (0, 65535)),
    Declaration(
        'header_version', 0, 'Header version to send: 1, 2, or 0 for that of the peer.', (0, 2)
    ),
    Declaration(
        'allowed_peers',
        (),
        'Server: addresses or CIDR networks that may connect; needed to listen beyond loopback '
        'without tls_client_auth.',
    ),
    Declaration('tls', False, 'Speak TLS, with the files below.'),
    Declaration('certfile', '', 'PEM file of our certificate; a client needs none.'),
    Declaration('keyfile', '', 'PEM file of its key, not encrypted; empty if it is in certfile.'),
    Declaration(
        'cafile',
        '',
        'PEM file of what signs the certificates of peers; empty for what the system trusts '
        '(client), or with tls_client_auth none.',
    ),
    Declaration(
        'tls_client_auth',
        'required',
        'Server: whether clients have to show a certificate.',
        ('required', 'none'),
    ),
    Declaration(
        'idle_timeout',
        0.0,
        'Seconds for which a peer may send nothing before it is closed; 0 for ever.',
        (0.0, _DAY_S),
    ),
    Declaration(
        'max_rejected_rate',
        1000,
        'Messages a second that may be refused before a peer is closed; 0 for any number.',
        (0, 1_000_000),
    ),
    Declaration(
        'memory_limit',
        2**30,
        'Bytes that unfinished messages and what waits to be sent may take, over all peers; the '
        'peer that takes most is closed.',
        (1, 2**40),
    ),
    Declaration('handshake_timeout', 3.0, 'Seconds that TLS may take to begin.', (0.01, _DAY_S)),
    Declaration(
        'long_device_names',
        'truncate',
        'Device names of more than 20 bytes, to peers of header version 1: sent cut, or not sent.',
        ('truncate', 'reject'),
    ),
    Declaration('device_whitelist', (), 'Regular expressions; other devices are skipped.'),
    Declaration('device_blacklist', (), 'Regular expressions; these devices are skipped.'),
    Declaration(
        'auto_outbound',
        (),
        'Regular expressions; topics whose full names match are sent without a mapping row.',
    ),
    Declaration('max_clients', 8, 'Server: peers at one time.', (1, 1000)),
    Declaration(
        'max_message_bytes',
        268435456,
        'Largest body accepted; a larger one closes the connection.',
        (1, 2**40),
    ),
    Declaration(
        'crc_policy', 'reject', 'What to do with a wrong CRC.', ('reject', 'warn', 'ignore')
    ),
    Declaration(
        'send_buffer_limit', 16000000, 'Bytes that may wait to be sent to one peer.', (1, 2**40)
    ),
    Declaration(
        'send_timeout',
        2.0,
        'Seconds without progress before a slow peer is closed.',
        (0.01, _DAY_S),
    ),
    Declaration('connect_timeout', 5.0, 'Client: seconds to wait for an answer.', (0.01, _DAY_S)),
    Declaration(
        'header_timeout',
        2.0,
        'Seconds from the first byte of a header to its last.',
        (0.01, _DAY_S),
    ),
    Declaration('body_timeout', 5.0, 'Seconds without progress within a body.', (0.01, _DAY_S)),
    Declaration(
        'keepalive_interval',
        0.0,
        'Seconds of silence before a STATUS is sent; 0 for the keep-alive of TCP only.',
        (0.0, _DAY_S),
    ),
    Declaration(
        'reconnect_initial_delay', 0.5, 'Client: seconds before the second try.', (0.01, _DAY_S)
    ),
    Declaration(
        'reconnect_max_delay', 30.0, 'Client: longest wait between two tries.', (0.01, _DAY_S)
    ),
    Declaration(
        'timestamp_mode',
        'auto',
        'Stamps: as sent (device), arrival (receive), or as sent if the clocks agree (auto).',
        ('device', 'receive', 'auto'),
    ),
    Declaration('time_offset', 0.0, 'Seconds added in timestamp_mode device.', (-1.0e9, 1.0e9)),
    Declaration(
        'max_clock_skew',
        0.05,
        'Seconds that the clocks may differ before timestamp_mode auto corrects them.',
        (0.0, _DAY_S),
    ),
    Declaration(
        'stale_timeout',
        0.5,
        'Seconds after which a pose is reported stale on /diagnostics, either way; 0 for never.',
        (0.0, _DAY_S),
    ),
    Declaration('publish_tf', True, 'Publish poses on /tf too.'),
    Declaration('lazy', False, 'Convert only what somebody subscribes to, and what goes to /tf.'),
    Declaration(
        'default_frame_id', 'igtl_ras', 'Parent frame of devices whose name does not say theirs.'
    ),
    Declaration(
        'frame_prefix', '', 'Put before frames that device names say, and default_frame_id.'
    ),
)
ACTUAL_PORT = 'actual_port'

_DEFAULTS = {declaration.name: declaration for declaration in PARAMETERS}
# What a connection of the mapping file may set for itself.
CONNECTION_PARAMETERS = frozenset(_DEFAULTS) - {
    'config_file',
    'autostart',
    'address',
    'port',
    'memory_limit',
}


def _descriptor(declaration: Declaration) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=declaration.description)
    allowed = declaration.allowed
    if allowed and isinstance(declaration.default, str):
        descriptor.additional_constraints = f'one of {", ".join(allowed)}'
    elif allowed and isinstance(declaration.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=allowed[0], to_value=allowed[1], step=0.0)
        ]
    elif allowed:
        descriptor.integer_range = [
            IntegerRange(from_value=allowed[0], to_value=allowed[1], step=1)
        ]
    return descriptor


def declare_parameters(node: Node) -> None:
    """Declare all parameters of a node; it is an error of the user's to give one another type."""
    for declaration in PARAMETERS:
        default = declaration.default
        if default == ():
            _declare_list(node, declaration)
        else:
            node.declare_parameter(declaration.name, default, _descriptor(declaration))
    node.declare_parameter(
        ACTUAL_PORT,
        0,
        ParameterDescriptor(
            description='The port in use while the node is active, else 0. Set by the node.'
        ),
    )


def _declare_list(node: Node, declaration: Declaration) -> None:
    """Declare a list of texts; an empty one has no type of its own, so the type goes first."""
    name, kind = declaration.name, Parameter.Type.STRING_ARRAY
    node.declare_parameter(name, kind, _descriptor(declaration))
    # while one is unset, rclpy gives who asks for several parameters, as `ros2 param dump`, none
    if node.get_parameter_or(name).type_ is Parameter.Type.NOT_SET:
        node.set_parameters([Parameter(name, kind, [])])


def parameter_values(node: Node) -> dict[str, Any]:
    """Return the values of all parameters; lists as tuples."""
    values = {name: node.get_parameter(name).value for name in _DEFAULTS}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def judge(parameters: list[Parameter], configured: bool) -> SetParametersResult:
    """
    Judge a set of changes as a whole, before any is applied.

    Ranges and types are judged by rclpy; here the texts of a choice are, and the moment.
    """
    for parameter in parameters:
        declaration = _DEFAULTS.get(parameter.name)
        if declaration is None:
            continue
        if configured:
            return _refuse(
                f'{parameter.name} takes effect at configuration: deactivate and clean up first'
            )
        is_choice = isinstance(declaration.default, str) and declaration.allowed
        if is_choice and parameter.value not in declaration.allowed:
            return _refuse(
                f'{parameter.name} is {parameter.value!r}, and can be '
                f'{", ".join(declaration.allowed)}'
            )
    return SetParametersResult(successful=True)


def _refuse(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)

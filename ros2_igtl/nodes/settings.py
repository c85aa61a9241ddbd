# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The settings of a connection, merged from parameters and mapping file and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ros2_igtl.config import (
    CommandDialect,
    CommandRow,
    Config,
    ConfigError,
    ConnectionConfig,
    MappingRow,
    RegistrationConfig,
    load_config,
)
from ros2_igtl.config.device_regex import compile_device_regex, compile_topic_regex
from ros2_igtl.config.errors import Refused
from ros2_igtl.convert import companions, conversions
from ros2_igtl.options import CONNECTION_PARAMETERS, ConnectionOptions
from ros2_igtl.transport.exposure import check_exposure
from ros2_igtl.transport.tls import FILE_KEYS, Role, TlsFilesError, load_context


class SettingsError(ValueError):
    """Parameters or mapping file are invalid; the text states the reason."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one connection."""

    name: str
    mode: str  # client or server
    address: str
    port: int
    options: ConnectionOptions
    rows: tuple[MappingRow, ...]
    auto_inbound: bool
    command_dialect: CommandDialect
    commands: tuple[CommandRow, ...]
    long_device_names: str  # truncate or reject
    stop_preempts: bool
    device_whitelist: tuple[re.Pattern[str], ...]
    device_blacklist: tuple[re.Pattern[str], ...]
    auto_outbound: tuple[re.Pattern[str], ...]
    timestamp_mode: str
    time_offset_ns: int
    max_clock_skew_ns: int
    bind_tolerance_ns: int
    stale_timeout_s: float
    publish_tf: bool
    lazy: bool
    default_frame_id: str  # with the prefix
    frame_prefix: str
    registration: tuple[RegistrationConfig, ...]  # of the whole file


def load_settings(
    values: Mapping[str, Any],
    *,
    mode: str | None,
    node_name: str,
    resolve_topic_name: Callable[[str], str],
) -> tuple[Settings, ...]:
    """
    Return the settings of each connection of a node.

    The keys of a connection in the mapping file override the parameters.

    :param values: the node's parameters by name.
    :param mode: client or server, which have one connection; None: any number of both, all of
        them in the mapping file.
    :param node_name: default name of a connection.
    :param resolve_topic_name: of the node: applies namespace and remapping; raises RuntimeError.
    :raises SettingsError: a value is invalid; the text has one line for each problem.
    """
    path = values['config_file']
    config = Config((ConnectionConfig(line=0),))
    if path:
        config = _read_config(path, mode)
        rows = [row for connection in config.connections for row in connection.mappings]
        _check_topics(path, rows, resolve_topic_name)
    elif mode is None:
        raise SettingsError(
            'parameters: config_file: is empty; allowed: a mapping file with the connections'
        )
    settings = tuple(
        _settings_of(
            values,
            connection,
            mode=connection.mode or mode or '',
            name=connection.name or node_name,
            where=f'{path}:{connection.line}' if path else 'parameters',
            registration=config.registration,
        )
        for connection in config.connections
    )
    _check_ports(path, config.connections, settings)
    _check_tls_is_on(values, config.connections, settings)
    return settings


def _settings_of(
    values: Mapping[str, Any],
    connection: ConnectionConfig,
    *,
    mode: str,
    name: str,
    where: str,
    registration: tuple[RegistrationConfig, ...],
) -> Settings:
    """
    Return the settings of one connection.

    :param where: the source named in errors.
    :raises SettingsError: a value is invalid.
    """
    merged = {**values, **connection.options, **_tls_files(values, connection)}
    address = values['address'] if connection.address is None else connection.address
    port = values['port'] if connection.port is None else connection.port
    if mode == 'client' and port == 0:
        raise SettingsError(
            f'{where}: port: 0 is for servers only; allowed: 1 to 65535 for a client'
        )
    options = check_values(where, merged)
    if mode != 'client':  # all others can be reached
        try:
            check_exposure(address, options)
        except ValueError as error:
            raise SettingsError(f'{where}: {error}') from None
    _check_tls(where, mode, options)
    prefix, frame = merged['frame_prefix'], merged['default_frame_id']
    return Settings(
        name=name,
        mode=mode,
        address=address,
        port=port,
        options=options,
        rows=connection.mappings,
        auto_inbound=connection.auto_inbound,
        command_dialect=connection.command_dialect,
        commands=connection.commands,
        long_device_names=merged['long_device_names'],
        stop_preempts=merged['stop_preempts'],
        device_whitelist=_patterns(where, 'device_whitelist', merged),
        device_blacklist=_patterns(where, 'device_blacklist', merged),
        auto_outbound=_patterns(where, 'auto_outbound', merged, compile_topic_regex),
        timestamp_mode=merged['timestamp_mode'],
        time_offset_ns=round(merged['time_offset'] * 1e9),
        max_clock_skew_ns=round(merged['max_clock_skew'] * 1e9),
        bind_tolerance_ns=round(connection.bind_tolerance * 1e9),
        stale_timeout_s=merged['stale_timeout'],
        publish_tf=merged['publish_tf'],
        lazy=merged['lazy'],
        default_frame_id=f'{prefix}{frame}',
        frame_prefix=prefix,
        registration=registration,
    )


def check_values(where: str, values: Mapping[str, Any]) -> ConnectionOptions:
    """
    Check parameters one by one and together, without reading files.

    :param where: the source named in errors.
    :param values: of all parameters, by name.
    :returns: the options of a connection.
    :raises SettingsError: a value is invalid.
    """
    try:
        options = ConnectionOptions(**{name: values[name] for name in CONNECTION_PARAMETERS})
    except ValueError as error:
        raise SettingsError(f'{where}: {error}') from None
    for name in ('device_whitelist', 'device_blacklist'):
        _patterns(where, name, values)
    _patterns(where, 'auto_outbound', values, compile_topic_regex)
    return options


def _read_config(path: str, mode: str | None) -> Config:
    """
    Return the configuration in a mapping file.

    :param mode: client or server, which have one connection; None: any number of both.
    :raises SettingsError: the file is invalid, or is not for this node.
    """
    try:
        config = load_config(path, conversions.pairs(), companions.requests())
    except ConfigError as error:
        raise SettingsError(str(error)) from None
    connections = config.connections
    if mode is None:
        problems = [
            f'{path}:{connection.line}: mode: is missing; allowed: client, server'
            for connection in connections
            if connection.mode is None
        ]
        if problems:
            raise SettingsError('\n'.join(problems))
        return config
    if len(connections) != 1:
        raise SettingsError(
            f'{path}:1: connections: {len(connections)} given; igtl_{mode} has one connection, '
            'igtl_bridge any number'
        )
    (connection,) = connections
    if connection.mode not in (None, mode):
        raise SettingsError(
            f'{path}:{connection.line}: mode: {connection.mode}; igtl_{mode} takes {mode} or none'
        )
    return config


def _check_ports(
    path: str, connections: Sequence[ConnectionConfig], settings: Sequence[Settings]
) -> None:
    """
    Check that no two connections listen on one port, whether file or parameters set it.

    :raises SettingsError: two connections do.
    """
    first: dict[tuple[str, int], ConnectionConfig] = {}
    for connection, one in zip(connections, settings, strict=True):
        if one.mode == 'server' and one.port:
            other = first.setdefault((one.address, one.port), connection)
            if other is not connection:
                raise SettingsError(
                    f'{path}:{connection.line}: port: {one.address}:{one.port} is also the '
                    f'port of the connection in line {other.line}; allowed: another, or 0 for any'
                )


def _check_topics(
    path: str, rows: Sequence[MappingRow], resolve_topic_name: Callable[[str], str]
) -> None:
    """
    Check that no topic has two types, which the middleware does not allow.

    :raises SettingsError: a topic has two types, or its name is too long with its namespace.
    """
    first: dict[str, tuple[str, int]] = {}
    for row in rows:
        key, name, type_name = 'ros_topic_name', row.ros_topic_name, row.ros_type_name
        if row.tf is not None:
            key, name = 'tf.joint_states', row.tf.joint_states
            type_name = conversions.JOINT_STATES.ros_type_name
        if name is None or type_name is None:
            continue
        where = f'{path}:{row.line}: {key}: '
        try:
            topic = resolve_topic_name(name)
        except RuntimeError as error:
            raise SettingsError(f'{where}{name}: {error}') from None
        first_type, line = first.setdefault(topic, (type_name, row.line))
        if first_type != type_name:
            raise SettingsError(
                f'{where}{topic} is {type_name} here and {first_type} in line {line}; '
                'allowed: one type a topic'
            )


def _patterns(
    where: str,
    name: str,
    values: Mapping[str, Any],
    compile_regex: Callable[[str], re.Pattern[str]] = compile_device_regex,
) -> tuple[re.Pattern[str], ...]:
    try:
        return tuple(compile_regex(pattern) for pattern in values[name])
    except Refused as error:
        raise SettingsError(f'{where}: {name}: {error}') from None


def _tls_files(values: Mapping[str, Any], connection: ConnectionConfig) -> dict[str, str]:
    """Return the paths of certificates and keys in a mapping file, relative to its folder."""
    folder = os.path.dirname(values['config_file'])
    options = connection.options
    return {key: os.path.join(folder, options[key]) for key in FILE_KEYS if options.get(key)}


def _check_tls(where: str, mode: str, options: ConnectionOptions) -> None:
    """
    Check certificates and keys.

    :raises SettingsError: the text names the first wrong key.
    """
    if options.tls:
        try:
            load_context(options, cast(Role, mode))
        except TlsFilesError as error:
            raise SettingsError(f'{where}: {error}') from None


def _check_tls_is_on(
    values: Mapping[str, Any],
    connections: Sequence[ConnectionConfig],
    settings: Sequence[Settings],
) -> None:
    """
    Check that certificates and keys are used, since a user who sets them expects TLS.

    :raises SettingsError: a connection sets them without tls, or parameters without any use.
    """
    given = [
        (f'{values["config_file"]}:{connection.line}', key)
        for connection, one in zip(connections, settings, strict=True)
        for key in FILE_KEYS
        if connection.options.get(key) and not one.options.tls
    ]
    if not any(one.options.tls for one in settings):
        given += [('parameters', key) for key in FILE_KEYS if values[key]]
    for where, key in given:
        raise SettingsError(f'{where}: {key}: is set, but tls is false; allowed: with tls true')

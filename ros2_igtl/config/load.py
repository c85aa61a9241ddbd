# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A mapping file to a Config: reads the sections of the file, from the outermost in.

checks.py checks single values; row.py, tf.py and pairs.py check which keys of a row go together;
consistency.py finds conflicts between rows.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ros2_igtl import options
from ros2_igtl.config import checks
from ros2_igtl.config.consistency import Consistency
from ros2_igtl.config.document import compose, read_file
from ros2_igtl.config.errors import Problems, Refused
from ros2_igtl.config.pairs import Pairs, Requests
from ros2_igtl.config.registration import read_registrations
from ros2_igtl.config.row import MAPPING_KEYS, read_row
from ros2_igtl.config.section import Section
from ros2_igtl.options import CommandRow, Config, ConnectionConfig, MappingRow

FILE_KEYS = checks.checks_of(options.FILE_KEYS)
CONNECTION_KEYS = checks.checks_of(options.SECTIONS['ConnectionConfig'])
COMMAND_KEYS = checks.checks_of(options.SECTIONS['CommandRow'])
# The keys of a connection that are also node parameters.
OPTION_KEYS = options.CONNECTION_PARAMETERS


def load_config(path: str, pairs: Pairs | None = None, requests: Requests | None = None) -> Config:
    """
    Return the configuration in a mapping file.

    :param path: a file of at most 1 MB, in UTF-8.
    :param pairs: the existing conversions; None allows any pair of types.
    :param requests: the existing queries; None allows any query.
    :raises ConfigError: with all problems, one a line: `file:line: key: problem; allowed: values`.
        No row with a problem is skipped.
    """
    problems = Problems(path)
    return _Reader(problems, pairs, requests).read(compose(read_file(path, problems), problems))


def parse_config(
    data: bytes, file: str, pairs: Pairs | None = None, requests: Requests | None = None
) -> Config:
    """
    Return the configuration in the bytes of a mapping file, which problems call `file`.

    :raises ConfigError: as for load_config.
    """
    problems = Problems(file)
    return _Reader(problems, pairs, requests).read(compose(data, problems))


class _Reader:
    """Reads the sections of one file, from the outermost in."""

    def __init__(self, problems: Problems, pairs: Pairs | None, requests: Requests | None) -> None:
        self._problems = problems
        self._pairs = pairs
        self._requests = requests
        self._consistency = Consistency()

    def read(self, root: yaml.Node) -> Config:
        section = Section(root, '', FILE_KEYS, self._problems)
        section.require('version', 'connections')
        nodes = section.items('connections')
        if section.has('connections') and not nodes and not self._problems:
            section.refuse('connections', 'is empty; allowed: at least one connection')
        connections = tuple(
            self._read_connection(node, index, alone=len(nodes) == 1)
            for index, node in enumerate(nodes)
        )
        registration = []
        for at, registered in read_registrations(section):
            self._consistency.add_registration(at, registered)
            registration.append(registered)
        self._consistency.check_tree()
        self._problems.raise_if_any()
        return Config(connections, tuple(registration))

    def _read_connection(self, node: yaml.Node, index: int, *, alone: bool) -> ConnectionConfig:
        section = Section(node, f'connections[{index}]', CONNECTION_KEYS, self._problems)
        values = section.values
        _check_role(section)
        for name in OPTION_KEYS.keys() & values.keys():
            if OPTION_KEYS[name].kind == 'texts':
                values[name] = _read_list(section, name)
        self._consistency.add_connection(section, alone=alone)
        given = {name: values.pop(name) for name in OPTION_KEYS if name in values}
        nodes = section.items('mappings')
        rows = (
            self._read_row(row, section.key(f'mappings[{at}]'), index, given)
            for at, row in enumerate(nodes)
        )
        values['mappings'] = tuple(row for row in rows if row is not None)
        if 'commands' in values:
            values['commands'] = self._read_commands(section, index)
        return ConnectionConfig(line=section.line, options=given, **values)

    def _read_commands(self, section: Section, connection: int) -> tuple[CommandRow, ...]:
        """Return the commands without problems."""
        rows = []
        for at, node in enumerate(section.items('commands')):
            command = Section(node, section.key(f'commands[{at}]'), COMMAND_KEYS, self._problems)
            command.require('ros_service_name')
            if command.has('igtl_command_regex'):
                text = 'is given together with igtl_command_regex; allowed: one of them'
                command.forbid(['igtl_command_name'], text)
            else:
                hint = 'allowed: this or igtl_command_regex'
                command.require('igtl_command_name', hint=hint)
            if not command.is_wrong:
                row = CommandRow(line=command.line, **command.values)
                self._consistency.add_command(command, row, connection)
                rows.append(row)
        return tuple(rows)

    def _read_row(
        self, node: yaml.Node, key: str, connection: int, given: dict[str, Any]
    ) -> MappingRow | None:
        """Return a row, or None if it has problems."""
        section = Section(node, key, MAPPING_KEYS, self._problems)
        row = read_row(section, self._pairs, self._requests)
        if row is not None:
            self._consistency.add_row(section, row, connection, given)
        return row


def _check_role(section: Section) -> None:
    """Refuse keys of the other role, and a client without a port."""
    values = section.values
    if values.get('mode') == 'client':
        section.forbid(_of_role('server'), 'is for a server, but this is a client')
        if values.get('port') == 0:
            section.refuse('port', 'is 0; allowed for a client: 1 to 65535')
    elif values.get('mode') == 'server':
        section.forbid(_of_role('client'), 'is for a client, but this is a server')
    first, most = values.get('reconnect_initial_delay'), values.get('reconnect_max_delay')
    if first is not None and most is not None and first > most:
        text = f'is {first:g}; allowed: up to reconnect_max_delay, which is {most:g}'
        section.refuse('reconnect_initial_delay', text)


def _of_role(role: options.Mode) -> list[str]:
    return [name for name, option in OPTION_KEYS.items() if option.role == role]


def _read_list(section: Section, name: str) -> tuple[str, ...]:
    """Return the texts of a list without problems."""
    check = checks.text_of(OPTION_KEYS[name].form)
    values = []
    for index, node in enumerate(section.items(name)):
        try:
            value = check(node)
        except Refused as refused:
            line = node.start_mark.line + 1
            section.problems.add(line, section.key(f'{name}[{index}]'), str(refused))
        else:
            values.append(value.pattern if isinstance(value, re.Pattern) else value)
    return tuple(values)

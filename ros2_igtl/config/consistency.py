# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Conflicts between rows, commands, registrations and connections of a file.

Only names in the file itself are compared. The node compares names that come from device names or
parameters at run time.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ros2_igtl.config.section import Section
from ros2_igtl.convert.naming import fit_device_name
from ros2_igtl.options import CommandRow, MappingRow, RegistrationConfig

# Keys that apply to a device: all rows of a device and type must have the same value.
DEVICE_KEYS = (
    'frame_id',
    'child_frame_id',
    'publish_tf',
    'lazy',
    'stale_timeout',
    'rate_limit',
    'request',
    'resolution',
    'coordinate_name',
)
_ONE_VALUE = 'the same for all rows of a device and type'


class Consistency:
    """Keeps the claims of all rows with their lines, and refuses conflicting ones."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, int] = {}
        self._skipped: dict[Hashable, tuple[bool, int]] = {}
        # For each device, the values of DEVICE_KEYS in its rows, with their sections.
        self._devices: dict[Hashable, dict[str, tuple[Any, Section]]] = {}
        # For each registered child frame, its parent and the line.
        self._registered: dict[str, tuple[str, int]] = {}

    def add_connection(self, section: Section, *, alone: bool) -> None:
        """Refuse a connection that has the name, or the address and port, of another."""
        values = section.values
        if not alone:
            section.require('name', hint='each of several connections needs a name')
        if name := values.get('name'):
            self._claim(section, 'name', f'names a connection {name!r}', name)
        if values.get('mode') == 'server' and values.get('port') and 'address' in values:
            address, port = values['address'], values['port']
            self._claim(section, 'port', f'listens on {address} port {port}', address, port)

    def add_row(
        self, section: Section, row: MappingRow, connection: int, options: dict[str, Any]
    ) -> None:
        """Refuse a row that sends or publishes the same as another row, or contradicts one."""
        regex = row.igtl_device_regex.pattern if row.igtl_device_regex else None
        device = (connection, row.igtl_device_name, regex, row.igtl_type_name)
        if row.direction == 'ROS_TO_IGTL':
            name = row.igtl_device_name or ''
            fitted = fit_device_name(name)
            cut = f', cut to {fitted!r}' if fitted != name else ''
            text = f'sends {row.igtl_type_name} as device {name!r}{cut}'
            claim = ('sent', connection, fitted, row.igtl_type_name)
            self._claim(section, 'igtl_device_name', text, *claim)
            return
        skip, line = self._skipped.setdefault(device, (row.skip, section.line))
        if skip != row.skip:
            section.refuse(
                'skip',
                f'is {str(row.skip).lower()}, but {str(skip).lower()} in line {line}; '
                f'allowed: {_ONE_VALUE}',
            )
        elif row.skip:
            self._claim(section, 'skip', 'skips the same device and type', 'skipped', device)
        elif row.ros_topic_name is not None:
            text = f'publishes on {row.ros_topic_name!r}'
            self._claim(section, 'ros_topic_name', text, 'topic', row.ros_topic_name)
        else:
            text = 'publishes the same type of the same device on the default topic'
            self._claim(section, 'ros_topic_name', text, 'default', device, row.ros_type_name)
        # A connection can turn off tf, and then no row can turn it on.
        declared = {'tf': (options.get('publish_tf', True), section)}
        self._add_to_device(section, self._devices.setdefault(device, declared))

    def add_command(self, section: Section, row: CommandRow, connection: int) -> None:
        """Refuse a command that another row already assigns to a service."""
        regex = row.igtl_command_regex
        key = 'igtl_command_name' if regex is None else 'igtl_command_regex'
        name = row.igtl_command_name if regex is None else regex.pattern
        self._claim(section, key, f'runs command {name!r}', 'command', connection, key, name)

    def add_registration(self, section: Section, row: RegistrationConfig) -> None:
        """Refuse to register a frame twice, or as its own ancestor."""
        parent, child = row.parent_frame_id, row.child_frame_id
        if child in self._registered:
            text = f'is {child!r}, registered in line {self._registered[child][1]} already'
            section.refuse('child_frame_id', f'{text}; allowed: one parent')
            return
        above = parent
        while above != child and above in self._registered:
            above = self._registered[above][0]
        if above == child:
            section.refuse('parent_frame_id', f'{parent!r} is below {child!r}; allowed: a tree')
        else:
            self._registered[child] = parent, section.line_of('child_frame_id')

    def check_tree(self) -> None:
        """Refuse frames that would not form a tree: with several parents, or in a cycle."""
        parents = {child: parent for child, (parent, _) in self._registered.items()}
        lines: dict[str, int] = {}
        for declared in self._devices.values():
            if 'child_frame_id' not in declared or not _is_on_tf(declared):
                continue
            child, section = declared['child_frame_id']
            if child in self._registered:
                text = f'is {child!r}, registered in line {self._registered[child][1]}'
                section.refuse('child_frame_id', f'{text}; allowed: one parent')
                continue
            if child in lines:
                text = f'is {child!r}, of another device in line {lines[child]}'
                section.refuse('child_frame_id', f'{text}; allowed: one device')
                continue
            lines[child] = section.line_of('child_frame_id')
            if 'frame_id' in declared:
                parent, section = declared['frame_id']
                above = parent
                while above != child and above in parents:
                    above = parents[above]
                if above == child:
                    section.refuse('frame_id', f'{parent!r} is below {child!r}; allowed: a tree')
                else:
                    parents[child] = parent

    def _claim(self, section: Section, key: str, text: str, *claim: Hashable) -> None:
        if claim in self._lines:
            section.refuse(key, f'{text}, as line {self._lines[claim]} does; allowed: once')
        else:
            self._lines[claim] = section.line_of(key)

    def _add_to_device(self, section: Section, declared: dict[str, tuple[Any, Section]]) -> None:
        for key in DEVICE_KEYS:
            if key not in section.values:
                continue
            value, first = declared.setdefault(key, (section.values[key], section))
            if value != section.values[key]:
                line = first.line_of(key)
                text = f'differs from line {line}; allowed: {_ONE_VALUE}'
                section.refuse(key, text)


def _is_on_tf(declared: dict[str, tuple[Any, Section]]) -> bool:
    return all(declared[key][0] for key in ('tf', 'publish_tf') if key in declared)

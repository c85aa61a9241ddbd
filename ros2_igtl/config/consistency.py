# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What rows and connections must not do to each other, wherever in the file they stand.

Only what the file itself says is judged: names that come from device names or parameters when
the node runs are the node's to compare.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ros2_igtl.config.section import Section
from ros2_igtl.convert.naming import fit_device_name
from ros2_igtl.options import CommandRow, MappingRow, RegistrationConfig

# What the rows of one device and type cannot say one this and one that: it is about the device.
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


class Consistency:
    """Remembers what each row claimed, and in which line; refuses the second claim."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, int] = {}
        self._skipped: dict[Hashable, tuple[bool, int]] = {}
        # Of each device, what its rows say together, and the section that said it.
        self._devices: dict[Hashable, dict[str, tuple[Any, Section]]] = {}
        # Of each child frame that is registered, its parent and the line.
        self._registered: dict[str, tuple[str, int]] = {}

    def add_connection(self, section: Section, *, alone: bool) -> None:
        """Refuse a connection that has another one's name, or its address and port."""
        values = section.values
        if not alone:
            section.require('name', hint='each of several connections needs one')
        if name := values.get('name'):
            self._claim(section, 'name', f'names a connection {name!r}', name)
        if values.get('mode') == 'server' and values.get('port') and 'address' in values:
            address, port = values['address'], values['port']
            self._claim(section, 'port', f'listens on {address} port {port}', address, port)

    def add_row(
        self, section: Section, row: MappingRow, connection: int, options: dict[str, Any]
    ) -> None:
        """Refuse a row that sends or publishes what another row does, or contradicts it."""
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
            section.refuse('skip', f'is {str(row.skip).lower()}, and not so in line {line}')
        elif row.skip:
            self._claim(section, 'skip', 'skips the same device and type', 'skipped', device)
        elif row.ros_topic_name is not None:
            text = f'publishes on {row.ros_topic_name!r}'
            self._claim(section, 'ros_topic_name', text, 'topic', row.ros_topic_name)
        else:
            text = 'publishes the same type of the same device on the default topic'
            self._claim(section, 'ros_topic_name', text, 'default', device, row.ros_type_name)
        # tf can be turned off for all of a connection, and no row turns it on again.
        said = {'tf': (options.get('publish_tf', True), section)}
        self._add_to_device(section, self._devices.setdefault(device, said))

    def add_command(self, section: Section, row: CommandRow, connection: int) -> None:
        """Refuse a command that another row gives to a service already."""
        regex = row.igtl_command_regex
        key = 'igtl_command_name' if regex is None else 'igtl_command_regex'
        name = row.igtl_command_name if regex is None else regex.pattern
        self._claim(section, key, f'runs command {name!r}', 'command', connection, key, name)

    def add_registration(self, section: Section, row: RegistrationConfig) -> None:
        """Refuse to register a frame twice, or below itself."""
        parent, child = row.parent_frame_id, row.child_frame_id
        if child in self._registered:
            text = f'is {child!r}, registered in line {self._registered[child][1]} already'
            section.refuse('child_frame_id', f'{text}; allowed: one parent')
            return
        above = parent
        while above != child and above in self._registered:
            above = self._registered[above][0]
        if above == child:
            section.refuse('parent_frame_id', f'{parent!r} hangs below {child!r}; allowed: a tree')
        else:
            self._registered[child] = parent, section.line_of('child_frame_id')

    def check_tree(self) -> None:
        """Keep tf a tree: one device for each child frame, or a registration, and no circle."""
        parents = {child: parent for child, (parent, _) in self._registered.items()}
        lines: dict[str, int] = {}
        for said in self._devices.values():
            if 'child_frame_id' not in said or not _is_on_tf(said):
                continue
            child, section = said['child_frame_id']
            if child in self._registered:
                text = f'is {child!r}, registered in line {self._registered[child][1]}'
                section.refuse('child_frame_id', f'{text}; allowed: one parent')
                continue
            if child in lines:
                text = f'is {child!r}, of another device in line {lines[child]}'
                section.refuse('child_frame_id', f'{text}; allowed: one device')
                continue
            lines[child] = section.line_of('child_frame_id')
            if 'frame_id' in said:
                parent, section = said['frame_id']
                above = parent
                while above != child and above in parents:
                    above = parents[above]
                if above == child:
                    section.refuse(
                        'frame_id', f'{parent!r} hangs below {child!r}; allowed: a tree'
                    )
                else:
                    parents[child] = parent

    def _claim(self, section: Section, key: str, text: str, *claim: Hashable) -> None:
        if claim in self._lines:
            section.refuse(key, f'{text}, as line {self._lines[claim]} does; allowed: once')
        else:
            self._lines[claim] = section.line_of(key)

    def _add_to_device(self, section: Section, said: dict[str, tuple[Any, Section]]) -> None:
        for key in DEVICE_KEYS:
            if key not in section.values:
                continue
            value, first = said.setdefault(key, (section.values[key], section))
            if value != section.values[key]:
                line = first.line_of(key)
                text = f'is another in line {line}; allowed: one for all rows of a device and type'
                section.refuse(key, text)


def _is_on_tf(said: dict[str, tuple[Any, Section]]) -> bool:
    return all(said[key][0] for key in ('tf', 'publish_tf') if key in said)

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

from ros2_igtl.config.schema import MappingConfig
from ros2_igtl.config.section import Section


class Consistency:
    """Remembers what each row claimed, and in which line; refuses the second claim."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, int] = {}
        self._skipped: dict[Hashable, tuple[bool, int]] = {}
        # Of each child frame: its parent frame (None: the default one), its device, its line.
        self._frames: dict[str, tuple[str | None, Hashable, int]] = {}

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
        self, section: Section, row: MappingConfig, connection: int, options: dict[str, Any]
    ) -> None:
        """Refuse a row that sends, publishes or hangs into tf what another row does."""
        regex = row.igtl_device_regex.pattern if row.igtl_device_regex else None
        device = (connection, row.igtl_device_name, regex, row.igtl_type_name)
        if row.direction == 'ROS_TO_IGTL':
            text = f'sends {row.igtl_type_name} as device {row.igtl_device_name!r}'
            self._claim(section, 'igtl_device_name', text, 'sent', device)
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
        publishes_tf = (
            options.get('publish_tf', True) if row.publish_tf is None else row.publish_tf
        )
        if row.child_frame_id is not None and publishes_tf:
            self._add_frame(section, row, device, options.get('frame_prefix', ''))

    def _claim(self, section: Section, key: str, text: str, *claim: Hashable) -> None:
        if claim in self._lines:
            section.refuse(key, f'{text}, as line {self._lines[claim]} does; allowed: once')
        else:
            self._lines[claim] = section.line_of(key)

    def _add_frame(
        self, section: Section, row: MappingConfig, device: Hashable, prefix: str
    ) -> None:
        """Keep tf a tree: one parent and one device for each child frame, and no circle."""
        child = f'{prefix}{row.child_frame_id}'
        parent = None if row.frame_id is None else f'{prefix}{row.frame_id}'
        if child in self._frames:
            first_parent, first_device, line = self._frames[child]
            if device != first_device:
                text = f'{child!r} comes from another device in line {line}; allowed: one device'
                section.refuse('child_frame_id', text)
            elif parent != first_parent:
                text = f'{child!r} has another parent frame in line {line}; allowed: one parent'
                section.refuse('child_frame_id', text)
            return
        above = parent
        while above != child and above in self._frames:
            above = self._frames[above][0]
        if above == child:
            section.refuse('frame_id', f'{parent!r} hangs below {child!r}; allowed: a tree')
        else:
            self._frames[child] = (parent, device, section.line_of('child_frame_id'))

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds the rows of the mapping file, and the conversions, for a device of a connection."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from ros2_igtl import codec
from ros2_igtl.config import MappingRow
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.conversion import Conversion
from ros2_igtl.nodes.settings import Settings


class Choice(NamedTuple):
    """A conversion, and the row of the mapping file that selects it, if any."""

    conversion: Conversion
    row: MappingRow | None


class Rows:
    """
    Reads the rows of one connection.

    :param settings: the connection's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rows = tuple(row for row in settings.rows if row.direction == 'IGTL_TO_ROS')

    @property
    def has_decoded(self) -> bool:
        """Whether a row selects pictures of a video stream."""
        return any(
            conversions.find_conversion(row.igtl_type_name, row.ros_type_name).is_decoded
            for row in self._rows
            if row.ros_type_name is not None
        )

    def matching(self, message: codec.Message) -> Sequence[MappingRow]:
        """Return the rows of a device and type."""
        return [row for row in self._rows if _matches(row, message)]

    def skip_reason(self, message: codec.Message, rows: Sequence[MappingRow]) -> str:
        """
        Return why a device is not published, or ''.

        :param rows: of the device.
        """
        if not self._is_wanted(message.device_name):
            return 'device_filtered'
        if any(row.skip for row in rows):
            return 'mapping_skip'
        is_taken = self._settings.auto_inbound or message.type_name in conversions.CONTAINERS
        return '' if rows or is_taken else 'not_mapped'

    def choose(
        self,
        message: codec.Message,
        rows: Sequence[MappingRow],
        defaults: Sequence[Conversion],
    ) -> Sequence[Choice]:
        """
        Return the conversions of a device.

        Conversions that suit other contents better are left out, unless there is no other: a
        volume becomes slices if rows select an Image and no Volume.

        :param rows: of the device.
        :param defaults: its conversions without rows.
        """
        if not rows:
            return [Choice(default, None) for default in defaults]
        choices: list[Choice] = []
        for row in rows:
            if row.ros_type_name is None:
                choices += [Choice(default, row) for default in defaults]
                continue
            conversion = conversions.find_conversion(message.type_name, row.ros_type_name)
            if conversion.accepts(message.content):
                choices.append(Choice(conversions.with_options(conversion, vars(row)), row))
        return [each for each in choices if each.conversion.is_for(message.content)] or choices

    def pool(self, device: str, rows: Sequence[MappingRow]) -> tuple[Hashable, bool]:
        """
        Return the pool of the room that a device takes, and whether a row names just this device.

        A row with an expression matches any number of devices, and so does a name of 20 bytes,
        which is a part of longer ones.

        :param rows: of the device.
        """
        for row in rows:
            if row.igtl_device_name == device:
                return id(row), True
        return (id(rows[0]) if rows else None), False

    def frames(self, device: str, rows: Sequence[MappingRow]) -> tuple[str, str]:
        """Return the child frame and the parent frame of a device."""
        settings = self._settings
        child, parent = naming.frames_of(device, settings.default_frame_id, settings.frame_prefix)
        for row in rows:
            parent = row.frame_id or parent
            child = row.child_frame_id or child
        return child, parent

    def topic(self, message: codec.Message, choice: Choice) -> str:
        """Return the topic of a conversion, before namespace and remapping."""
        conversion, row = choice
        suffix = '' if row and row.ros_type_name else conversion.sibling
        if row and row.ros_topic_name:
            return '/'.join(filter(None, (row.ros_topic_name, suffix)))
        return naming.default_topic(
            self._settings.name, message.type_name, message.device_name, suffix
        )

    def _is_wanted(self, device: str) -> bool:
        allowed = self._settings.device_whitelist
        if allowed and not any(_fits(pattern, device) for pattern in allowed):
            return False
        return not any(_fits(pattern, device) for pattern in self._settings.device_blacklist)


def _matches(row: MappingRow, message: codec.Message) -> bool:
    if row.igtl_type_name != message.type_name:
        return False
    if row.igtl_device_regex is not None:
        return _fits(row.igtl_device_regex, message.device_name)
    return row.igtl_device_name in naming.header_names(message.device_name)


def _fits(pattern: re.Pattern[str], device: str) -> bool:
    """Return whether a device matches; expressions are limited for the 20 bytes of a header."""
    return any(pattern.fullmatch(name) for name in naming.header_names(device))

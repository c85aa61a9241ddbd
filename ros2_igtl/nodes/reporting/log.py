# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Log handlers: for the packages without ROS, and for events logged once a device."""

from __future__ import annotations

import logging
from typing import Protocol

from rclpy.node import Node

from ros2_igtl.convert import naming

PACKAGE_LOGGER = 'ros2_igtl'

MAX_LINES = 500  # a peer that invents names must not fill the log

# Two devices compete for one topic or frame, so the user has to decide.
ERROR_CAUSES = frozenset({'topic_taken', 'second_source', 'second_connection'})


class Device(Protocol):
    """An object with the type and the name of a device."""

    @property
    def type_name(self) -> str:
        """Its OpenIGTLink type."""

    @property
    def device_name(self) -> str:
        """Its name."""


class DeviceLog:
    """
    Logs the first event of each cause and device; counters cover the rest. On any thread.

    :param node: provides the logger.
    :param connection: name of the connection of the devices.
    """

    def __init__(self, node: Node, connection: str) -> None:
        self._logger = node.get_logger()
        self._connection = connection
        self._logged: set[tuple[str, str, str]] = set()

    def once(self, device: Device, cause: str, text: str) -> None:
        """
        Log a line unless it was logged before.

        :param cause: the word under which it is counted.
        :param text: the event, and how to fix it.
        """
        key = cause, device.type_name, device.device_name
        if key in self._logged or len(self._logged) >= MAX_LINES:
            return
        self._logged.add(key)
        name = f"{self._connection}: {device.type_name} '{naming.escape(device.device_name)}'"
        if cause in ERROR_CAUSES:
            self._logger.error(f'{name}: {cause}: {text}')
        else:
            self._logger.warning(f'{name}: {cause}: {text}')


class RosLogHandler(logging.Handler):
    """
    Passes the package's log records on to a node's logger, and so to /rosout.

    :param node: provides the logger; it must outlive the handler.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; rclpy allows one severity for each calling line, hence the branches."""
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)


def attach(node: Node) -> RosLogHandler:
    """Begin to pass on the log records of the package."""
    handler = RosLogHandler(node)
    logger = logging.getLogger(PACKAGE_LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return handler


def detach(handler: RosLogHandler) -> None:
    """Undo what :func:`attach` did."""
    logging.getLogger(PACKAGE_LOGGER).removeHandler(handler)

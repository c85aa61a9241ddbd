# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Log handlers: for the packages without ROS, and for events logged once a device."""

from __future__ import annotations

import logging
import time
from math import inf
from typing import Protocol

from rclpy.node import Node

from ros2_igtl.convert import naming
from ros2_igtl.transport.log import Allowance, Throttle, shorten

PACKAGE_LOGGER = 'ros2_igtl'

MAX_LINES = 100  # for each cause; a peer that invents names must not fill the log
ERROR_REPEAT_S = 1.0  # errors are repeated after a reconnection, but not faster than this

# Two devices compete for one topic or frame, so the user has to decide; or ROS does not publish.
ERROR_CAUSES = frozenset({'topic_taken', 'second_source', 'second_connection', 'publish_failed'})


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

    Each cause has room of its own, so that no other one keeps it out of the log.

    :param node: provides the logger.
    :param connection: name of the connection of the devices.
    :param allowance: of the connection.
    :ivar throttle: for events that are not logged once, but again after some time.
    """

    def __init__(self, node: Node, connection: str, allowance: Allowance) -> None:
        self.throttle = Throttle(allowance)
        self._logger = node.get_logger()
        self._connection = connection
        self._allowance = allowance
        self._logged: dict[str, set[tuple[str, str]]] = {}  # devices by cause
        self._repeated_s: dict[tuple[str, str, str], float] = {}  # of errors, steady clock

    def once(self, device: Device, cause: str, text: str) -> None:
        """
        Log a line unless it was logged before; an error again after :meth:`repeat_errors`.

        :param cause: the word under which it is counted.
        :param text: the event, and how to fix it.
        """
        key = device.type_name, device.device_name
        logged = self._logged.setdefault(cause, set())
        if key in logged or len(logged) >= MAX_LINES:
            return
        is_error = cause in ERROR_CAUSES
        if is_error and not self._may_repeat((cause, *key)):
            return
        name = f"{self._connection}: {device.type_name} '{naming.escape(device.device_name)}'"
        line = shorten(f'{name}: {cause}: {text}')
        if self._allowance.take(line, is_grave=is_error):
            logged.add(key)
            if is_error:
                self._logger.error(line)
            else:
                self._logger.warning(line)
        elif not is_error:  # an error is tried again, any other line is one of those left out
            logged.add(key)

    def info(self, text: str) -> None:
        """Log a line about a new device."""
        if self._allowance.take(text, is_grave=False):
            self._logger.info(text)

    def repeat_errors(self) -> None:
        """Log errors again that occur from now on, since a peer has disconnected."""
        for cause in ERROR_CAUSES:
            self._logged.pop(cause, None)

    def _may_repeat(self, key: tuple[str, str, str]) -> bool:
        """Return whether an error was not tried a short time ago, and note that it is now."""
        now = time.monotonic()
        if now - self._repeated_s.get(key, -inf) < ERROR_REPEAT_S:
            return False
        if len(self._repeated_s) >= MAX_LINES * len(ERROR_CAUSES):
            self._repeated_s.clear()
        self._repeated_s[key] = now
        return True


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

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What the rooms without ROS log, passed on to a node's logger; nothing is logged here itself."""

from __future__ import annotations

import logging

from rclpy.node import Node

PACKAGE_LOGGER = 'ros2_igtl'


class RosLogHandler(logging.Handler):
    """
    Passes the package's log records on to a node's logger, and so to /rosout.

    :param node: whose logger it is; it has to outlive the handler.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; rclpy keeps one severity for each line that logs, so each has its own."""
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
    """Pass on what the package logs from now on."""
    handler = RosLogHandler(node)
    logger = logging.getLogger(PACKAGE_LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return handler


def detach(handler: RosLogHandler) -> None:
    """Undo what :func:`attach` did."""
    logging.getLogger(PACKAGE_LOGGER).removeHandler(handler)

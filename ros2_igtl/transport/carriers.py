# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The endpoint class for each mode."""

from __future__ import annotations

from collections.abc import Callable

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.client import Client
from ros2_igtl.transport.endpoint import Endpoint
from ros2_igtl.transport.handler import Handler
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.server import Server

ENDPOINTS: dict[str, Callable[..., Endpoint]] = {'client': Client, 'server': Server}


def make_endpoint(
    mode: str,
    io_thread: IoThread,
    address: str,
    port: int,
    handler: Handler,
    options: Options | None = None,
) -> Endpoint:
    """
    Return an endpoint of the given mode, not started yet.

    :raises KeyError: there is no such mode.
    """
    return ENDPOINTS[mode](io_thread, address, port, handler, options)

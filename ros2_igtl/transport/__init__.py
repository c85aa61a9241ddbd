# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Carries OpenIGTLink messages: clients, servers and their sessions over TCP. No ROS.

::

    with IoThread() as io_thread:
        client = Client(io_thread, '127.0.0.1', 18944, handler)
        client.start()
        client.send(codec.Message(codec.String('ready'), 'Robot'), traffic='event')
        client.stop()
"""

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.carriers import make_endpoint
from ros2_igtl.transport.client import Client
from ros2_igtl.transport.endpoint import Endpoint
from ros2_igtl.transport.handler import ConnectionState, Handler
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.outbox import Traffic
from ros2_igtl.transport.server import Server
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.statistics import Statistics

__all__ = [
    'Client',
    'ConnectionState',
    'Endpoint',
    'Handler',
    'IoThread',
    'Options',
    'Server',
    'Session',
    'Statistics',
    'Traffic',
    'make_endpoint',
]

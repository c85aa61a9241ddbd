# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interface of a connection's features, such as its commands; no feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ros2_igtl import codec
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.transport import Traffic

Send = Callable[[codec.Message, Traffic, 'Sequence[Peer] | None'], int]
"""
Queues a message for some peers, None for all, and returns for how many; on any thread.

It raises ``codec.EncodeError``, and ``ConvertError`` if no peer can receive the full device name.
"""


class Feature:
    """
    A part of a connection, such as its commands.

    ``start``, ``stop`` and ``destroy`` run where ROS runs, the others on the I/O thread unless
    stated otherwise. The methods of this base class do nothing.
    """

    takes: tuple[type[Any], ...] = ()
    """The classes of contents that ``receive`` may accept."""

    def start(self) -> None:
        """Start; the sockets are opened afterwards."""

    def stop(self) -> None:
        """Tell the peers about the end, before the sockets are closed. May be called twice."""

    def destroy(self) -> None:
        """Release everything; the sockets are closed. May be called twice."""

    def peer_opened(self, peer: Peer) -> None:
        """Add a peer; messages can be sent to it from now on."""

    def peer_closed(self, peer: Peer) -> None:
        """Release everything that belongs to a disconnected peer."""

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """
        Handle a message, count its outcome and return True; return False if it is not for this.

        :param receive_time_ns: system clock at its last byte.
        """
        return False

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return {}

    def reports(self) -> Sequence[Report]:
        """Return a report of each device; where ROS runs."""
        return ()

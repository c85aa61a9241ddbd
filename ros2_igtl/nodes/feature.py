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
Queues a message for some peers, None for all, and returns for how many it was; on any thread.

It raises ``codec.EncodeError``, and ``ConvertError`` if no peer can be told whose message it is.
"""


class Feature:
    """
    Something that a connection does with its peers.

    ``start``, ``stop`` and ``destroy`` run where ROS runs, the others on the I/O thread, unless
    they say otherwise. This one does nothing.
    """

    takes: tuple[type[Any], ...] = ()
    """The classes of contents that are offered to ``receive``."""

    def start(self) -> None:
        """Begin; the sockets are opened afterwards."""

    def stop(self) -> None:
        """Tell the peers what ends; the sockets are closed afterwards. May be called twice."""

    def destroy(self) -> None:
        """Release everything; the sockets are closed. May be called twice."""

    def peer_opened(self, peer: Peer) -> None:
        """Note a peer that can be sent to from now on."""

    def peer_closed(self, peer: Peer) -> None:
        """Release what belongs to a peer that has gone."""

    def receive(self, peer: Peer, message: codec.Message, receive_time_ns: int) -> bool:
        """
        Take a message, count its outcome and return True; return False if it is not for this.

        :param receive_time_ns: system clock at its last byte.
        """
        return False

    def counts(self) -> Mapping[str, int]:
        """Return all counts since the beginning, by names for people; on any thread."""
        return {}

    def reports(self) -> Sequence[Report]:
        """Return a report of each device; where ROS runs."""
        return ()

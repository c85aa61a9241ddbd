# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Holds poses that may be late until it is known whether they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ros2_igtl import codec
from ros2_igtl.convert import conversions
from ros2_igtl.convert.streams.peer_clock import Stamp
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.to_ros.frame_tree import Source
from ros2_igtl.nodes.to_ros.route import Pending, Route
from ros2_igtl.nodes.to_ros.router import Router
from ros2_igtl.nodes.to_ros.watchdog import CallSoon

PassOn: TypeAlias = Callable[[codec.Message, Route, Source, Stamp], None]


class Arrivals:
    """
    The messages of one connection that may be late; on the I/O thread.

    :param router: of the connection.
    :param call_soon: calls a function on the I/O thread after a number of seconds.
    :param pass_on: takes each message with its stamp.
    """

    def __init__(self, router: Router, call_soon: CallSoon, pass_on: PassOn) -> None:
        self._router = router
        self._call_soon = call_soon
        self._pass_on = pass_on

    def take(
        self,
        message: codec.Message,
        route: Route,
        source: Source,
        stamp: Stamp,
        hold_ns: int,
        receive_ns: int,
    ) -> None:
        """
        Pass on a message and the one that its route holds, or hold it.

        :param hold_ns: how long to wait for another message before this one is believed.
        :param receive_ns: ROS time of its arrival.
        """
        if route.pending is not None:
            self._settle(route, stamp.fault)
        if hold_ns > 0 and (route.is_exclusive or message.type_name in conversions.CONTAINERS):
            self._hold(route, Pending(message, source, stamp, receive_ns), hold_ns)
        else:
            self._pass_on(message, route, source, in_order(route, source, stamp))

    def flush(self, peer: Peer | None = None) -> None:
        """Pass on the held messages of a peer, or of all, as late."""
        for route in self._router.all:
            if route.pending is not None and peer in (None, route.pending.source.peer):
                self._settle(route, 'late')

    def _hold(self, route: Route, pending: Pending, hold_ns: int) -> None:
        """Hold a message until another one shows that it is late, or none has come."""
        route.pending = pending

        def release() -> None:
            if route.pending is not pending or route.timeliness is None:
                return
            if pending.source.peer.session.is_behind:  # another message may be there
                self._call_soon(hold_ns / 1e9, release)
            else:
                self._settle(route, route.timeliness.settle())

        self._call_soon(hold_ns / 1e9, release)

    def _settle(self, route: Route, fault: str) -> None:
        """
        Pass on the message that a route holds.

        :param fault: why it is late after all; empty if it is not.
        """
        pending, route.pending = route.pending, None
        assert pending is not None
        message, source, stamp, receive_ns = pending
        # without a clock of the peer to go by, the stamp was the earliest time possible
        ns = receive_ns if stamp.fault == 'late' and not fault else stamp.ns
        stamp = in_order(route, source, stamp._replace(ns=ns, fault=fault))
        self._pass_on(message, route, source, stamp)


def in_order(route: Route, source: Source, stamp: Stamp) -> Stamp:
    """Return a stamp later than the route's last one, for a message that arrived with it."""
    if stamp.ns <= route.last_stamp_ns:
        behind_ns = route.last_stamp_ns - stamp.ns
        if stamp.fault or behind_ns > source.peer.clock.limit_ns:
            return stamp
        stamp = stamp._replace(ns=route.last_stamp_ns + 1)
    route.last_stamp_ns = stamp.ns
    return stamp

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Passes large messages to the worker, in order, and pauses their peers while it is full."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from ros2_igtl import codec
from ros2_igtl.convert.streams.peer_clock import Stamp
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.reporting.counters import Tally
from ros2_igtl.nodes.to_ros.frame_tree import Source
from ros2_igtl.nodes.to_ros.route import Route
from ros2_igtl.nodes.worker import Loss, Task, Worker
from ros2_igtl.transport.log import Throttle


class Bulk:
    """
    The messages of one connection that wait for its worker.

    :param worker: of the connection.
    :param tally: counts the messages that the worker does not publish.
    :param publish: publishes a message on the worker, and returns why it was skipped, or ''.
    :param published: called after each message with the result of ``publish``.
    :param throttle: for the log of the connection.
    """

    def __init__(
        self,
        worker: Worker,
        tally: Tally,
        publish: Callable[[codec.Message, Route, Source, Stamp], str],
        published: Callable[[Peer, codec.Message, str], None],
        throttle: Throttle,
    ) -> None:
        self._worker = worker
        self._tally = tally
        self._publish = publish
        self._published = published
        self._throttle = throttle
        self._is_behind = False  # the last message has waited too long
        self._paused: set[Peer] = set()  # reading is paused until the worker has room; I/O thread

    def put(self, message: codec.Message, route: Route, source: Source, stamp: Stamp) -> None:
        """
        Queue a message; on the I/O thread.

        While the worker is full, a newer image of a device replaces an older one, and reading from
        the peer is paused. While poses wait too long, newer ones replace them.
        """
        peer = source.peer
        route.is_bulk = True  # for all later messages too, so that they stay in order
        put_ns = time.monotonic_ns()

        def publish() -> None:
            _account(peer, -message.body_size)
            self._is_behind = time.monotonic_ns() - put_ns > peer.clock.limit_ns
            try:
                reason = self._publish(message, route, source, stamp)
            except Exception as error:  # close only this session, as the transport does
                key = peer.session.host, 'fault', type(error)
                text = f'{peer.name}: closed by a fault'
                self._throttle.log(logging.ERROR, key, text, error=error)
                peer.session.close(f'internal error: {error!r}')
                reason = 'internal_error'
            else:
                self._published(peer, message, reason)
            if route.is_in_parts:
                peer.session.hold('volumes', peer.volumes.held_bytes)
            if route.is_decoded:
                peer.session.hold('video', peer.video.held_bytes)
            if not reason and any(output.conversion.latched for output in route.outputs):
                peer.session.hold(route, _whole_size(message))  # ROS keeps it for late joiners

        def lose(loss: Loss) -> None:
            _account(peer, -message.body_size)
            if loss == 'replaced':
                self._tally.here.replaced += 1
            else:
                self._tally.here.skipped['node_stopped'] += 1

        _account(peer, message.body_size)

        # a lost part of a volume or frame of a video would make the others useless
        is_state = route.outputs[0].conversion.traffic == 'state' and not route.is_decoded
        is_single = not route.is_in_parts or message.content.is_whole
        slot = route if is_state and is_single else None
        newest_only = self._is_behind and route.is_exclusive and not route.is_lazy
        self._worker.put(Task(publish, lose, message.body_size, slot), newest_only=newest_only)
        if self._worker.is_full and peer not in self._paused:
            self._paused.add(peer)
            peer.session.pause_reading()

    def resume(self) -> None:
        """Read from all peers again; on the I/O thread."""
        for peer in self._paused:
            peer.session.resume_reading()
        self._paused.clear()

    def forget(self, peer: Peer) -> None:
        """Forget a disconnected peer; on the I/O thread."""
        self._paused.discard(peer)


def _whole_size(message: codec.Message) -> int:
    """Return the bytes of a content, or of the volume that it is the last part of."""
    content = message.content
    if isinstance(content, codec.Image):
        return math.prod(content.size) * content.components * content.dtype.itemsize
    return message.body_size


def _account(peer: Peer, change: int) -> None:
    """Account the waiting bytes of a peer towards ``memory_limit``; on any thread."""
    with peer.lock:
        peer.bulk_bytes += change
        peer.session.hold('bulk', peer.bulk_bytes)

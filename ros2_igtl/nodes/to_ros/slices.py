# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Does long work for one peer in slices, between which it is the turn of the others."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from functools import partial

from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.to_ros.watchdog import CallSoon

SLICE_S = 0.002

logger = logging.getLogger(__name__)


class Slices:
    """
    The work that has not been done yet, by peer; on the I/O thread.

    :param call_soon: calls a function on the I/O thread after a number of seconds.
    """

    def __init__(self, call_soon: CallSoon) -> None:
        self._call_soon = call_soon
        self._waiting: dict[Peer, deque[Iterator[None]]] = {}

    def run(self, peer: Peer, steps: Iterator[None]) -> None:
        """Take the steps now, or later if that takes long; nothing is read from the peer then."""
        waiting = self._waiting.get(peer)
        if waiting is not None:
            waiting.append(steps)
        elif not _is_done(steps):
            self._waiting[peer] = deque([steps])
            peer.session.pause_reading()
            self._call_soon(0.0, partial(self._go_on, peer))

    def forget(self, peer: Peer) -> None:
        """Take the remaining steps at once, which are short since the peer has disconnected."""
        for steps in self._waiting.pop(peer, ()):
            for _ in steps:
                pass

    def _go_on(self, peer: Peer) -> None:
        waiting = self._waiting.get(peer)
        if waiting is None:
            return
        try:
            if _is_done(waiting[0]):
                waiting.popleft()
        except Exception as error:  # close only this session, as the transport does
            logger.exception('%s: closed by a fault', peer.name)
            peer.session.close(f'internal error: {error!r}')
            return
        if waiting:
            self._call_soon(0.0, partial(self._go_on, peer))
        else:
            del self._waiting[peer]
            peer.session.resume_reading()


def _is_done(steps: Iterator[None]) -> bool:
    """Take steps for the length of a slice; return whether there are no more."""
    end = time.monotonic() + SLICE_S
    return all(time.monotonic() < end for _ in steps)

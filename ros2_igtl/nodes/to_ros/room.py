# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Counts what peers take of bounded things, such as topics and frames; keeps no such thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from ros2_igtl.nodes.peer import Peer


class Room:
    """
    The room for things with names of peers: a limit for each peer, and one for all peers.

    The things are in pools that do not share room: each row of the mapping file has a pool, and
    things without a row share one. So a peer that invents names takes no room of a row. The
    caller has a lock, or uses one thread.

    :param limit_of_peer: things of one peer in a pool.
    :param limit: things in a pool, including those of disconnected peers.
    """

    def __init__(self, limit_of_peer: int, limit: int) -> None:
        self._limit_of_peer = limit_of_peer
        self._limit = limit
        self._all: Counter[Hashable] = Counter()  # by pool
        self._idle: Counter[Hashable] = Counter()  # likewise, of disconnected peers
        self._of_peer: dict[Peer, Counter[Hashable]] = {}

    def lacks(self, pool: Hashable, peer: Peer) -> str:
        """Return which limit keeps a peer from one more thing, or ''."""
        taken = self._of_peer.get(peer)
        if taken is not None and taken[pool] >= self._limit_of_peer:
            return f'{self._limit_of_peer} from one peer are allowed'
        if self._all[pool] >= self._limit:
            return f'{self._limit} from all peers are allowed'
        return ''

    def is_full(self, pool: Hashable) -> bool:
        """Return whether a thing of a disconnected peer has to make room for another."""
        return self._all[pool] >= self._limit and self._idle[pool] > 0

    def take(self, pool: Hashable, peer: Peer) -> None:
        """Count one more thing of a peer, which may have disconnected."""
        self._all[pool] += 1
        self._counter(peer)[pool] += 1

    def give_back(self, pool: Hashable, peer: Peer) -> None:
        """Count a thing of a peer less."""
        self._all[pool] -= 1
        self._counter(peer)[pool] -= 1

    def move(self, pool: Hashable, old: Peer, new: Peer) -> None:
        """Count a thing of a peer as one of another peer."""
        self._counter(old)[pool] -= 1
        self._counter(new)[pool] += 1

    def leave(self, peer: Peer) -> None:
        """Count all things of a peer as those of a disconnected one."""
        self._idle.update(self._of_peer.pop(peer, {}))

    def _counter(self, peer: Peer) -> Counter[Hashable]:
        return self._idle if peer.is_gone else self._of_peer.setdefault(peer, Counter())

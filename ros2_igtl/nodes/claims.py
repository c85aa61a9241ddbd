# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The owners of the topics of a node; this module publishes nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Owner(NamedTuple):
    """The device that owns a topic, and the type published there."""

    connection: str
    type_name: str
    device_name: str
    ros_type_name: str


class TopicClaims:
    """
    Gives each topic of a node one owner, and prevents messages from going back to their sender.

    The connections of the node share it; every method may be called on any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of the attributes below
        self._owners: dict[str, Owner] = {}
        self._counts: Counter[str] = Counter()  # how often a topic is claimed
        self._sent: set[tuple[str, str]] = set()  # connection and topic that it sends

    def claim(self, claims: Mapping[str, Owner]) -> tuple[str, Owner | None] | None:
        """
        Claim topics, all of them or none.

        :param claims: the future owner by resolved topic name.
        :returns: None if all are claimed; else the topic that cannot be claimed and its owner,
            which is None if the connection sends this topic to its peers.
        """
        with self._lock:
            for topic, owner in claims.items():
                if (owner.connection, topic) in self._sent:
                    return topic, None
                first = self._owners.get(topic, owner)
                if first != owner:
                    return topic, first
            self._owners.update(claims)
            self._counts.update(claims.keys())
        return None

    def add_sent(self, connection: str, topic: str) -> None:
        """Keep a connection from publishing on a topic that it sends to its peers."""
        with self._lock:
            self._sent.add((connection, topic))

    def reserve(self, connection: str, topic: str) -> bool:
        """
        Do the same as :meth:`add_sent`, unless the node publishes on the topic.

        :returns: False if the node publishes on it.
        """
        with self._lock:
            if topic in self._owners:
                return False
            self._sent.add((connection, topic))
            return True

    def release_sent(self, connection: str, topic: str) -> None:
        """Allow a connection to publish on a topic that it no longer sends."""
        with self._lock:
            self._sent.discard((connection, topic))

    def give_back(self, topics: Iterable[str]) -> None:
        """Undo one claim of each topic; a topic is released when its last claim is undone."""
        with self._lock:
            for topic in topics:
                self._counts[topic] -= 1
                if not self._counts[topic]:
                    del self._counts[topic], self._owners[topic]

    def release(self, connection: str) -> None:
        """Release all topics of a connection."""
        with self._lock:
            self._owners = {
                topic: owner
                for topic, owner in self._owners.items()
                if owner.connection != connection
            }
            self._counts = Counter({topic: self._counts[topic] for topic in self._owners})
            self._sent = {sent for sent in self._sent if sent[0] != connection}

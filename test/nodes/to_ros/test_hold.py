# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Held messages: their memory, and a ROS that cannot publish them."""

from __future__ import annotations

from typing import Any, cast

import pytest
from rclpy._rclpy_pybind11 import RCLError

from ros2_igtl.nodes.to_ros.hold import RETRY_S, Hold, Retries


class FakeSession:
    """Remembers the bytes that are held for it."""

    held = 0

    def hold(self, kind: object, size: int) -> None:
        self.held = size


class FakePublisher:
    """
    Remembers what it published.

    :param limit: of messages; then publish() fails.
    """

    def __init__(self, limit: int = 1000) -> None:
        self.published: list[int] = []
        self._limit = limit

    def publish(self, message: int) -> None:
        if len(self.published) == self._limit:
            raise RCLError('the subscriber has stopped')
        self.published.append(message)


@pytest.fixture
def session() -> Any:
    return FakeSession()


def put(hold: Hold, publisher: FakePublisher, session: Any, numbers: range) -> list[int]:
    """Hold messages of 10 bytes; return the list of how many were lost at once."""
    lost: list[int] = []
    for number in numbers:
        hold.put([(cast(Any, publisher), number)], session, 10, lost.append)
    return lost


def test_f46_what_is_held_counts_for_its_sender(session: Any) -> None:
    hold, publisher = Hold(3), FakePublisher()
    assert not put(hold, publisher, session, range(2))
    assert session.held == 20
    put(hold, publisher, session, range(2, 5))
    assert session.held == 30
    hold.release()
    assert publisher.published == [2, 3, 4]
    assert session.held == 0
    assert hold.put([], session, 10, lambda count: None) is False
    assert session.held == 0


def test_f48_held_messages_that_cannot_be_published_are_counted_and_not_tried(
    session: Any,
) -> None:
    hold, publisher = Hold(10), FakePublisher(limit=4)
    lost = put(hold, publisher, session, range(10))
    hold.release()
    hold.release()
    assert publisher.published == [0, 1, 2, 3]
    assert lost == [6]
    assert session.held == 0


def test_f48_failing_topics_are_tried_once_a_second_together_and_recover_at_once() -> None:
    now = 100.0
    retries = Retries(lambda: now)
    retries.begin()
    with pytest.raises(RCLError):
        retries.begin()
    now += RETRY_S
    retries.begin()
    retries.end()
    retries.begin()

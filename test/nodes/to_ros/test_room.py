# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What peers take is counted by peer and pool."""

from __future__ import annotations

from helpers.peers import make_peer
from ros2_igtl.nodes.to_ros.room import Room


def test_a_peer_has_a_limit_and_then_all_peers_of_a_pool_have_one() -> None:
    room = Room(2, 3)
    first, second = make_peer('same name'), make_peer('same name')
    for _ in range(2):
        assert room.lacks('pool', first) == ''
        room.take('pool', first)
    assert room.lacks('pool', first) == '2 from one peer are allowed'
    assert room.lacks('pool', second) == ''
    room.take('pool', second)
    assert room.lacks('pool', second) == '3 from all peers are allowed'
    assert room.lacks('another', first) == ''
    room.give_back('pool', first)
    assert room.lacks('pool', second) == ''


def test_a_pool_is_full_while_things_of_disconnected_peers_could_make_room() -> None:
    room = Room(2, 2)
    first, second = make_peer('first'), make_peer('second')
    room.take('pool', first)
    room.take('pool', first)
    assert not room.is_full('pool')
    first.is_gone = True
    room.leave(first)
    assert room.is_full('pool')
    room.move('pool', first, second)
    room.give_back('pool', first)
    assert not room.is_full('pool')
    assert room.lacks('pool', second) == ''
    room.take('pool', first)  # its message waited
    assert room.is_full('pool')

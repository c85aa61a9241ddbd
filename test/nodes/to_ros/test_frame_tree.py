# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames of tf and their owners."""

from __future__ import annotations

import pytest
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header

from helpers.peers import make_peer
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.to_ros import frame_tree
from ros2_igtl.nodes.to_ros.frame_tree import FrameTree, Source


def transform(parent: str, child: str) -> TransformStamped:
    return TransformStamped(header=Header(frame_id=parent), child_frame_id=child)


def source(peer: Peer, connection: str = 'bridge', type_name: str = 'TRANSFORM') -> Source:
    return Source(connection, peer, type_name, 'A')


def claim(tree: FrameTree, owner: Source, *edges: tuple[str, str]) -> list[str]:
    """Claim edges, child first, and return the causes of those that were refused."""
    transforms = [transform(parent, child) for child, parent in edges]
    allowed, refusals = tree.claim(transforms, owner)
    assert len(allowed) + len(refusals) == len(edges)
    return [refusal.cause for refusal in refusals]


def test_a_tree_takes_no_edge_that_closes_a_circle() -> None:
    tree, peer = FrameTree(), make_peer('peer')
    assert tree.register('b', 'a') == ''
    assert claim(tree, source(peer), ('c', 'b')) == []
    assert claim(tree, source(peer), ('a', 'c')) == ['circle']
    assert tree.register('a', 'c') == "frame 'c' is already below 'a' on tf"
    tree.release(peer)
    assert tree.register('a', 'c') == ''
    assert claim(tree, source(peer), ('c', 'b')) == ['circle']


def test_the_first_source_owns_a_frame_until_its_peer_is_gone() -> None:
    tree, first, second = FrameTree(), make_peer('first'), make_peer('second')
    assert claim(tree, source(first), ('a', 'world'), ('b', 'world')) == []
    assert claim(tree, source(second), ('a', 'world'), ('c', 'world')) == ['second_source']
    assert claim(tree, source(second), ('a', 'other')) == ['second_parent']
    first.is_gone = True
    tree.release(first)
    assert claim(tree, source(second), ('a', 'other'), ('b', 'world')) == []


def test_a_peer_that_is_gone_claims_nothing_though_its_message_waited() -> None:
    tree, first, second = FrameTree(), make_peer('first'), make_peer('second')
    first.is_gone = True
    tree.release(first)
    allowed, refusals = tree.claim([transform('world', 'a')], source(first))
    assert (list(allowed), [refusal.cause for refusal in refusals]) == ([], ['peer_gone'])
    assert claim(tree, source(second), ('a', 'world')) == []


def test_a_message_with_a_frame_of_another_connection_claims_none() -> None:
    tree, peer = FrameTree(), make_peer('peer')
    assert claim(tree, source(peer, 'one'), ('a', 'world')) == []
    with pytest.raises(ConvertError, match="TRANSFORM 'A' of one: peer already sends frame 'a'"):
        claim(tree, source(peer, 'two'), ('b', 'world'), ('a', 'world'))
    assert claim(tree, source(peer, 'one'), ('b', 'world')) == []


def test_f42_frames_that_are_made_up_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_tree, 'MAX_FRAMES_OF_PEER', 2)
    monkeypatch.setattr(frame_tree, 'MAX_FRAMES', 3)
    tree, first, second, third = FrameTree(), *map(make_peer, ('first', 'second', 'third'))
    assert claim(tree, source(first), ('a', 'w'), ('b', 'w'), ('c', 'w')) == ['too_many_frames']
    assert claim(tree, source(second), ('c', 'w'), ('d', 'w')) == ['too_many_frames']
    assert claim(tree, source(third), ('d', 'w')) == ['too_many_frames']
    # other rows, other connections and registrations have room of their own
    assert claim(tree, source(third)._replace(pool='a row'), ('e', 'w')) == []
    assert claim(tree, source(third, 'other'), ('f', 'w')) == []
    assert [tree.register(child, 'w') for child in 'ghi'] == ['', '', '']
    assert tree.register('j', 'w') == '3 registrations are allowed'
    first.is_gone = True
    tree.release(first)
    assert claim(tree, source(third), ('a', 'w'), ('b', 'w')) == []
    assert claim(tree, source(second), ('d', 'w')) == ['too_many_frames']


@pytest.mark.parametrize('parent', ['tracker', 'igtl_ras'])
def test_f57_the_plane_of_an_image_gives_way_to_a_tool_of_its_peer(
    monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    monkeypatch.setattr(frame_tree, 'MAX_FRAMES_OF_PEER', 1)
    tree, peer = FrameTree(), make_peer('peer')
    image, tool = source(peer, type_name='IMAGE'), source(peer)
    assert claim(tree, image, ('probe', 'igtl_ras')) == []
    assert claim(tree, tool, ('probe', parent)) == []
    assert claim(tree, image, ('probe', 'igtl_ras')) == ['plane_replaced']
    other = source(make_peer('other'))
    assert claim(tree, other, ('probe', 'world')) == ['second_parent']
    tree.release(peer)
    assert claim(tree, image, ('probe', 'igtl_ras')) == []
    assert claim(tree, other, ('probe', 'igtl_ras')) == ['second_source']

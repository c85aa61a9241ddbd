# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The owners of frames of tf: keeps the transforms of a node a tree. This module sends nothing."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.to_ros.room import Room

# A peer that invents names must not create frames without limit, and must leave room for the other
# peers. Trackers have some dozen tools, or hundreds if each marker counts as one.
MAX_FRAMES_OF_PEER = 2000  # for each row of the mapping file, and for devices without a row
MAX_FRAMES = 5000  # of all peers of a connection, likewise

REGISTRATION = 'a registration'


class Source(NamedTuple):
    """
    The sender of a pose; with two sources of one frame a tool would jump between two places.

    :ivar pool: of the room that its frames take: :meth:`Rows.pool`.
    """

    connection: str
    peer: Peer
    type_name: str
    device_name: str
    pool: Hashable = None

    def gives_way_to(self, other: Source) -> bool:
        """Return whether its pose is an image's plane, and the other one a tool of its peer."""
        planes = conversions.TF_PLANES
        is_plane = self.type_name in planes and other.type_name not in planes
        return is_plane and self.peer is other.peer

    def __str__(self) -> str:
        device = f"{self.type_name} '{naming.escape(self.device_name)}'"
        return f'{device} of {self.connection}: {self.peer.name}'


class Refusal(NamedTuple):
    """
    Why a pose stays off tf: a word and a sentence.

    :ivar is_fault: whether users have to know; else it is as it should be.
    """

    cause: str
    text: str
    is_fault: bool = True


class FrameTree:
    """
    Keeps the transforms that one node sends to tf a tree in which each frame has one owner.

    The first source to send a frame owns it, with the same parent, until its peer disconnects; but
    the plane of an image gives way to a tool of the same peer, in whatever order they come.
    Frames of registrations are never released. Every method may be called on any thread.
    """

    def __init__(self) -> None:
        # by child: its parent and its owner; None: a registration
        self._edges: dict[str, tuple[str, Source | None]] = {}
        self._room = Room(MAX_FRAMES_OF_PEER, MAX_FRAMES)
        self._lock = threading.Lock()

    def claim(
        self, transforms: Sequence[Any], source: Source
    ) -> tuple[Sequence[Any], Sequence[Refusal]]:
        """
        Claim the frames of one message for its source.

        :param transforms: TransformStamped.
        :returns: the transforms that may go to tf, and why the others may not.
        :raises ConvertError: ``second_connection``: another connection's device owns one of the
            frames. No frame is claimed then, since the whole message is rejected.
        """
        with self._lock:
            edges = self._edges
            allowed: list[Any] = []
            refusals: list[Refusal] = []
            for transform in transforms:
                edge = edges.get(transform.child_frame_id)
                if edge is not None and edge[1] is not None:
                    self._check_connection(transform, edge[0], edge[1], source)
            if source.peer.is_gone:  # it disconnected while the message waited
                return (), (Refusal('peer_gone', 'its peer has disconnected', False),)
            for transform in transforms:
                refusal = self._claim(transform.child_frame_id, transform.header.frame_id, source)
                if refusal is None:
                    allowed.append(transform)
                else:
                    refusals.append(refusal)
            return allowed, refusals

    def register(self, child: str, parent: str) -> str:
        """Claim a frame for a registration; return why that is impossible, or ''."""
        with self._lock:
            first_parent, owner = self._edges.get(child, (parent, None))
            if owner is not None or first_parent != parent:
                return (
                    f"frame '{child}' already has parent '{first_parent}' on tf, from "
                    f'{owner or REGISTRATION}'
                )
            if self._is_below(parent, child):
                return f"frame '{parent}' is already below '{child}' on tf"
            if sum(owner is None for _, owner in self._edges.values()) >= MAX_FRAMES:
                return f'{MAX_FRAMES} registrations are allowed'
            self._edges[child] = parent, None
        return ''

    def release(self, peer: Peer) -> None:
        """Release the frames of a disconnected peer."""
        with self._lock:
            kept = {}
            for child, (parent, owner) in self._edges.items():
                if owner is None or owner.peer is not peer:
                    kept[child] = parent, owner
                else:
                    self._room.give_back(_pool(owner), peer)
            self._edges = kept
            self._room.leave(peer)

    @staticmethod
    def _check_connection(transform: Any, parent: str, owner: Source, source: Source) -> None:
        """Check that no device of another connection owns the frame of a transform."""
        if owner.connection != source.connection and parent == transform.header.frame_id:
            raise ConvertError(
                'second_connection',
                f"{owner} already sends frame '{transform.child_frame_id}'; this pose is "
                'rejected; frame_prefix, or the frames of its row, can set another frame',
            )

    def _claim(self, child: str, parent: str, source: Source) -> Refusal | None:
        edge = self._edges.get(child)
        owner = None if edge is None else edge[1]
        if owner is not None and owner.gives_way_to(source):
            self._room.give_back(_pool(owner), owner.peer)
            del self._edges[child]
            edge = None
        if edge is None:
            lack = self._room.lacks(_pool(source), source.peer)
            if lack:
                return Refusal('too_many_frames', f"no room for frame '{child}': {lack}")
            if self._is_below(parent, child):
                return Refusal(
                    'circle',
                    f"frame '{parent}' is already below '{child}' on tf; this pose is only on its "
                    'topic',
                )
            self._edges[child] = (parent, source)
            self._room.take(_pool(source), source.peer)
            return None
        first_parent, owner = edge
        if owner is not None and source.gives_way_to(owner):
            text = f"its plane is not on tf, since {owner} sends frame '{child}'"
            return Refusal('plane_replaced', text, False)
        if first_parent != parent:
            return Refusal(
                'second_parent',
                f"frame '{child}' already has parent '{first_parent}' on tf, from "
                f"{owner or REGISTRATION}; its pose in '{parent}' is only on its topic",
            )
        if owner != source:
            return Refusal(
                'second_source',
                f"{owner or REGISTRATION} already sends frame '{child}'; this pose is only on its "
                'topic',
            )
        return None

    def _is_below(self, frame: str, ancestor: str) -> bool:
        """Return whether a frame is another frame, or is a descendant of it."""
        while frame != ancestor and frame in self._edges:
            frame = self._edges[frame][0]
        return frame == ancestor


def _pool(source: Source) -> Hashable:
    """Return the pool of a source's frames; connections share no room."""
    return source.connection, source.pool

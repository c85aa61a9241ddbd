# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Who owns which frame of tf: keeps the transforms of a node a tree. Nothing is sent here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.peer import Peer

MAX_FRAMES = 5000  # a peer that makes up names must not make frames without end

REGISTRATION = 'a registration'


class Source(NamedTuple):
    """Who sends a pose: two sources of one frame would make a tool jump between two places."""

    connection: str
    peer: Peer
    type_name: str
    device_name: str

    def __str__(self) -> str:
        device = f"{self.type_name} '{naming.escape(self.device_name)}'"
        return f'{device} of {self.connection}: {self.peer.name}'


class Refusal(NamedTuple):
    """Why a pose stays off tf: a word and a sentence."""

    cause: str
    text: str


class FrameTree:
    """
    Keeps the transforms that one node sends to tf a tree in which each frame has one owner.

    The first source to send a frame owns it, with the same parent, until its peer disconnects.
    Frames of registrations are never released. Every method may be called on any thread.
    """

    def __init__(self) -> None:
        # child: its parent and its owner; None: a registration
        self._edges: dict[str, tuple[str, Source | None]] = {}
        self._lock = threading.Lock()

    def claim(
        self, transforms: Sequence[Any], source: Source
    ) -> tuple[Sequence[Any], Sequence[Refusal]]:
        """
        Claim the frames of one message for its source.

        :param transforms: TransformStamped.
        :returns: the transforms that may go to tf, and why the others may not.
        :raises ConvertError: ``second_connection``: another connection's device owns one of the
            frames. None is claimed then, since the message is refused as a whole.
        """
        with self._lock:
            edges = self._edges
            allowed: list[Any] = []
            refusals: list[Refusal] = []
            for transform in transforms:
                edge = edges.get(transform.child_frame_id)
                if edge is not None and edge[1] is not None:
                    self._check_connection(transform, edge[0], edge[1], source)
            if source.peer.is_gone:  # a message that waited while its peer left
                return (), (Refusal('peer_gone', 'its peer has disconnected'),)
            for transform in transforms:
                refusal = self._claim(transform.child_frame_id, transform.header.frame_id, source)
                if refusal is None:
                    allowed.append(transform)
                else:
                    refusals.append(refusal)
            return allowed, refusals

    def register(self, child: str, parent: str) -> str:
        """Claim a frame for a registration; return why that is impossible, or nothing."""
        with self._lock:
            first_parent, owner = self._edges.get(child, (parent, None))
            if owner is not None or first_parent != parent:
                return (
                    f"frame '{child}' has parent '{first_parent}' on tf already, from "
                    f'{owner or REGISTRATION}'
                )
            if self._hangs_below(parent, child):
                return f"frame '{parent}' hangs below '{child}' on tf already"
            if len(self._edges) >= MAX_FRAMES:
                return f'{MAX_FRAMES} frames are allowed'
            self._edges[child] = parent, None
        return ''

    def release(self, peer: Peer) -> None:
        """Release the frames of a peer that is gone."""
        with self._lock:
            self._edges = {
                child: (parent, owner)
                for child, (parent, owner) in self._edges.items()
                if owner is None or owner.peer is not peer
            }

    @staticmethod
    def _check_connection(transform: Any, parent: str, owner: Source, source: Source) -> None:
        """Refuse a message with a frame that a device of another connection owns."""
        if owner.connection != source.connection and parent == transform.header.frame_id:
            raise ConvertError(
                'second_connection',
                f"frame '{transform.child_frame_id}' comes from {owner} already; this pose is "
                'refused; frame_prefix, or frames of its row, can give it another',
            )

    def _claim(self, child: str, parent: str, source: Source) -> Refusal | None:
        edge = self._edges.get(child)
        if edge is None:
            if len(self._edges) >= MAX_FRAMES:
                return Refusal('too_many_frames', f'{MAX_FRAMES} frames are allowed')
            if self._hangs_below(parent, child):
                return Refusal(
                    'circle',
                    f"frame '{parent}' hangs below '{child}' on tf already; this pose is on its "
                    'topic only',
                )
            self._edges[child] = (parent, source)
            return None
        first_parent, owner = edge
        if first_parent != parent:
            return Refusal(
                'second_parent',
                f"frame '{child}' has parent '{first_parent}' on tf already, from "
                f"{owner or REGISTRATION}; its pose in '{parent}' is on its topic only",
            )
        if owner != source:
            return Refusal(
                'second_source',
                f"frame '{child}' comes from {owner or REGISTRATION} already; this pose is on its "
                'topic only',
            )
        return None

    def _hangs_below(self, frame: str, ancestor: str) -> bool:
        """Return whether a frame is another one, or hangs somewhere below it."""
        while frame != ancestor and frame in self._edges:
            frame = self._edges[frame][0]
        return frame == ancestor

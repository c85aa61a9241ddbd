# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The tf buffer in which the senders look up poses."""

from __future__ import annotations

from collections.abc import Callable

from geometry_msgs.msg import TransformStamped
from tf2_ros import Buffer, ConnectivityException


class FrameBuffer(Buffer):
    """
    A tf buffer that also knows the path between two frames, and calls functions at each transform.

    tf2_ros offers the parents of frames only as text for the user. This class therefore overrides
    the methods that receive transforms, from a TransformListener for example.
    """

    def __init__(self) -> None:
        super().__init__()
        self._parents: dict[str, str] = {}
        self._followers: tuple[Callable[[], None], ...] = ()

    def follow(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call a function after each new transform; return a function that ends this."""
        self._followers = (*self._followers, heard)

        def end() -> None:
            self._followers = tuple(each for each in self._followers if each is not heard)

        return end

    def path(self, first: str, last: str) -> list[str]:
        """
        Return the frames on the path from one frame to another, without the first; on any thread.

        :raises ConnectivityException: the frames are not connected.
        """
        up, down = self._ancestors(first), self._ancestors(last)
        for index, frame in enumerate(down):
            if frame in up:
                return up[1 : up.index(frame) + 1] + down[:index][::-1]
        raise ConnectivityException(f"'{first}' and '{last}' are not connected")

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Store a pose at its stamp."""
        super().set_transform(transform, authority)
        self._heard(transform)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Store a pose for all times."""
        super().set_transform_static(transform, authority)
        self._heard(transform)

    def _heard(self, transform: TransformStamped) -> None:
        parent = transform.header.frame_id.removeprefix('/')  # as tf2 does
        self._parents[transform.child_frame_id.removeprefix('/')] = parent
        for heard in self._followers:
            heard()

    def _ancestors(self, frame: str) -> list[str]:
        """Return a frame and its ancestors, up to the root."""
        frames = [frame]
        while (parent := self._parents.get(frames[-1])) and parent not in frames:
            frames.append(parent)
        return frames

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The buffer of tf that the senders look things up in; what they send is in their own modules."""

from __future__ import annotations

from collections.abc import Callable

from geometry_msgs.msg import TransformStamped
from tf2_ros import Buffer, ConnectivityException


class FrameBuffer(Buffer):
    """
    A buffer of tf that also knows the way from one frame to another, and tells when it has heard.

    tf2_ros says how frames lie to each other, and of which others they hang only in a text for
    people; what it is given, by a TransformListener for example, it is given here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._parents: dict[str, str] = {}
        self._followers: tuple[Callable[[], None], ...] = ()

    def follow(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call a function after each transform that comes; return one that ends it."""
        self._followers = (*self._followers, heard)

        def end() -> None:
            self._followers = tuple(each for each in self._followers if each is not heard)

        return end

    def path(self, first: str, last: str) -> list[str]:
        """
        Return the frames on the way from one frame to another, without the first; on any thread.

        :raises ConnectivityException: no way connects them.
        """
        up, down = self._ancestors(first), self._ancestors(last)
        for index, frame in enumerate(down):
            if frame in up:
                return up[1 : up.index(frame) + 1] + down[:index][::-1]
        raise ConnectivityException(f"'{first}' and '{last}' lie in trees not connected")

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Keep a pose at its stamp."""
        super().set_transform(transform, authority)
        self._heard(transform)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Keep a pose for all times."""
        super().set_transform_static(transform, authority)
        self._heard(transform)

    def _heard(self, transform: TransformStamped) -> None:
        parent = transform.header.frame_id.removeprefix('/')  # as tf2 takes it
        self._parents[transform.child_frame_id.removeprefix('/')] = parent
        for heard in self._followers:
            heard()

    def _ancestors(self, frame: str) -> list[str]:
        """Return a frame and those it hangs of, up to the root."""
        frames = [frame]
        while (parent := self._parents.get(frames[-1])) and parent not in frames:
            frames.append(parent)
        return frames

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The tf buffer in which the senders look up poses."""

from __future__ import annotations

from collections.abc import Callable

from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock
from tf2_ros import Buffer, ConnectivityException

from ros2_igtl.convert.math.stamps import NANOSECONDS_PER_SECOND

AHEAD_NS = NANOSECONDS_PER_SECOND  # more than the clocks of machines differ that share tf


class FrameBuffer(Buffer):
    """
    A tf buffer that also knows the path between two frames, and calls functions at each transform.

    It ignores poses with stamps in the future: the latest pose would be the same until then.
    tf2_ros offers the parents of frames only as text for the user. This class therefore overrides
    the methods that receive transforms, from a TransformListener for example.

    :param clock: of the node.
    :ivar ahead: how many poses were ignored.
    :ivar ahead_frame: the child frame of the last one.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.ahead = 0
        self.ahead_frame = ''
        self._clock = clock
        self._limit_ns = 0  # of stamps, at the last look at the clock
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
        """Store a pose at its stamp, unless that is in the future."""
        stamp = transform.header.stamp
        stamp_ns = stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec
        if stamp_ns > self._limit_ns and self._is_ahead(stamp_ns):
            self.ahead += 1
            self.ahead_frame = transform.child_frame_id
            return
        super().set_transform(transform, authority)
        self._heard(transform)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Store a pose for all times."""
        super().set_transform_static(transform, authority)
        self._heard(transform)

    def clear(self) -> None:
        """Forget all poses that are not static, because the clock was set."""
        super().clear()
        self._limit_ns = 0

    def _is_ahead(self, stamp_ns: int) -> bool:
        now_ns = self._clock.now().nanoseconds
        if not now_ns:
            return False  # simulated time has not begun
        self._limit_ns = now_ns + AHEAD_NS
        return stamp_ns > self._limit_ns

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

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Sends all frames between two, such as the links of a robot, as one message."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from rclpy.time import Time
from tf2_ros import TransformException

from ros2_igtl.convert import conversions
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_igtl.sender import Wiring
from ros2_igtl.nodes.to_igtl.subscription import FollowingSubscription
from ros2_igtl.nodes.to_igtl.tf import TfSender, stamp_of

# tf follows the joints within a period of robot_state_publisher, 50 ms by default.
MAX_WAITING = 100


class ChainSender(TfSender):
    """
    Sends each frame on the path from one frame to another as a tool, at a rate.

    All poses are relative to the first frame, which is not a tool itself. All are of one time, the
    latest at which tf knows every pose.

    :param frame_prefix: removed from the names of the tools, as it is added to received ones.
    """

    def __init__(self, wiring: Wiring, buffer: FrameBuffer, frame_prefix: str) -> None:
        super().__init__(wiring, buffer)
        self._prefix = frame_prefix

    def _transforms(self, time: Time | None = None) -> list[tuple[str, Any]]:
        """
        Return the frames by name, at a given or the latest time.

        :raises TransformException: tf does not know all of them.
        """
        first, last = self._tf.parent_frame_id, self._tf.chain
        assert first is not None
        assert last is not None
        pose = self._look_up(first, last, time)
        time = Time.from_msg(pose.header.stamp)
        *between, _ = self._buffer.path(first, last)
        poses = [self._look_up(first, frame, time) for frame in between]
        return [(self._name_of(each.child_frame_id), each) for each in (*poses, pose)]

    def _name_of(self, frame: str) -> str:
        return frame.removeprefix(self._prefix) or frame


class JointChainSender(ChainSender):
    """
    Sends the frames at the stamp of each JointState, once tf knows them at that time.

    The transforms of a JointState are published a little later; until then its stamp waits.
    """

    def __init__(self, wiring: Wiring, buffer: FrameBuffer, frame_prefix: str) -> None:
        super().__init__(wiring, buffer, frame_prefix)
        assert self._tf.joint_states is not None
        self._waiting: deque[Time] = deque()
        self._lock = threading.RLock()  # of them, since tf may have a thread of its own
        self._unfollow = buffer.follow(self._send_waiting)
        topic = wiring.node.resolve_topic_name(self._tf.joint_states)
        self._subscription = FollowingSubscription(
            wiring.node, topic, conversions.JOINT_STATES, {}, self._received
        )

    @property
    def source(self) -> str:
        """The source of the messages, for the user."""
        assert self.row.tf is not None
        return f'{super().source} {self.row.tf.joint_states}'

    def follow(self) -> None:
        """Follow the publishers' quality of service."""
        self._subscription.follow()

    def destroy(self) -> None:
        """Unsubscribe, and count the waiting stamps."""
        super().destroy()
        self._subscription.destroy()
        self._unfollow()
        with self._lock:
            self._give_up(len(self._waiting))

    def _received(self, joint_state: Any) -> None:
        self._heard_s = time.monotonic()
        stamp = Time.from_msg(joint_state.header.stamp)
        if not stamp.nanoseconds:
            self._submit(_refuse_stamp)
            return
        with self._lock:
            if len(self._waiting) == MAX_WAITING:
                self._give_up(1)
            self._waiting.append(stamp)
            self._send_waiting()

    def _send_waiting(self) -> None:
        """Send the frames of each stamp that tf has reached."""
        with self._lock:
            if self._waiting:
                self._send_reached()

    def _send_reached(self) -> None:
        try:
            latest_ns = stamp_of(self._look_up(self._tf.parent_frame_id, self._tf.chain))
        except TransformException:
            return  # tf does not know the chain yet
        waiting = list(self._waiting)
        self._waiting.clear()
        for stamp in waiting:
            if latest_ns and stamp.nanoseconds > latest_ns:
                self._waiting.append(stamp)
            else:
                self._submit(lambda: self._message_of(self._transforms(stamp)))  # noqa: B023

    def _give_up(self, count: int) -> None:
        """Discard and count the oldest stamps, which tf has not reached."""
        for _ in range(count):
            stamp = self._waiting.popleft()
            self._tally.here.received += 1
            self._tally.here.rejected['tf_lookup'] += 1
            text = f"tf has no pose of '{self._tf.chain}' at {stamp.nanoseconds / 1e9:.3f} s"
            self._warn('tf_lookup', text)


def _refuse_stamp() -> Any:
    raise ConvertError('no_stamp', 'the JointState has no stamp, which the look-up in tf needs')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Sends poses looked up in tf at a rate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rclpy.time import Time
from tf2_ros import TransformException

from ros2_igtl.config.pairs import TF_TYPE
from ros2_igtl.convert import conversions
from ros2_igtl.convert.context import Outbound
from ros2_igtl.convert.conversion import FromRos
from ros2_igtl.convert.conversions import find_conversion
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.stamps import NANOSECONDS_PER_SECOND
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_igtl.sender import Sender, Wiring

_LATEST = Time()


class TfSender(Sender):
    """
    Looks up a pair of frames, or several for one message, at a rate.

    A pose is sent only once. Static transforms, whose stamp is 0, go once to each peer, and again
    when they change; a BIND gets them at the rate, since its other rows wait for them.
    A tool whose pose is older than the row's ``stale_timeout`` is left out of the message.
    """

    def __init__(self, wiring: Wiring, buffer: FrameBuffer) -> None:
        super().__init__(wiring)
        node, row = wiring.node, wiring.row
        assert row.tf is not None
        self._tf = row.tf
        self._pair = row.tf.parent_frame_id, row.tf.child_frame_id
        self._from_pair: FromRos | None = None  # None: for several frames
        if row.tf.child_frame_id is not None:
            self._from_pair = find_conversion(row.igtl_type_name, TF_TYPE).from_ros
        self._buffer = buffer
        # by tool: the stamp (nanoseconds) in the last message, or the pose if it is static
        self._sent: dict[str, Any] = {}
        self._last: Sequence[Outbound] = ()
        self._ahead = buffer.ahead  # at the last report
        self._look_s = 0.0  # steady clock at the last look-up
        self._timer: Any = None
        if row.tf.rate is not None:
            period_s = 1.0 / row.tf.rate
            self._timer = node.create_timer(period_s, self._look)

    def _look(self) -> None:
        self._submit(self._convert)

    def destroy(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)

    def report(self) -> Report:
        """Report the row, with a warning if poses with stamps in the future were ignored."""
        ahead, self._ahead = self._buffer.ahead - self._ahead, self._buffer.ahead
        if ahead:
            frame = self._buffer.ahead_frame
            self._warn('tf_in_future', f"ignored, among {ahead} a pose of '{frame}'", ahead)
        return super().report()

    def _looked_s(self) -> float:
        """Return the time of the last look-up; tf is not asked while no peer is due."""
        return super()._looked_s() if self._timer is None else self._look_s

    def _newest(self) -> Sequence[Outbound]:
        """
        Return the current poses, even if they were already sent.

        :raises ConvertError: they are too old.
        """
        transforms = self._transforms()
        for _, pose in transforms:
            if self._is_old(pose):
                child = pose.child_frame_id
                raise ConvertError('stale', f"the latest pose of '{child}' in tf is too old")
        return self._message_of(transforms)

    def _is_old(self, transform: Any) -> bool:
        timeout_ns, stamp_ns = self._stale_timeout_ns, stamp_of(transform)
        if not (timeout_ns and stamp_ns):
            return False
        return bool(self._now().nanoseconds - stamp_ns > timeout_ns)

    def _convert(self) -> Sequence[Outbound]:
        """Return the current poses, empty if they are not new; static ones always."""
        self._look_s = time.monotonic()
        from_pair = self._from_pair
        if from_pair is None:
            transforms = self._transforms()
        else:  # as _transforms() does; without a call, since most rows are of a pair
            pose = self._buffer.lookup_transform(*self._pair, _LATEST)
            transforms = [('', pose)]
        found: dict[str, Any] = {}
        is_static = bool(transforms)
        for name, transform in transforms:
            stamp = transform.header.stamp
            stamp_ns = stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec  # as stamp_of()
            found[name] = stamp_ns or transform.transform
            is_static = is_static and not stamp_ns
        if found == self._sent:
            return self._last if self._is_static else ()
        if found:
            self._heard_s = self._look_s
        if self._is_static:  # only of these it is noted who has them
            self.audience.renew()
        self._sent, self._last = found, ()
        self._last = from_pair(pose) if from_pair is not None else self._message_of(transforms)
        self._is_static = is_static
        return self._last

    def _transforms(self) -> list[tuple[str, Any]]:
        """
        Return the tools that are not stale, by name; a single pair of frames has an empty name.

        :raises TransformException: tf does not know the pair.
        """
        if not self._tf.tools:
            return [('', self._look_up(self._tf.parent_frame_id, self._tf.child_frame_id))]
        transforms = []
        for tool in self._tf.tools:
            try:
                transform = self._look_up(tool.parent_frame_id, tool.child_frame_id)
            except TransformException as error:
                self._warn('tf_lookup', f"tool '{tool.name}' is absent: {error}")
                continue
            if not self._is_old(transform):
                transforms.append((tool.name, transform))
        return transforms

    def _look_up(self, parent: str | None, child: str | None, time: Time | None = None) -> Any:
        return self._buffer.lookup_transform(parent, child, time or _LATEST)

    def _message_of(self, transforms: list[tuple[str, Any]]) -> Sequence[Outbound]:
        """Return the message for the looked-up poses."""
        if self._from_pair is None:
            return (conversions.TF_TOOLS[self.type_name](transforms),)
        return self._from_pair(transforms[0][1])


def stamp_of(transform: Any) -> int:
    """Return the stamp of a pose, nanoseconds; 0 if it is static."""
    stamp = transform.header.stamp
    return int(stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec)

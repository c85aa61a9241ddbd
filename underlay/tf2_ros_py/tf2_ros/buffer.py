# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames over time, which a TransformListener fills."""

from __future__ import annotations

import math
import threading

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.time import Time

from tf2_ros.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf2_ros.track import IDENTITY, OutOfRangeError, Rigid, Track

# largest allowed deviation of the norm of a quaternion from 1, as in the original
QUATERNION_TOLERANCE = 1e-3


class Buffer:
    """Stores the transforms of the last seconds, and looks up any two frames at any time."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        """
        Start without frames.

        :param cache_time: how long to keep transforms; default: 10 s.
        :param node: accepted for compatibility; the original offers a service on it.
        """
        cache_time = Duration(seconds=10) if cache_time is None else cache_time
        self._cache_time = cache_time.nanoseconds
        self._changed = threading.Condition()
        self._tracks: dict[str, Track] = {}
        self._frames: set[str] = set()

    def clear(self) -> None:
        """Remove all transforms that are not static."""
        with self._changed:
            self._tracks = {k: track for k, track in self._tracks.items() if track.is_static}

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Store the pose of the child frame at its stamp; log and ignore an invalid one."""
        self._insert(transform, authority, is_static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Store the pose of the child frame for all times; log and ignore an invalid one."""
        self._insert(transform, authority, is_static=True)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration | None = None
    ) -> TransformStamped:
        """
        Return the pose of source_frame in target_frame.

        :param time: of the pose; 0: the latest time at which all transforms between the frames
            are known.
        :param timeout: how long to wait for the transform.
        :returns: frame_id is target_frame, child_frame_id is source_frame; metres.
        :raises TransformException: one of its subclasses states the reason.
        """
        with self._changed:
            self._wait(target_frame, source_frame, time, timeout)
            return self._lookup(target_frame, source_frame, time.nanoseconds)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration | None = None,
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Return whether lookup_transform would succeed, with the reason why not if requested."""
        with self._changed:
            error = self._wait(target_frame, source_frame, time, timeout)
        return (not error, error) if return_debug_tuple else not error

    def _insert(self, transform: TransformStamped, authority: str, *, is_static: bool) -> None:
        parent = transform.header.frame_id.lstrip('/')
        child = transform.child_frame_id.lstrip('/')
        t, r = transform.transform.translation, transform.transform.rotation
        pose = Rigid((t.x, t.y, t.z), (r.x, r.y, r.z, r.w))
        cause = fault(parent, child, pose)
        if cause:
            get_logger('tf2_ros').error(
                f"ignoring the transform from '{parent}' to '{child}' of '{authority}': {cause}"
            )
            return
        time = Time.from_msg(transform.header.stamp).nanoseconds
        with self._changed:
            track = self._tracks.get(child)
            if track is None or track.is_static != is_static:
                track = self._tracks[child] = Track(is_static=is_static)
            track.insert(time, parent, pose, self._cache_time)
            self._frames |= {parent, child}
            self._changed.notify_all()

    def _wait(self, target: str, source: str, time: Time, timeout: Duration | None) -> str:
        """Wait until the transform is known or the timeout is over; return the error, or ''."""
        error = ''

        def is_known() -> bool:
            nonlocal error
            try:
                self._lookup(target, source, time.nanoseconds)
            except TransformException as refusal:
                error = str(refusal)
                return False
            error = ''
            return True

        self._changed.wait_for(is_known, timeout.nanoseconds * 1e-9 if timeout else 0.0)
        return error

    def _lookup(self, target: str, source: str, time: int) -> TransformStamped:
        for frame in (target, source):
            if not frame or frame.startswith('/'):
                raise InvalidArgumentException(
                    f"'{frame}' is not a frame name; allowed: text without a leading slash"
                )
            if frame not in self._frames:
                raise LookupException(f"frame '{frame}' does not exist")
        # for time 0, find the latest common time on the newest path, and use that time
        time = time or self._latest_common_time(target, source)
        up_target, up_source = self._path(target, time), self._path(source, time)
        common = next((frame for frame in up_target if frame in up_source), None)
        if common is None:
            raise self._unconnected(target, source, time)
        pose = up_target[common].inverse() @ up_source[common]
        return transform_stamped(target, source, time, pose)

    def _path(self, frame: str, time: int) -> dict[str, Rigid]:
        """Return the frame's pose in itself and in each of its ancestors, nearest first."""
        pose = IDENTITY
        path = {frame: pose}
        while frame in self._tracks:
            try:
                frame, step = self._tracks[frame].sample(time)
            except OutOfRangeError:
                break  # the frames found so far may still have a common ancestor
            pose = step @ pose
            if frame in path:
                raise ConnectivityException(f"frame '{frame}' is its own ancestor")
            path[frame] = pose
        return path

    def _latest_common_time(self, target: str, source: str) -> int:
        """Return the latest time at which all transforms between two frames are known; 0: any."""
        up_target, up_source = self._path(target, 0), self._path(source, 0)
        common = next((frame for frame in up_target if frame in up_source), None)
        if common is None:
            raise self._unconnected(target, source, 0)
        below = [
            frame
            for path in (up_target, up_source)
            for frame in list(path)[: list(path).index(common)]
        ]
        if target == source and target in self._tracks:
            below = [target]
        newest = [self._tracks[f].times[-1] for f in below if not self._tracks[f].is_static]
        return min(newest, default=0)

    def _unconnected(self, target: str, source: str, time: int) -> TransformException:
        """Return the exception for two frames without a common ancestor at a time."""
        for frame in (target, source):
            *_, last = self._path(frame, time)
            if last in self._tracks:
                try:
                    self._tracks[last].sample(time)
                except OutOfRangeError as error:
                    return ExtrapolationException(
                        f"the pose of '{source}' in '{target}' needs that of '{last}' {error}"
                    )
        return ConnectivityException(f"'{target}' and '{source}' are not connected")


def fault(parent: str, child: str, pose: Rigid) -> str:
    """Return why a transform is invalid, or ''."""
    if not parent or not child:
        return 'a frame has no name'
    if parent == child:
        return 'a frame cannot be its own parent'
    if not all(map(math.isfinite, (*pose.translation, *pose.rotation))):
        return 'it is not finite'
    if abs(math.hypot(*pose.rotation) - 1.0) > QUATERNION_TOLERANCE:
        return 'its quaternion is not normalised'
    return ''


def transform_stamped(parent: str, child: str, time: int, pose: Rigid) -> TransformStamped:
    """Return the message for a pose of the child frame in the parent frame at a time."""
    message = TransformStamped()
    message.header.stamp = Time(nanoseconds=time).to_msg()
    message.header.frame_id = parent
    message.child_frame_id = child
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = pose.translation
    r.x, r.y, r.z, r.w = pose.rotation
    return message

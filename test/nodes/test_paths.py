# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The functions that a pose runs through between socket and ROS, in both directions.

Poses are the most frequent messages and the most urgent ones. Each function on their way costs
time in every message, and each file is one more to read for someone who follows the way. These
tests fail if the way gets longer, and list its functions in order. Of several messages the one
with the shortest way counts, so that functions which are only called now and then, such as for
the first message of a device, are left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.publisher import Publisher
from tf2_ros import TransformBroadcaster

from helpers.bridge_peer import pose, serve
from helpers.ros_graph import ros_graph
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.to_igtl.tf import TfSender
from ros2_igtl.transport.endpoint import Endpoint
from ros2_igtl.transport.outbox import Outbox
from ros2_igtl.transport.tcp_session import TcpSession

PACKAGE = str(Path(codec.__file__).parents[1])
MESSAGES = 10

Way = list[CodeType]


class Recorder:
    """
    Records the functions of the package that run from the call of one function to another event.

    :param start: where a way begins.
    :param end: the function whose call ends it; None: the return of ``start`` does.
    """

    def __init__(self, start: Any, end: Callable[[CodeType], bool] | None = None) -> None:
        self.ways: list[Way] = []
        self._start = start.__code__
        self._end = end
        self._begun: dict[int, Way] = {}  # by thread

    def note(self, event: str, code: CodeType) -> None:
        """Note that a function of the calling thread begins ('call') or ends ('return')."""
        thread = threading.get_ident()
        if event == 'call' and code is self._start:
            self._begun[thread] = []
        way = self._begun.get(thread)
        if way is None:
            return
        if event == 'call' and self._end is not None and self._end(code):
            self.ways.append(self._begun.pop(thread))
        elif event == 'return' and code is self._start:
            del self._begun[thread]
            if self._end is None:
                self.ways.append(way)
        elif event == 'call' and code.co_filename.startswith(PACKAGE) and code not in way:
            way.append(code)


@contextmanager
def recording(*recorders: Recorder) -> Iterator[None]:
    """Record in all threads that start meanwhile."""

    def profile(frame: FrameType, event: str, argument: object) -> None:
        for recorder in recorders:
            recorder.note(event, frame.f_code)

    threading.setprofile(profile)
    try:
        yield
    finally:
        threading.setprofile(None)


def is_publish(code: CodeType) -> bool:
    return code is Publisher.publish.__code__


def is_write(code: CodeType) -> bool:
    return code.co_name == 'write' and Path(code.co_filename).parent.name == 'asyncio'


def check(ways: Sequence[Way], most_functions: int, most_files: int) -> None:
    """Check the length of one way, given in parts."""
    functions = list(dict.fromkeys(code for way in ways for code in way))
    names = [
        f'{Path(code.co_filename).relative_to(PACKAGE)}:{code.co_firstlineno} {code.co_name}'
        for code in functions
    ]
    files = {code.co_filename for code in functions}
    text = f'{len(functions)} functions in {len(files)} files:\n' + '\n'.join(names)
    assert len(functions) <= most_functions, text
    assert len(files) <= most_files, text


def test_a_pose_goes_from_the_socket_to_its_topic_through_20_functions_in_10_files() -> None:
    received = Recorder(TcpSession.buffer_updated, is_publish)
    with recording(received), ros_graph() as graph:
        _, peer = serve(graph)
        poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
        for number in range(MESSAGES):
            now = codec.timestamp.from_nanoseconds(time.time_ns())
            peer.send(pose(float(number), timestamp=now))
            wait_for_count(poses, number + 1)
    check([min(received.ways, key=len)], 20, 10)


def test_a_pose_goes_from_tf_to_the_socket_through_15_functions_in_8_files(
    tmp_path: Path,
) -> None:
    looked = Recorder(TfSender._look)
    flushed = Recorder(Endpoint._flush, is_write)
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n      - {igtl_device_name: Tip, '
        'igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL, '
        'tf: {parent_frame_id: base, child_frame_id: tip, rate: 100.0}}\n'
    )
    with recording(looked, flushed), ros_graph() as graph:
        _, peer = serve(graph, config_file=str(path))
        broadcaster = TransformBroadcaster(graph.user)
        wait_until(lambda: graph.user.count_subscribers('/tf') > 0, what='the listener')
        for number in range(MESSAGES):
            message = TransformStamped()
            message.header.stamp = graph.user.get_clock().now().to_msg()
            message.header.frame_id, message.child_frame_id = 'base', 'tip'
            message.transform.translation.x = float(number)
            broadcaster.sendTransform(message)
            peer.receive_message()
    # the other looks found nothing new in tf
    sent = [way for way in looked.ways if Outbox.put.__code__ in way]
    check([min(sent, key=len), min(flushed.ways, key=len)], 15, 8)

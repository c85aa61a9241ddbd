# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Volumes, video rates and tracking rates through a node in a process of its own, byte by byte."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.qos import QoSProfile

from helpers.bridge_process import BridgeProcess
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.image import image_to_ros
from ros2_igtl.convert.pairs.volume import image_to_volume

STAMP = Time(sec=1_700_000_000)
HD = (1, 1080, 1920, 3)
FRAMES = 30
FRAME_PERIOD_S = 1.0 / 30.0
POSES = 2000
POSE_PERIOD_S = 0.001


def volume_of_64_mb() -> codec.Image:
    shape = (128, 512, 512)
    pixels = np.arange(np.prod(shape), dtype='<u2').reshape(shape)
    return codec.Image.from_pixels(pixels, position=(1.0, 2.0, 3.0))


def frame(number: int) -> codec.Image:
    pixels = np.full(HD, number, np.uint8)
    pixels[0, :, 0] = np.arange(1080, dtype=np.uint64)[:, np.newaxis] % 251
    return codec.Image.from_pixels(pixels)


def mapping_file(tmp_path: Path, device: str, type_name: str, ros_type_name: str) -> str:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        f'      - {{igtl_device_name: {device}, igtl_type_name: {type_name}, '
        f'direction: ROS_TO_IGTL,\n         ros_topic_name: /out, ros_type_name: {ros_type_name},'
        '\n         qos: {depth: 3000}}\n'
    )
    return str(path)


def at_rate(count: int, period_s: float) -> Iterator[int]:
    """Yield numbers at a rate; one that is late is not waited for."""
    begin = time.monotonic()
    done = threading.Event()
    for number in range(count):
        done.wait(max(0.0, begin + number * period_s - time.monotonic()))
        yield number


class Collector:
    """Receives into one buffer, as fast as a peer can that copies nothing twice."""

    def __init__(self, peer: ScriptedPeer, size: int) -> None:
        self.data = bytearray(size)
        self.filled = 0
        self._socket = peer.socket
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        view = memoryview(self.data)
        with contextlib.suppress(OSError):  # the test closes it
            while count := self._socket.recv_into(view[self.filled :]):
                self.filled += count


def wait_for_count(count: Callable[[], float], expected: int) -> None:
    try:
        wait_until(lambda: count() == expected, 10.0)
    except AssertionError:
        raise AssertionError(f'{count()} of {expected} messages came') from None


def test_a_volume_of_64_mb_comes_in(graph: Graph) -> None:
    image = volume_of_64_mb()
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/CT', depth=1, latched=True)
    with (
        BridgeProcess('igtl_server', {'port': 0}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        graph.wait_for_bridge()
        peer.send(codec.pack(codec.Message(image, 'CT')))
        (volume,) = wait_until(lambda: volumes, 30.0, 'the volume')
    assert list(volume.size) == [512, 512, 128]
    assert memoryview(volume.data) == memoryview(image.data)


def test_a_volume_of_64_mb_goes_out(graph: Graph, tmp_path: Path) -> None:
    image = volume_of_64_mb()
    path = mapping_file(tmp_path, 'CT', 'IMAGE', 'ros2_igtl/msg/Volume')
    with (
        BridgeProcess('igtl_server', {'port': 0, 'config_file': path}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        graph.wait_for_bridge()
        bridge.wait_for(' connected')
        publisher = graph.publisher('ros2_igtl/msg/Volume', '/out', 1)
        publisher.publish(image_to_volume(image, Context('CT', STAMP, 'base', 'CT')))
        assert codec.unpack(peer.receive_message()).content == image


@pytest.mark.alone
def test_hd_colour_at_30_hz_comes_in_whole(graph: Graph) -> None:
    images = graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/Endoscope', depth=FRAMES + 1)
    packed = [codec.pack(codec.Message(frame(n), 'Endoscope')) for n in range(FRAMES)]
    with (
        BridgeProcess('igtl_server', {'port': 0}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        graph.wait_for_bridge()
        peer.send(packed[0])
        wait_for_count(lambda: len(images), 1)
        for number in at_rate(FRAMES, FRAME_PERIOD_S):
            peer.send(packed[number])
        wait_for_count(lambda: len(images), FRAMES + 1)
    for number, image in enumerate(images[1:]):
        assert (image.width, image.height, image.encoding) == (1920, 1080, 'rgb8')
        assert memoryview(image.data) == memoryview(frame(number).data)


@pytest.mark.alone
def test_hd_colour_at_30_hz_goes_out_whole_or_is_accounted_for(
    graph: Graph, tmp_path: Path
) -> None:
    """A peer that falls behind is sent the newest frame; what that replaces is counted."""
    context = Context('Endoscope', STAMP, 'base', 'Endoscope')
    images = [image_to_ros(frame(number), context) for number in range(FRAMES)]
    path = mapping_file(tmp_path, 'Endoscope', 'IMAGE', 'sensor_msgs/msg/Image')
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    size = 58 + 72 + len(images[0].data)

    def counted(key: str) -> int:
        values = {item.key: item.value for item in arrays[-1].status[0].values} if arrays else {}
        return int(values.get(key, 0))

    with (
        BridgeProcess('igtl_server', {'port': 0, 'config_file': path}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        graph.wait_for_bridge()
        bridge.wait_for(' connected')
        publisher = graph.publisher('sensor_msgs/msg/Image', '/out', FRAMES)
        received = Collector(peer, FRAMES * size)
        for number in at_rate(FRAMES, FRAME_PERIOD_S):
            publisher.publish(images[number])
        wait_for_count(lambda: counted('outbound_queued'), FRAMES)
        wait_for_count(lambda: counted('sent') + counted('replaced'), FRAMES)
        sent = counted('sent')
        wait_for_count(lambda: received.filled / size, sent)
        data = received.data[: sent * size]
    # How many are replaced is the load of the machine's; on an idle one there are none.
    assert sent > 0
    came = []
    for start in range(0, len(data), size):
        content = codec.unpack(data[start : start + size]).content
        came.append(int(content.pixels[0, 0, 1, 0]))
        assert memoryview(content.data) == memoryview(frame(came[-1]).data)
    assert came == sorted(set(came))


@pytest.mark.alone
def test_tracking_at_1_khz_comes_in_whole(graph: Graph) -> None:
    topic = '/bridge/transform/Tip'
    ros_type_name = 'geometry_msgs/msg/TransformStamped'
    poses = graph.subscribe(ros_type_name, topic, depth=POSES)
    packed = [
        codec.pack(codec.Message(codec.Transform(1, 0, 0, 0, 1, 0, 0, 0, 1, n, 0, 0), 'Tip'))
        for n in range(POSES)
    ]
    with (
        BridgeProcess('igtl_server', {'port': 0}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        graph.wait_for_bridge()
        for number in at_rate(POSES, POSE_PERIOD_S):
            peer.send(packed[number])
        wait_for_count(lambda: len(poses), POSES)
    assert [pose.transform.translation.x for pose in poses] == [n / 1000.0 for n in range(POSES)]


@pytest.mark.alone
def test_tracking_at_1_khz_goes_out_whole(graph: Graph, tmp_path: Path) -> None:
    path = mapping_file(tmp_path, 'Tip', 'TRANSFORM', 'geometry_msgs/msg/TransformStamped')
    message = TransformStamped(child_frame_id='tip')
    message.header.frame_id = 'base'
    message.header.stamp = STAMP
    message.transform.rotation.w = 1.0
    with (
        BridgeProcess('igtl_server', {'port': 0, 'config_file': path}) as bridge,
        ScriptedPeer.dial(bridge.port) as peer,
    ):
        graph.wait_for_bridge()
        bridge.wait_for(' connected')
        profile = QoSProfile(depth=POSES)
        publisher = graph.publisher('geometry_msgs/msg/TransformStamped', '/out', profile)
        peer.collect()
        for number in at_rate(POSES, POSE_PERIOD_S):
            message.transform.translation.x = number / 1000.0
            publisher.publish(message)
        wait_for_count(lambda: len(peer.collected) / 106, POSES)
        data = bytes(peer.collected)
    xs = [struct.unpack_from('>f', data, start + 58 + 36)[0] for start in range(0, len(data), 106)]
    assert xs == [float(number) for number in range(POSES)]

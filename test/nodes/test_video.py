# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""VIDEO decoded by a node where a row asks for sensor_msgs/Image: pictures, or counted frames."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('av', reason='PyAV is an extra: pip install av')

from helpers.bridge_peer import await_accounted, dial, pack, serve
from helpers.encoded_video import (
    ENCODERS,
    FRAMES,
    HEIGHT,
    KEY_EVERY,
    WIDTH,
    difference,
    encode,
    frames,
)
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.convert.interfaces import ros_type

TOLERANCE = 3.0  # as in convert/streams/test_video_decoder.py
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
TOPICS = {
    IMAGE: '/scope/image',
    COMPRESSED: '/scope/compressed',
    'ros2_igtl/msg/ImageGeometry': '/scope/geometry',
}


def mapping_file(tmp_path: Path, *ros_type_names: str, more: str = '') -> str:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        + ''.join(
            '    - {igtl_device_regex: "Scope.*", igtl_type_name: VIDEO, direction: IGTL_TO_ROS, '
            f'ros_topic_name: {TOPICS[name]}, ros_type_name: {name}, qos: {{depth: 100}}{more}}}\n'
            for name in ros_type_names
        )
    )
    return str(path)


def subscribe(graph: Graph, *ros_type_names: str) -> list[list[Any]]:
    return [graph.subscribe(name, TOPICS[name]) for name in ros_type_names]


def assert_pictures(images: list[Any], numbers: range) -> None:
    """Compare pictures with what was encoded."""
    assert len(images) == len(numbers)
    for image, number in zip(images, numbers, strict=True):
        assert (image.width, image.height, image.encoding) == (WIDTH, HEIGHT, 'rgb8')
        assert difference(list(image.data), number) < TOLERANCE


def open_topics(peer: ScriptedPeer, *received: list[Any]) -> None:
    """Send a frame that needs no decoder, and wait for it: what comes now is not held any more."""
    peer.send(pack(codec.Video(bytes(12), (4, 2, 1), 'I420'), 'Scope'))
    for messages in received:
        wait_for_count(messages, 1)
        messages.clear()


@pytest.mark.parametrize('fourcc', ENCODERS)
def test_a_stream_is_pictures_from_its_first_key_frame_on(
    graph: Graph, tmp_path: Path, fourcc: str
) -> None:
    path = mapping_file(tmp_path, IMAGE)
    bridge, peer = serve(graph, config_file=path)
    (images,) = subscribe(graph, IMAGE)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    open_topics(peer, images, tf)
    for frame in frames(fourcc)[1:]:
        peer.send(pack(frame, 'Scope'))
    wait_for_count(images, FRAMES - KEY_EVERY)
    await_accounted(bridge, FRAMES)
    assert_pictures(images, range(KEY_EVERY, FRAMES))
    outcomes = received_by(bridge.connections[0])
    assert outcomes.done == 1 + FRAMES - KEY_EVERY
    assert outcomes.skipped == {'no_picture': KEY_EVERY - 1}
    wait_for_count(tf, FRAMES - KEY_EVERY)
    stamps = [message.transforms[0].header.stamp for message in tf]
    assert stamps == [image.header.stamp for image in images]


def test_the_frames_themselves_are_published_beside_the_pictures(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = serve(graph, config_file=mapping_file(tmp_path, *TOPICS))
    images, compressed, geometries = subscribe(graph, *TOPICS)
    open_topics(peer, images, compressed, geometries)
    video = frames('H264')[KEY_EVERY - 2 :]
    for frame in video:
        peer.send(pack(frame, 'Scope'))
    await_accounted(bridge, 1 + len(video))
    wait_for_count(compressed, len(video))
    wait_for_count(geometries, len(video))
    wait_for_count(images, len(video) - 2)
    assert [bytes(message.data) for message in compressed] == [frame.data for frame in video]
    assert_pictures(images, range(KEY_EVERY, FRAMES))
    stamps = [message.header.stamp for message in compressed]
    assert [image.header.stamp for image in images] == stamps[2:]
    assert [geometry.header.stamp for geometry in geometries] == stamps
    assert received_by(bridge.connections[0]).done == 1 + len(video)


def test_errors_of_a_stream_are_counted_and_the_next_key_frame_goes_on(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = serve(graph, config_file=mapping_file(tmp_path, IMAGE))
    (images,) = subscribe(graph, IMAGE)
    open_topics(peer, images)
    video = frames('H264')
    video[1].data = video[1].data[: len(video[1].data) // 2] + b'\xff\x00\xaa\x55'
    video[KEY_EVERY + 1].data = b''
    for frame in video:
        peer.send(pack(frame, 'Scope'))
    peer.send(pack(codec.Video(b'?', (WIDTH, HEIGHT, 1), 'MJPG'), 'Scope'))
    await_accounted(bridge, FRAMES + 2)
    outcomes = received_by(bridge.connections[0])
    assert outcomes.rejected == {'video_stream': 2, 'encoding': 1}
    assert outcomes.skipped == {'no_picture': 3 + 3}
    shown = [0, KEY_EVERY, *range(2 * KEY_EVERY, FRAMES)]
    assert outcomes.done == 1 + len(shown)
    wait_for_count(images, len(shown))
    for image, number in zip(images, shown, strict=True):
        assert difference(list(image.data), number) < TOLERANCE


def test_a_frame_that_is_rejected_for_another_reason_is_missing_to_the_stream(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, peer = serve(graph, config_file=mapping_file(tmp_path, IMAGE))
    video = frames('VP90')
    for number, frame in enumerate(video[: KEY_EVERY + 1]):
        metadata = {'TransformStatus': 'MISSING' if number == 1 else 'OK'}
        peer.send(pack(frame, 'Scope', header_version=2, metadata=metadata))
    await_accounted(bridge, KEY_EVERY + 1)
    outcomes = received_by(bridge.connections[0])
    assert outcomes.rejected == {'transform_status': 1}
    assert (outcomes.done, outcomes.skipped) == (2, {'no_picture': KEY_EVERY - 2})


def test_peers_and_devices_have_streams_of_their_own(graph: Graph, tmp_path: Path) -> None:
    path = mapping_file(tmp_path, IMAGE, COMPRESSED)
    bridge, first = serve(graph, config_file=path)
    second = dial(graph, bridge)
    (images,) = subscribe(graph, IMAGE)
    open_topics(first, images)
    h264, vp9 = frames('H264')[:3], frames('VP90')[:3]
    # an event may come from several peers: what one lacks is not taken from the other
    for number, (mine, theirs) in enumerate(zip(h264, vp9, strict=True)):
        first.send(pack(mine, 'Scope'))
        await_accounted(bridge, 2 * number + 2)
        second.send(pack(theirs, 'Scope'))
        await_accounted(bridge, 2 * number + 3)
    wait_for_count(images, 6)
    for number, image in enumerate(images):
        assert difference(list(image.data), number // 2) < TOLERANCE
    second.close()
    wait_until(lambda: len(bridge.connections[0].peers.all) == 1, what='it to go')
    third = dial(graph, bridge)
    third.send(pack(vp9[1], 'Scope'))
    await_accounted(bridge, 8)
    assert received_by(bridge.connections[0]).done == 8  # as a CompressedImage
    assert len(images) == 6


@pytest.mark.parametrize('is_on_tf', [False, True])
def test_what_nobody_watches_is_not_decoded_and_begins_with_a_key_frame(
    graph: Graph, tmp_path: Path, is_on_tf: bool
) -> None:
    more = f', lazy: true, publish_tf: {str(is_on_tf).lower()}'
    bridge, peer = serve(graph, config_file=mapping_file(tmp_path, IMAGE, more=more))
    video = frames('H264')
    outcomes = received_by(bridge.connections[0])
    topic = TOPICS[IMAGE]

    def send(*numbers: int) -> None:
        before = outcomes.received
        for number in numbers:
            peer.send(pack(video[number], 'Scope'))
        await_accounted(bridge, before + len(numbers))

    send(0, 1)
    images: list[Any] = []
    watcher = graph.user.create_subscription(ros_type(IMAGE), topic, images.append, 100)
    wait_until(lambda: bridge.count_subscribers(topic) == 1, 10.0, 'the subscriber')
    open_topics(peer, images)
    send(2, 3, 4, 5, 6)
    wait_for_count(images, 2)
    graph.call(lambda: graph.user.destroy_subscription(watcher))
    wait_until(lambda: bridge.count_subscribers(topic) == 0, 10.0, 'it to go')
    send(7)
    graph.user.create_subscription(ros_type(IMAGE), topic, images.append, 100)
    (route,) = bridge.connections[0].inbound.routes
    ((_, publisher),) = route.outputs
    wait_until(lambda: publisher.get_subscription_count() == 1, 10.0, 'the subscriber')
    send(8, 9, 10, 11)
    wait_for_count(images, 4)
    for image, number in zip(images, (5, 6, 10, 11), strict=True):
        assert difference(list(image.data), number) < TOLERANCE
    skipped = {'no_picture': 5} if is_on_tf else {'no_picture': 5, 'no_subscriber': 3}
    assert outcomes.skipped == skipped


def test_without_pyav_frames_are_rejected_with_the_line_that_installs_it(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    video = frames('H264')
    monkeypatch.setitem(sys.modules, 'av', None)
    bridge, peer = serve(graph, config_file=mapping_file(tmp_path, IMAGE))
    for frame in video[:3]:
        peer.send(pack(frame, 'Scope'))
    peer.send(pack(codec.Video(bytes(12), (4, 2, 1), 'I420'), 'Scope'))
    await_accounted(bridge, 4)
    outcomes = received_by(bridge.connections[0])
    assert (outcomes.done, outcomes.rejected) == (1, {'needs_decoder': 3})
    assert capfd.readouterr().err.count('pip install av') == 1


@pytest.mark.parametrize('fourcc', ENCODERS)
def test_making_a_video_leaves_the_priority_of_the_process_alone(fourcc: str) -> None:
    encode(fourcc)
    for thread in os.listdir('/proc/self/task'):
        assert os.sched_getscheduler(int(thread)) == os.SCHED_OTHER

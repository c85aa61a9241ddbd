# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Images of a usual size, whole and in parts: nothing is published before the last voxel came."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from helpers.bridge_peer import await_accounted, dial, pack, serve
from helpers.nifti import parts_of
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec

SIZE = (640, 480, 1)
PIXELS = np.random.default_rng(1).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
SLICE = codec.Image.from_pixels(
    PIXELS, axes=(0.0, 0.25, 0.0, 0.0, 0.0, -0.5, 1.0, 0.0, 0.0), position=(10.0, 20.0, 30.0)
)
VOXELS = np.random.default_rng(2).integers(1, 32768, (20, 48, 64), np.int16)
VOLUME = codec.Image.from_pixels(VOXELS, position=(1.0, 2.0, 3.0))
# What a volume can become.
OUTPUTS = {
    'ros2_igtl/msg/Volume': '/ct/volume',
    'sensor_msgs/msg/PointCloud2': '/ct/cloud',
}
SLICES = {
    'sensor_msgs/msg/Image': '/ct/slices',
    'ros2_igtl/msg/ImageGeometry': '/ct/slices/geometry',
}


@pytest.mark.parametrize('step', [(640, 480, 1), (640, 60, 1), (100, 100, 1)])
def test_b22_a_slice_of_640_x_480_in_colour_comes_whole_or_in_parts(
    graph: Graph, step: tuple[int, int, int]
) -> None:
    bridge, peer = serve(graph)
    images = graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/US')
    geometries = graph.subscribe('ros2_igtl/msg/ImageGeometry', '/bridge/image/US/geometry')
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    *parts, last = parts_of(SLICE, step)
    for part in parts:
        peer.send(pack(part, 'US'))
    await_accounted(bridge, len(parts))
    outcomes = received_by(bridge.connections[0])
    assert (outcomes.done, outcomes.skipped.total()) == (0, len(parts))
    assert not images
    assert not tf
    peer.send(pack(last, 'US'))
    (image,) = wait_until(lambda: images, what='the image')
    (geometry,) = wait_until(lambda: geometries, what='the geometry')
    (plane,) = wait_until(lambda: tf, what='the plane')[0].transforms
    assert (image.width, image.height, image.encoding, image.step) == (640, 480, 'rgb8', 1920)
    assert bytes(image.data) == PIXELS.tobytes()
    assert list(geometry.size) == [640, 480, 1]
    assert image.header.stamp == geometry.header.stamp == plane.header.stamp
    await_accounted(bridge, len(parts) + 1)
    assert outcomes.skipped.get('part_of_volume', 0) == len(parts)


def mapping_file(tmp_path: Path, outputs: dict[str, str]) -> str:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        + ''.join(
            '    - {igtl_device_name: CT, igtl_type_name: IMAGE, direction: IGTL_TO_ROS, '
            f'ros_topic_name: {topic}, ros_type_name: {ros_type_name}, qos: {{depth: 100}}}}\n'
            for ros_type_name, topic in outputs.items()
        )
    )
    return str(path)


@pytest.mark.parametrize('outputs', [OUTPUTS, SLICES])
def test_b22_a_half_filled_volume_is_never_published_as_anything(
    graph: Graph, tmp_path: Path, outputs: dict[str, str]
) -> None:
    bridge, peer = serve(graph, config_file=mapping_file(tmp_path, outputs))
    published = {
        topic: graph.subscribe(ros_type_name, topic) for ros_type_name, topic in outputs.items()
    }
    outcomes = received_by(bridge.connections[0])
    parts = list(parts_of(VOLUME, (32, 16, 5)))
    random.Random(1).shuffle(parts)
    *half, last = parts
    sent = 0
    # all but one; all but one again, of which the first begins anew; then half of those twice
    for round_ in (half, half, [*half[:10], *half[:10]]):
        for part in round_:
            peer.send(pack(part, 'CT'))
        sent += len(round_)
        await_accounted(bridge, sent)
        assert (outcomes.done, outcomes.skipped) == (0, {'part_of_volume': sent})
    # the last one alone does not complete what was given up
    peer.send(pack(last, 'CT'))
    await_accounted(bridge, sent + 1)
    assert outcomes.done == 0
    # nor do the parts of another image of the same size
    for part in parts_of(codec.Image.from_pixels(VOXELS, position=(1.0, 2.0, 4.0)), (32, 16, 5)):
        if part.offset != last.offset:
            peer.send(pack(part, 'CT'))
    await_accounted(bridge, sent + len(parts))
    assert (outcomes.done, outcomes.skipped) == (0, {'part_of_volume': sent + len(parts)})
    watch_for(lambda: any(published.values()), 0.1, 'a part of a volume was published')
    peer.send(pack(VOLUME, 'CT'))
    for received in published.values():
        wait_for_count(received, 1)


def test_b22_a_volume_is_complete_with_its_last_voxel_for_those_who_come_late_too(
    graph: Graph,
) -> None:
    bridge, peer = serve(graph)
    topic = '/bridge/image/CT'
    volumes = graph.subscribe('ros2_igtl/msg/Volume', topic, latched=True)
    # a voxel alone in the middle, and what is around it
    voxel = next(part for part in parts_of(VOLUME, (1, 1, 1)) if part.offset == (31, 17, 9))
    around = [
        *(part for part in parts_of(VOLUME, (64, 48, 1)) if part.offset[2] != 9),
        *(
            part
            for part in parts_of(VOLUME, (64, 1, 1))
            if part.offset[2] == 9 and part.offset[1] != 17
        ),
        *(
            part
            for part in parts_of(VOLUME, (1, 1, 1))
            if part.offset[1:] == (17, 9) and part.offset[0] != 31
        ),
    ]
    peer.send(b''.join(pack(part, 'CT') for part in around))
    await_accounted(bridge, len(around))
    assert received_by(bridge.connections[0]).done == 0
    late = graph.subscribe('ros2_igtl/msg/Volume', topic, latched=True)
    watch_for(lambda: volumes or late, 0.1, 'a volume without one voxel was published')
    peer.send(pack(voxel, 'CT'))
    for received in (volumes, late, graph.subscribe('ros2_igtl/msg/Volume', topic, latched=True)):
        wait_for_count(received, 1)
        (volume,) = received
        assert bytes(volume.data) == VOXELS.tobytes()


def test_b22_what_a_peer_leaves_half_done_another_does_not_complete(graph: Graph) -> None:
    bridge, first = serve(graph)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', '/bridge/image/CT', latched=True)
    parts = list(parts_of(VOLUME, (64, 48, 5)))
    for part in parts[:-1]:
        first.send(pack(part, 'CT'))
    await_accounted(bridge, len(parts) - 1)
    first.reset()
    wait_until(lambda: not bridge.connections[0].peers.all, 10.0, 'the peer to go')
    second = dial(graph, bridge)
    second.send(pack(parts[-1], 'CT'))
    await_accounted(bridge, len(parts))
    assert received_by(bridge.connections[0]).done == 0
    for part in parts[:-1]:
        second.send(pack(part, 'CT'))
    (volume,) = wait_until(lambda: volumes, what='the volume')
    assert bytes(volume.data) == VOXELS.tobytes()
    await_accounted(bridge, 2 * len(parts) - 1)

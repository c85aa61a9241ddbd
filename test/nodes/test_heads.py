# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Whole heads from a scanner through ROS to a viewer: IMAGE -> Volume -> IMAGE, by two nodes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

nibabel = pytest.importorskip('nibabel', reason='a head is read with nibabel')

from helpers.bridge_peer import await_accounted, dial, pack, serve
from helpers.nifti import Head, affine_of_image, affine_of_volume, image_of, load_head, parts_of
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until
from ros2_igtl import codec

RAS, LPS = codec.CoordinateSystem.RAS, codec.CoordinateSystem.LPS
TOLERANCE_MM = 1e-4
TOPIC = '/bridge/image/Scanner'


def viewer(graph: Graph, tmp_path: Path) -> ScriptedPeer:
    """Return a peer of a second node, which sends it the volumes of the first."""
    path = tmp_path / 'viewer.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        '    - {igtl_device_name: Viewer, igtl_type_name: IMAGE, direction: ROS_TO_IGTL, '
        f'ros_topic_name: {TOPIC}, ros_type_name: ros2_igtl/msg/Volume}}\n'
    )
    node = graph.add_bridge('server', {'port': 0, 'config_file': str(path)}, 'viewer')
    return dial(graph, node)


@pytest.fixture(params=['MNI152', 'tilted', 'anatomical'])
def head(request: pytest.FixtureRequest) -> Head:
    try:
        return load_head(request.param)
    except ModuleNotFoundError as error:
        pytest.skip(f'{error}; it brings {request.param}')


@pytest.mark.parametrize('step', [None, (512, 512, 8), (48, 40, 20)])
def test_a_head_comes_through_byte_by_byte_and_lies_where_nibabel_says(
    graph: Graph, tmp_path: Path, head: Head, step: tuple[int, int, int] | None
) -> None:
    bridge, scanner = serve(graph)
    peer = viewer(graph, tmp_path)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', TOPIC, latched=True)
    image = image_of(head)
    parts = [image] if step is None else list(parts_of(image, step))
    assert step is None or len(parts) > 2
    random.Random(1).shuffle(parts)
    for part in parts:
        scanner.send(pack(part, 'Scanner'))
    await_accounted(bridge, len(parts))
    outcomes = received_by(bridge.connections[0])
    assert (outcomes.done, outcomes.skipped.total()) == (1, len(parts) - 1)

    (volume,) = wait_until(lambda: volumes, 10.0, 'the volume')
    assert bytes(volume.data) == head.voxels.tobytes('F')
    assert affine_of_volume(volume) == pytest.approx(head.affine, abs=TOLERANCE_MM)

    received = peer.receive_message()
    assert received[58:] == pack(image)[58:]
    content = codec.unpack(received).content
    written = nibabel.Nifti1Image(content.pixels.T, affine_of_image(content))
    back = nibabel.Nifti1Image.from_bytes(written.to_bytes())
    assert back.affine == pytest.approx(head.affine, abs=TOLERANCE_MM)
    assert np.array_equal(back.dataobj.get_unscaled(), head.voxels)
    assert nibabel.aff2axcodes(back.affine) == nibabel.aff2axcodes(head.affine)


def test_a_head_in_lps_lies_where_nibabel_says_and_goes_on_in_ras(
    graph: Graph, tmp_path: Path, head: Head
) -> None:
    bridge, scanner = serve(graph)
    peer = viewer(graph, tmp_path)
    volumes = graph.subscribe('ros2_igtl/msg/Volume', TOPIC, latched=True)
    scanner.send(pack(image_of(head, LPS), 'Scanner'))
    await_accounted(bridge, 1)
    (volume,) = wait_until(lambda: volumes, 10.0, 'the volume')
    assert affine_of_volume(volume) == pytest.approx(head.affine, abs=TOLERANCE_MM)
    content = codec.unpack(peer.receive_message()).content
    assert content == codec.unpack(pack(image_of(head, RAS))).content

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
pyigtl, an implementation of other hands, and the codec understand each other both ways.

Each message that it sends packs again to the same bytes, goes back to it and reads as it was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from helpers.pyigtl_peer import PyigtlPeer
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from ros2_igtl import codec

MATRIX = np.array(
    [
        [0.5, -1.25, 2.0, 100.0],
        [1.5, 0.25, -3.0, -20.5],
        [-2.5, 4.0, 0.75, 3.25],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
HEADERS: dict[int, dict[str, Any]] = {
    1: {'header_version': 1, 'message_id': 0, 'metadata': {}},
    2: {'header_version': 2, 'message_id': 77, 'metadata': {'Frame': '12', 'ProbeStatus': 'OK'}},
}
both_header_versions = pytest.mark.parametrize('header_version', HEADERS)


class Peer(NamedTuple):
    """
    A pyigtl that is connected.

    :ivar pyigtl: the process it lives in.
    :ivar wire: our end of the connection.
    """

    pyigtl: PyigtlPeer
    wire: ScriptedPeer

    def send(self, type_name: str, header_version: int, **content: Any) -> bytes:
        """Let pyigtl send a message of the device 'There', and return it as it came."""
        header = HEADERS[header_version]
        self.pyigtl.send(type_name, 'There', timestamp=12.5, **header, **content)
        return self.wire.receive_message()

    def send_sound(self, type_name: str, header_version: int, **content: Any) -> codec.Message:
        """Let pyigtl send a message, and return it as it was read."""
        data = self.send(type_name, header_version, **content)
        message = codec.unpack(data)
        assert codec.pack(message) == data
        assert message.type_name == type_name
        assert message.device_name == 'There'
        assert codec.timestamp.to_nanoseconds(message.timestamp) == 12_500_000_000
        assert {name: getattr(message, name) for name in HEADERS[1]} == HEADERS[header_version]
        return message

    def receive(self, content: codec.Content, header_version: int = 1) -> dict[str, Any]:
        """Send pyigtl a message of the device 'Back', and return what it says of the content."""
        timestamp = codec.timestamp.from_nanoseconds(12_500_000_000)
        message = codec.Message(content, 'Back', timestamp, **HEADERS[header_version])
        self.wire.send(codec.pack(message))
        said = self.pyigtl.receive('Back')
        assert said['type_name'] == content.type_name
        assert said['timestamp'] == 12.5
        assert {name: said[name] for name in HEADERS[1]} == HEADERS[header_version]
        return dict(said['content'])


@pytest.fixture(scope='module', params=['server', 'client'])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """Run a pyigtl server that we dial, or a pyigtl client that dials us; one for all tests."""
    if request.param == 'server':
        with PyigtlPeer('server') as pyigtl, ScriptedPeer.dial(pyigtl.port) as wire:
            yield Peer(pyigtl, wire)
        return
    with ScriptedServer() as server, PyigtlPeer('client', server.port) as pyigtl:
        yield Peer(pyigtl, server.accept())


@both_header_versions
def test_a_transform_goes_both_ways(peer: Peer, header_version: int) -> None:
    message = peer.send_sound('TRANSFORM', header_version, matrix=MATRIX)
    np.testing.assert_array_equal(message.content.matrix, MATRIX)
    said = peer.receive(message.content, header_version)
    np.testing.assert_array_equal(said['matrix'], MATRIX)


@both_header_versions
def test_a_string_goes_both_ways(peer: Peer, header_version: int) -> None:
    message = peer.send_sound('STRING', header_version, string='ready')
    assert message.content == codec.String('ready')
    for text in ('ready', '', 'Nadel zurückziehen', 'x' * 65535):
        assert peer.receive(codec.String(text), header_version) == {'string': text}


def test_metadata_beyond_ascii_from_us_arrive(peer: Peer) -> None:
    metadata: Any = {'Größe': 'groß', 'a': '', 'Zeit': 'x' * 70000}
    peer.wire.send(codec.pack(codec.Message(codec.String('y'), 'Back', 0, 2, 2**32 - 1, metadata)))
    said = peer.pyigtl.receive('Back')
    assert said['metadata'] == metadata
    assert said['message_id'] == 2**32 - 1


@both_header_versions
def test_points_go_both_ways(peer: Peer, header_version: int) -> None:
    points = {
        'positions': [[1.5, 2.5, 3.5], [-4.0, 5.0, -6.0]],
        'names': ['Entry', 'Target'],
        'rgba_colors': [[1, 2, 3, 4], [5, 6, 7, 8]],
        'diameters': [2.0, 4.0],
        'groups': ['G', 'H'],
        'owners': ['CT', 'MR'],
    }
    message = peer.send_sound('POINT', header_version, **points)
    fields = zip(*points.values(), strict=True)
    assert codec.describe(message)['content']['elements'] == [
        {
            'name': name,
            'group': group,
            'rgba': rgba,
            'position': position,
            'size': size,
            'owner': owner,
        }
        for position, name, rgba, size, group, owner in fields
    ]
    assert peer.receive(message.content, header_version) == points


@both_header_versions
@pytest.mark.parametrize('dtype', ['u1', 'i1', '<i2', '<u2', '<i4', '<u4', '<f4', '<f8'])
def test_a_volume_goes_both_ways_with_every_voxel_type(
    peer: Peer, header_version: int, dtype: str
) -> None:
    voxels = np.arange(60).reshape(3, 4, 5).astype(dtype)
    message = peer.send_sound(
        'IMAGE',
        header_version,
        image=voxels,
        ijk_to_world_matrix=MATRIX,
        world_coordinate_system='ras',
    )
    image = message.content
    assert image.size == (5, 4, 3)
    assert image.is_whole
    assert image.coordinate is codec.CoordinateSystem.RAS
    assert image.axes == tuple(MATRIX[:3, :3].T.reshape(-1))
    # the centre of the volume: index (N - 1) / 2
    assert image.position == tuple((MATRIX @ (2.0, 1.5, 1.0, 1.0))[:3])
    assert image.pixels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.pixels, voxels)

    said = peer.receive(image, header_version)
    assert said['world_coordinate_system'] == 'ras'
    np.testing.assert_array_equal(said['image'], voxels)
    np.testing.assert_array_equal(said['ijk_to_world_matrix'], MATRIX)


@pytest.mark.parametrize('dtype', ['>i2', '>u2', '>i4', '>u4', '>f4', '>f8'])
def test_a_big_endian_volume_from_us_arrives(peer: Peer, dtype: str) -> None:
    voxels = np.arange(60).reshape(3, 4, 5).astype(dtype)  # it cannot send one
    said = peer.receive(codec.Image.from_pixels(voxels))
    np.testing.assert_array_equal(said['image'], voxels)


@both_header_versions
@pytest.mark.parametrize('components', [2, 3, 4])
def test_a_colour_image_goes_both_ways(peer: Peer, header_version: int, components: int) -> None:
    pixels = np.arange(30 * components, dtype='u1').reshape(1, 5, 6, components)
    image = peer.send_sound('IMAGE', header_version, image=pixels).content
    assert image.components == components
    assert image.coordinate is codec.CoordinateSystem.LPS
    np.testing.assert_array_equal(image.pixels, pixels)
    for sent, coordinate in ((image, 'lps'), (codec.Image.from_pixels(pixels), 'ras')):
        said = peer.receive(sent, header_version)
        assert said['world_coordinate_system'] == coordinate
        np.testing.assert_array_equal(said['image'], pixels)


def test_an_image_of_two_dimensions_has_its_columns_along_j(peer: Peer) -> None:
    pixels = np.arange(30, dtype='u1').reshape(5, 6)
    image = peer.send_sound('IMAGE', 1, image=pixels).content
    assert image.size == (1, 6, 5)  # as it writes them; i is the fastest
    np.testing.assert_array_equal(image.pixels, pixels[:, :, np.newaxis])


def test_a_full_hd_image_from_us_arrives(peer: Peer) -> None:
    pixels = (np.arange(1920 * 1080) % 251).astype('u1').reshape(1, 1080, 1920)
    said = peer.receive(codec.Image.from_pixels(pixels))
    np.testing.assert_array_equal(said['image'], pixels)


@both_header_versions
def test_a_mesh_from_it_arrives(peer: Peer, header_version: int) -> None:
    message = peer.send_sound(
        'POLYDATA',
        header_version,
        points=np.array([[0.5, 1.5, 2.5], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]),
        lines=np.array([2, 0, 1, 3, 1, 2, 3]),
        polygons=np.array([3, 0, 1, 2, 4, 3, 2, 1, 0]),
        triangle_strips=np.array([4, 2, 1, 0, 3]),
    )
    assert codec.describe(message)['content'] == {
        'points': [[0.5, 1.5, 2.5], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [9.0, 10.0, 11.0]],
        'vertices': [],
        'lines': [[0, 1], [1, 2, 3]],
        'polygons': [[0, 1, 2], [3, 2, 1, 0]],
        'triangle_strips': [[2, 1, 0, 3]],
        'attributes': [],
    }


def test_vertices_from_it_are_refused_for_they_are_in_the_byte_order_of_its_machine(
    peer: Peer,
) -> None:
    data = peer.send('POLYDATA', 1, points=MATRIX[:, :3], vertices=np.array([1, 3, 1, 2]))
    assert data.endswith(bytes((1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0)))
    with pytest.raises(codec.ContentValueError, match='cells take'):
        codec.unpack(data)


@both_header_versions
def test_its_position_is_another_one_and_neither_loses_the_stream(
    peer: Peer, header_version: int
) -> None:
    data = peer.send(
        'POSITION', header_version, positions=[1.0, 2.0, 3.0], quaternions=[0.0, 0.0, 0.0, 1.0]
    )
    with pytest.raises(codec.ContentSizeError, match='28, 24 or 12 bytes, got 152'):
        codec.unpack(data)
    assert peer.send_sound('STRING', header_version, string='in step').content.text == 'in step'

    # it takes 152 bytes for a position, and finds none in ours
    said = peer.receive(codec.Position(1.0, 2.0, 3.0), header_version)
    assert said['positions'] == []
    assert peer.receive(codec.String('in step'), header_version) == {'string': 'in step'}


@both_header_versions
def test_types_that_it_does_not_read_leave_it_in_step(peer: Peer, header_version: int) -> None:
    for content in (
        codec.PolyData([[0, 0, 1]], vertices=[[0]]),
        codec.TrackingData.from_tools([('Probe', 2, MATRIX)]),
        codec.Status(codec.StatusCode.BUSY, 1, 'a', 'b'),
        codec.Sensor([1.0], 'mm'),
        codec.GetImage(),
        codec.TrackingDataReply(1),
        codec.Unknown('NEW', b'abc'),
    ):
        message = codec.Message(content, 'Back', **HEADERS[header_version])
        peer.wire.send(codec.pack(message))
    assert peer.receive(codec.String('in step'), header_version) == {'string': 'in step'}

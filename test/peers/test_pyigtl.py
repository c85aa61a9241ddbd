# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""pyigtl, an implementation of other hands, and the codec understand each other both ways."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from helpers.pyigtl_peer import PyigtlPeer
from ros2_igtl import codec
from ros2_igtl.cli import stream

DEADLINE_S = 20.0
MATRIX = np.array(
    [
        [0.0, -1.0, 0.0, 100.0],
        [1.0, 0.0, 0.0, -20.5],
        [0.0, 0.0, 1.0, 3.25],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


@pytest.fixture(params=['server', 'client'])
def peer(request: pytest.FixtureRequest) -> Iterator[tuple[PyigtlPeer, socket.socket]]:
    """Run a pyigtl server that we dial, or a pyigtl client that dials us."""
    if request.param == 'server':
        with (
            PyigtlPeer('server') as pyigtl,
            stream.connect('127.0.0.1', pyigtl.port) as connected,
        ):
            yield pyigtl, connected
        return
    with socket.create_server(('127.0.0.1', 0)) as listening:
        listening.settimeout(DEADLINE_S)
        with PyigtlPeer('client', listening.getsockname()[1]) as pyigtl:
            connected, _ = listening.accept()
            with connected:
                yield pyigtl, connected


def receive_one(connected: socket.socket) -> codec.Message:
    """Return the next message, which may not be refused."""
    for result in stream.receive(connected, time.monotonic() + DEADLINE_S):
        assert isinstance(result, codec.Message), result
        return result
    raise AssertionError(f'no message came in {DEADLINE_S} s')


@pytest.mark.parametrize('header_version', [1, 2])
def test_a_transform_goes_both_ways(
    peer: tuple[PyigtlPeer, socket.socket], header_version: int
) -> None:
    pyigtl, connected = peer
    pyigtl.send('TRANSFORM', 'Probe', timestamp=12.5, header_version=header_version, matrix=MATRIX)
    message = receive_one(connected)
    assert message.type_name == 'TRANSFORM'
    assert message.device_name == 'Probe'
    assert message.header_version == header_version
    assert codec.timestamp.to_nanoseconds(message.timestamp) == 12_500_000_000
    np.testing.assert_array_equal(message.content.matrix, MATRIX)

    connected.sendall(codec.pack(message))
    received = pyigtl.receive('Probe')
    assert received['header_version'] == header_version
    assert received['timestamp'] == 12.5
    np.testing.assert_array_equal(received['content']['matrix'], MATRIX)


def test_metadata_and_message_id_go_both_ways(peer: tuple[PyigtlPeer, socket.socket]) -> None:
    pyigtl, connected = peer
    metadata = {'ProbeStatus': 'OK', 'Frame': '12'}
    pyigtl.send('STRING', 'Meta', header_version=2, message_id=77, metadata=metadata, string='x')
    message = receive_one(connected)
    assert message.metadata == metadata
    assert message.message_id == 77

    connected.sendall(
        codec.pack(codec.Message(codec.String('y'), 'Back', 0, 2, 78, {'Größe': 'groß', 'a': ''}))
    )
    received = pyigtl.receive('Back')
    assert received['metadata'] == {'Größe': 'groß', 'a': ''}
    assert received['message_id'] == 78


def test_a_string_goes_both_ways(peer: tuple[PyigtlPeer, socket.socket]) -> None:
    pyigtl, connected = peer
    pyigtl.send('STRING', 'Text', string='ready')
    message = receive_one(connected)
    assert message.content == codec.String('ready')

    connected.sendall(codec.pack(codec.Message(codec.String('Nadel zurückziehen'), 'Text')))
    assert pyigtl.receive('Text')['content']['string'] == 'Nadel zurückziehen'


def test_points_go_both_ways(peer: tuple[PyigtlPeer, socket.socket]) -> None:
    pyigtl, connected = peer
    pyigtl.send(
        'POINT',
        'Plan',
        positions=[[1.5, 2.5, 3.5], [-4.0, 5.0, -6.0]],
        names=['Entry', 'Target'],
        rgba_colors=[[1, 2, 3, 4], [5, 6, 7, 8]],
        diameters=[2.0, 4.0],
        groups=['G', 'H'],
        owners=['CT', 'MR'],
    )
    message = receive_one(connected)
    expected = codec.Point.from_points(
        [
            {
                'name': 'Entry',
                'group': 'G',
                'rgba': (1, 2, 3, 4),
                'position': (1.5, 2.5, 3.5),
                'size': 2.0,
                'owner': 'CT',
            },
            {
                'name': 'Target',
                'group': 'H',
                'rgba': (5, 6, 7, 8),
                'position': (-4.0, 5.0, -6.0),
                'size': 4.0,
                'owner': 'MR',
            },
        ]
    )
    assert message.content == expected

    connected.sendall(codec.pack(message))
    assert pyigtl.receive('Plan')['content'] == {
        'positions': [[1.5, 2.5, 3.5], [-4.0, 5.0, -6.0]],
        'names': ['Entry', 'Target'],
        'rgba_colors': [[1, 2, 3, 4], [5, 6, 7, 8]],
        'diameters': [2.0, 4.0],
        'groups': ['G', 'H'],
        'owners': ['CT', 'MR'],
    }


@pytest.mark.parametrize('dtype', ['u1', 'i1', '<i2', '<u2', '<i4', '<u4', '<f4', '<f8'])
def test_a_volume_goes_both_ways_with_every_voxel_type(
    peer: tuple[PyigtlPeer, socket.socket], dtype: str
) -> None:
    pyigtl, connected = peer
    voxels = np.arange(60).reshape(3, 4, 5).astype(dtype)
    ijk_to_world = np.array(
        [
            [0.5, 0.0, 0.0, 10.0],
            [0.0, 0.75, 0.0, -20.0],
            [0.0, 0.0, 2.0, 30.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
    pyigtl.send(
        'IMAGE',
        'CT',
        image=voxels,
        ijk_to_world_matrix=ijk_to_world,
        world_coordinate_system='ras',
    )
    message = receive_one(connected)
    image = message.content
    assert image.size == (5, 4, 3)
    assert image.spacing == (0.5, 0.75, 2.0)
    assert image.coordinate is codec.CoordinateSystem.RAS
    # the centre of the volume: index (N - 1) / 2
    assert image.position == (11.0, -18.875, 32.0)
    assert image.pixels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.pixels, voxels)

    connected.sendall(codec.pack(message))
    received = pyigtl.receive('CT')['content']
    assert received['world_coordinate_system'] == 'ras'
    np.testing.assert_array_equal(received['image'], voxels)
    np.testing.assert_array_equal(received['ijk_to_world_matrix'], ijk_to_world)


@pytest.mark.parametrize('dtype', ['>i2', '>u2', '>i4', '>u4', '>f4', '>f8'])
def test_a_big_endian_volume_from_us_arrives(
    peer: tuple[PyigtlPeer, socket.socket], dtype: str
) -> None:
    pyigtl, connected = peer  # it cannot send one
    voxels = np.arange(60).reshape(3, 4, 5).astype(dtype)
    connected.sendall(codec.pack(codec.Message(codec.Image.from_pixels(voxels), 'CT')))
    np.testing.assert_array_equal(pyigtl.receive('CT')['content']['image'], voxels)


def test_a_colour_image_goes_both_ways(peer: tuple[PyigtlPeer, socket.socket]) -> None:
    pyigtl, connected = peer
    pixels = np.arange(90, dtype='u1').reshape(1, 5, 6, 3)
    pyigtl.send('IMAGE', 'Video', image=pixels)
    image = receive_one(connected).content
    assert image.components == 3
    assert image.coordinate is codec.CoordinateSystem.LPS
    np.testing.assert_array_equal(image.pixels, pixels)

    connected.sendall(codec.pack(codec.Message(codec.Image.from_pixels(pixels), 'Back')))
    received = pyigtl.receive('Back')['content']
    assert received['world_coordinate_system'] == 'ras'
    np.testing.assert_array_equal(received['image'], pixels)


def test_a_full_hd_image_from_us_arrives(peer: tuple[PyigtlPeer, socket.socket]) -> None:
    pyigtl, connected = peer
    pixels = (np.arange(1920 * 1080) % 251).astype('u1').reshape(1, 1080, 1920)
    connected.sendall(codec.pack(codec.Message(codec.Image.from_pixels(pixels), 'HD')))
    np.testing.assert_array_equal(pyigtl.receive('HD')['content']['image'], pixels)

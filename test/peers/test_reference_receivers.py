# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What is packed here is what the reference implementation prints; it checks every CRC."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from helpers.reference_programs import ReferenceProgram, free_port
from ros2_igtl import codec
from ros2_igtl.cli import stream
from ros2_igtl.sim import Imager, Simulation, Tracker, VolumeImager

MATRIX = np.array(
    [
        [0.0, -1.0, 0.0, 100.0],
        [1.0, 0.0, 0.0, -20.5],
        [0.0, 0.0, 1.0, 3.25],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


@pytest.fixture
def receiver() -> Iterator[tuple[ReferenceProgram, socket.socket]]:
    """Run a ReceiveServer, and a connection to it."""
    port = free_port()
    with ReferenceProgram('ReceiveServer', port) as program:
        program.wait_until_listening(port)
        with stream.connect('127.0.0.1', port) as peer:
            yield program, peer


CASES = [
    (
        codec.Transform.from_matrix(MATRIX),
        'Receiving TRANSFORM data type.\n'
        '=============\n'
        '0, -1, 0, 100\n'
        '1, 0, 0, -20.5\n'
        '0, 0, 1, 3.25\n'
        '0, 0, 0, 1\n',
    ),
    (
        codec.Position(1.5, -2.5, 3.5, 0.5, -0.5, 0.5, 0.5),
        'Receiving POSITION data type.\n'
        'position   = (1.5, -2.5, 3.5)\n'
        'quaternion = (0.5, -0.5, 0.5, 0.5)\n',
    ),
    (
        codec.Image.from_pixels(
            np.arange(24, dtype='<u2').reshape(2, 3, 4),
            axes=(0.5, 0.0, 0.0, 0.0, 0.75, 0.0, 0.0, 0.0, 2.0),
        ),
        'Receiving IMAGE data type.\n'
        'Device Name           : ToReference\n'
        'Scalar Type           : 5\n'
        'Dimensions            : (4, 3, 2)\n'
        'Spacing               : (0.5, 0.75, 2)\n'
        'Sub-Volume dimensions : (4, 3, 2)\n'
        'Sub-Volume offset     : (0, 0, 0)\n',
    ),
    (
        codec.Image(bytes(4), (8, 8, 8), offset=(1, 2, 3), sub_size=(2, 2, 1)),
        'Dimensions            : (8, 8, 8)\n'
        'Spacing               : (1, 1, 1)\n'
        'Sub-Volume dimensions : (2, 2, 1)\n'
        'Sub-Volume offset     : (1, 2, 3)\n',
    ),
    (
        codec.Status(codec.StatusCode.DISABLED, -7, 'ACTUATOR', 'a wire is loose'),
        ' Code      : 15\n SubCode   : -7\n Error Name: ACTUATOR\n Status    : a wire is loose\n',
    ),
    (
        codec.Point.from_points(
            [
                {
                    'name': 'Target',
                    'group': 'Plan',
                    'rgba': (1, 2, 3, 4),
                    'position': (10.5, -20.25, 30.125),
                    'size': 2.5,
                    'owner': 'CT',
                },
                {'name': 'Entry', 'position': (0, 0, 1)},
            ]
        ),
        '========== Element #0 ==========\n'
        ' Name      : Target\n'
        ' GroupName : Plan\n'
        ' RGBA      : ( 1, 2, 3, 4 )\n'
        ' Position  : ( 10.500000, -20.250000, 30.125000 )\n'
        ' Radius    : 2.500000\n'
        ' Owner     : CT\n'
        '================================\n'
        '========== Element #1 ==========\n'
        ' Name      : Entry\n',
    ),
    (codec.String('bring the needle'), 'Encoding: 3; String: bring the needle\n'),
    (codec.String('Grüße'), 'Encoding: 106; String: Grüße\n'),
    (
        codec.Capability(('TRANSFORM', 'GET_IMAGE')),
        'Typename #0: TRANSFORM\nTypename #1: GET_IMAGE\n',
    ),
]


@pytest.mark.parametrize(
    ('content', 'printed'), CASES, ids=[type(content).__name__ for content, _ in CASES]
)
def test_receive_server_prints_what_was_sent(
    receiver: tuple[ReferenceProgram, socket.socket], content: codec.Content, printed: str
) -> None:
    program, peer = receiver
    timestamp = codec.timestamp.from_nanoseconds(1_234_567_890_000_000_000)
    peer.sendall(codec.pack(codec.Message(content, 'ToReference', timestamp)))
    program.wait_for_output(re.escape(printed))
    assert 'Time stamp: 1234567890.000000000' in program.output


def test_receive_server_stays_in_step_over_every_type(
    receiver: tuple[ReferenceProgram, socket.socket],
) -> None:
    program, peer = receiver
    for content, _ in CASES:
        peer.sendall(codec.pack(codec.Message(content, 'ToReference')))
    peer.sendall(codec.pack(codec.Message(codec.String('the end'), 'ToReference')))
    program.wait_for_output('String: the end')
    for _, printed in CASES:
        assert printed in program.output


def test_receive_server_ignores_a_message_whose_crc_is_wrong(
    receiver: tuple[ReferenceProgram, socket.socket],
) -> None:
    program, peer = receiver
    data = bytearray(codec.pack(codec.Message(codec.Transform.from_matrix(MATRIX), 'Broken')))
    data[-1] ^= 1
    peer.sendall(data)
    peer.sendall(codec.pack(codec.Message(codec.String('after it'), 'Sound')))
    program.wait_for_output('String: after it')
    assert 'Receiving TRANSFORM' in program.output
    assert '100' not in program.output


def test_receive_client_prints_the_transforms_of_the_simulated_tracker() -> None:
    with (
        Simulation(Tracker(('Probe',)), 50.0) as simulation,
        ReferenceProgram('ReceiveClient', '127.0.0.1', simulation.port) as client,
    ):
        # a matrix is printed if the CRC is right
        client.wait_for_output('([^R]*Receiving TRANSFORM data type[^R]*0, 0, 0, 1){20}')
    # a time stamp of this decade, with its fraction
    assert re.search(r'Time stamp: 1[7-9]\d{8}\.\d{9}\n', client.output)


def test_receive_client_prints_the_tools_of_the_simulated_tracker() -> None:
    with (
        Simulation(Tracker(('Probe', 'Needle'), tdata=True), 50.0) as simulation,
        ReferenceProgram('ReceiveClient', '127.0.0.1', simulation.port) as client,
    ):
        client.wait_for_output(
            '(?s)Element #0.* Name       : Probe\n Type       : 2\n'
            '.*Element #1.* Name       : Needle\n Type       : 2\n'
        )


@pytest.mark.parametrize(
    ('source', 'scalar_type', 'dimensions', 'spacing'),
    [
        (Imager(), 3, '(256, 256, 1)', '(1, 1, 1)'),
        (VolumeImager(), 5, '(96, 112, 96)', '(2, 2, 2)'),
    ],
)
def test_receive_client_prints_the_images_of_the_simulated_imagers(
    source: Imager | VolumeImager, scalar_type: int, dimensions: str, spacing: str
) -> None:
    with (
        Simulation(source, 20.0) as simulation,
        ReferenceProgram('ReceiveClient', '127.0.0.1', simulation.port) as client,
    ):
        client.wait_for_output(
            re.escape(
                f'Device Name           : {source.device_name}\n'
                f'Scalar Type           : {scalar_type}\n'
                f'Dimensions            : {dimensions}\n'
                f'Spacing               : {spacing}\n'
                f'Sub-Volume dimensions : {dimensions}\n'
                'Sub-Volume offset     : (0, 0, 0)\n'
            )
        )

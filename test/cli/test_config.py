# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl config` writes the mapping file that says what a node does without one."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='the table is about ROS messages')
pytest.importorskip('ros2_igtl.msg', reason='the package is not built: run make setup')

from helpers.bridge_peer import await_accounted, serve
from helpers.ros_graph import ros_graph
from helpers.serving import serving
from ros2_igtl import codec
from ros2_igtl.cli.main import main
from ros2_igtl.config import parse_config

POSE = codec.Transform.from_matrix(np.eye(4))
SENT = [
    codec.Message(POSE, 'ProbeToTracker'),
    codec.Message(POSE, 'ProbeToTracker'),
    codec.Message(codec.Image.from_pixels(np.zeros((1, 2, 2), np.uint8)), 'no'),  # YAML's false
    codec.Message(codec.Image.from_pixels(np.zeros((2, 2, 2), np.uint8)), 'Volume'),
    codec.Message(codec.Bind([codec.Message(codec.String('x'), 'Ünïcode 1')]), 'Frame'),
    codec.Message(codec.Unknown('NEWTYPE', b'abc'), 'New'),
]
DATA = b''.join(map(codec.pack, SENT))


def config_of(data: bytes, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    with serving(lambda peer: peer.sendall(data)) as port:
        exit_code = main(['config', '127.0.0.1', port, '--seconds', '10', *options])
    return exit_code, capsys.readouterr().out


def test_it_has_a_row_for_each_output_of_each_device(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code, text = config_of(DATA, capsys, '--name', 'plus')
    assert exit_code == 0
    (connection,) = parse_config(text.encode(), 'printed').connections
    assert (connection.name, connection.mode, connection.address) == (
        'plus',
        'client',
        '127.0.0.1',
    )
    rows = [
        (row.igtl_type_name, row.igtl_device_name, row.ros_topic_name)
        for row in connection.mappings
    ]
    assert rows == [
        ('TRANSFORM', 'ProbeToTracker', 'plus/transform/ProbeToTracker'),
        ('IMAGE', 'no', 'plus/image/no'),
        ('IMAGE', 'no', 'plus/image/no/geometry'),
        ('IMAGE', 'Volume', 'plus/image/Volume'),
        ('STRING', 'Ünïcode 1', 'plus/string/n_code_1'),
        ('NEWTYPE', 'New', 'plus/newtype/New'),
    ]


def test_a_node_does_with_it_what_it_does_without(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, text = config_of(DATA, capsys, '--name', 'bridge')
    where = ('mode:', 'address:', 'port:')  # of the client; here the node is a server
    lines = [line for line in text.splitlines() if not line.strip().startswith(where)]
    path = tmp_path / 'printed.yaml'
    path.write_text('\n'.join(lines))
    assert topics_of({'config_file': str(path)}) == topics_of({})


def topics_of(parameters: dict[str, str]) -> set[tuple[str, str]]:
    """Return the topics and ROS types that a node gives to what was sent."""
    with ros_graph() as graph:
        bridge, peer = serve(graph, **parameters)
        peer.send(DATA)
        await_accounted(bridge, len(SENT))
        return {
            (publisher.topic_name, mapping.ros_type_name)
            for route in bridge.connections[0].inbound.routes
            for mapping, publisher in route.outputs
        }


def test_what_cannot_be_said_is_left_out_with_a_comment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ['a b', 'a-b', 'bad\x01', 'bytes\udcff']
    sent = [codec.Message(codec.String('x'), name) for name in names]
    exit_code, text = config_of(b''.join(map(codec.pack, sent)), capsys)
    assert exit_code == 0
    (row,) = parse_config(text.encode(), 'printed').connections[0].mappings
    assert row.igtl_device_name == 'a b'
    comments = [line for line in text.splitlines() if line.startswith('#')]
    assert comments[0].startswith("# left out: STRING 'a-b': igtl_client/string/a_b belongs to")
    assert comments[1].startswith(r"# left out: STRING 'bad\x01': ")
    assert comments[2].startswith(r"# left out: STRING 'bytes\xff': ")


def test_a_peer_that_makes_up_names_does_not_fill_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sent = [codec.Message(codec.String('x'), f'Name{number}') for number in range(600)]
    exit_code, text = config_of(b''.join(map(codec.pack, sent)), capsys)
    assert exit_code == 0
    assert len(parse_config(text.encode(), 'printed').connections[0].mappings) == 500
    assert '# left out: more than 500 devices' in text


def test_nothing_that_came_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def close(peer: socket.socket) -> None:
        peer.shutdown(socket.SHUT_RDWR)

    with serving(close) as port:
        assert main(['config', '127.0.0.1', port, '--seconds', '10']) == 1
    assert 'no message that can be published arrived in 10 s' in capsys.readouterr().err

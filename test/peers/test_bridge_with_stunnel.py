# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes with TLS, and at the other end pyigtl, which speaks plain TCP, behind stunnel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.certificates import Authority
from helpers.pyigtl_peer import PyigtlPeer
from helpers.reference_programs import free_port
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.stunnel import recipe, stunnel
from helpers.waiting import wait_until
from ros2_igtl.nodes.node import BridgeNode

MATRIX = np.array(
    [[1.0, 0.0, 0.0, 100.0], [0.0, 1.0, 0.0, -20.5], [0.0, 0.0, 1.0, 3.25], [0.0, 0.0, 0.0, 1.0]]
)
STRING = 'std_msgs/msg/String'
ROWS = f"""
version: 1
connections:
  - mappings:
      - {{igtl_device_name: Text, igtl_type_name: STRING, direction: ROS_TO_IGTL,
         ros_topic_name: /text, ros_type_name: {STRING}}}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def parameters(authority: Authority, tmp_path: Path) -> dict[str, Any]:
    """Return those of a node with TLS and a row that sends."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(ROWS)
    files = authority.issue('robot', 'robot.local', '127.0.0.1')
    return {'config_file': str(path), 'tls': True, 'cafile': authority.cafile, **files}


def files_of(authority: Authority, name: str, *hosts: str) -> dict[str, Any]:
    """Return what stunnel calls certificate, key and authority."""
    files = authority.issue(name, *hosts)
    return {'cert': files['certfile'], 'key': files['keyfile'], 'CAfile': authority.cafile}


def assert_they_speak(graph: Graph, bridge: BridgeNode, peer: PyigtlPeer) -> None:
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    texts = graph.publisher(STRING, '/text')
    (session,) = bridge.connections[0].transport.sessions
    assert 'TLSv1.3, certificate of' in session.security
    peer.send('TRANSFORM', 'Probe', matrix=MATRIX)
    (pose,) = wait_until(lambda: poses, 10.0, 'the pose')
    translation = pose.transform.translation
    assert (translation.x, translation.y, translation.z) == (0.1, -0.0205, 0.00325)
    texts.publish(texts.msg_type(data='hello'))
    message = peer.receive('Text')
    assert message['content']['string'] == 'hello'


def test_a_plain_client_comes_through_stunnel(
    graph: Graph, authority: Authority, parameters: dict[str, Any], tmp_path: Path
) -> None:
    bridge = graph.add_bridge('server', {**parameters, 'port': 0})
    port = free_port()
    configuration = recipe(
        'slicer',
        accept=f'127.0.0.1:{port}',
        connect=f'127.0.0.1:{bridge.get_parameter("actual_port").value}',
        **files_of(authority, 'slicer'),
    )
    with stunnel(tmp_path, configuration) as tunnel:
        tunnel.wait_until_listening(port)
        with PyigtlPeer('client', port) as peer:
            wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')
            assert_they_speak(graph, bridge, peer)


def test_a_plain_server_is_reached_through_stunnel(
    graph: Graph, authority: Authority, parameters: dict[str, Any], tmp_path: Path
) -> None:
    with PyigtlPeer('server') as peer:
        port = free_port()
        configuration = recipe(
            'plus',
            accept=f'127.0.0.1:{port}',
            connect=f'127.0.0.1:{peer.port}',
            **files_of(authority, 'plus', '127.0.0.1'),
        )
        with stunnel(tmp_path, configuration) as tunnel:
            tunnel.wait_until_listening(port)
            bridge = graph.add_bridge('client', {**parameters, 'port': port})
            wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')
            assert_they_speak(graph, bridge, peer)


def test_f31_stunnel_with_the_certificate_of_a_stranger_is_refused(
    graph: Graph, authority: Authority, parameters: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / 'other').mkdir()
    stranger = Authority(tmp_path / 'other')
    bridge = graph.add_bridge('server', {**parameters, 'port': 0})
    port = free_port()
    configuration = recipe(
        'slicer',
        accept=f'127.0.0.1:{port}',
        connect=f'127.0.0.1:{bridge.get_parameter("actual_port").value}',
        **{**files_of(stranger, 'stranger'), 'CAfile': authority.cafile},
    )
    with stunnel(tmp_path, configuration) as tunnel:
        tunnel.wait_until_listening(port)
        transport = bridge.connections[0].transport
        with ScriptedPeer.dial(port) as peer:
            assert peer.receive_until_closed() == b''
        wait_until(lambda: transport.statistics.tls_failures == {'unknown_ca': 1})
        assert transport.statistics.connects == 0

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes with TLS: what they are told by parameters and mapping files, and what they do with it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rclpy.lifecycle import TransitionCallbackReturn

from helpers.bridge_peer import port_of, pose
from helpers.certificates import Authority, client_context, encrypt, replace, server_context
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
TOPIC = '/bridge/transform/Probe'
STRING = 'std_msgs/msg/String'


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the one that node and peer trust."""
    return Authority(tmp_path)


@pytest.fixture
def keys(authority: Authority) -> dict[str, Any]:
    """Return the parameters of a node with a certificate."""
    return {'tls': True, 'cafile': authority.cafile, **authority.issue('node')}


def state_of(bridge: BridgeNode) -> str:
    return str(bridge._state_machine.current_state[1])


def secure(port: int, context: ssl.SSLContext) -> ScriptedPeer:
    """Return a peer after its handshake with a server."""
    peer = ScriptedPeer.dial(port)
    peer.socket = context.wrap_socket(peer.socket, server_hostname='127.0.0.1')
    return peer


def diagnostics(arrays: list[Any]) -> dict[str, str]:
    """Return what was last told of the connection."""
    values = {}
    for array in arrays:
        for status in array.status:
            if status.name == 'bridge: bridge':
                values = {item.key: item.value for item in status.values}
    return values


def test_f31_a_server_serves_those_with_a_certificate_and_tells_of_the_others(
    graph: Graph, authority: Authority, keys: dict[str, Any]
) -> None:
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    bridge = graph.add_bridge('server', {'port': 0, **keys})
    with ScriptedPeer.dial(port_of(bridge)) as plain:
        plain.send(pose())
        plain.receive_until_closed()
    context = client_context(authority.cafile, authority.issue('peer'))
    with secure(port_of(bridge), context) as peer:
        peer.send(pose())
        wait_for_count(poses, 1)
        peer.send(pose(2.0))
        wait_for_count(poses, 2)
    wait_until(lambda: diagnostics(arrays).get('received') == '2', 10.0, 'the diagnostics')
    assert diagnostics(arrays)['tls_failures no_tls'] == '1'


def test_a_client_dials_with_tls_and_sends(
    graph: Graph, authority: Authority, keys: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - tls: true\n    cafile: authority.pem\n'
        '    certfile: node.crt\n    keyfile: node.key\n    mappings:\n'
        '      - {igtl_device_name: Said, igtl_type_name: STRING, direction: ROS_TO_IGTL,\n'
        f'         ros_topic_name: /said, ros_type_name: {STRING}}}\n'
    )
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    context = server_context(authority.issue('peer'), authority.cafile)
    with ScriptedServer() as server:
        bridge = graph.add_bridge('client', {'port': server.port, 'config_file': str(path)})
        publisher = graph.publisher(STRING, '/said')
        peer = server.accept()
        peer.socket = context.wrap_socket(peer.socket, server_side=True)
        wait_until(lambda: bridge.connections[0].peers.all, what='the session')
        peer.send(pose())
        wait_for_count(poses, 1)
        publisher.publish(publisher.msg_type(data='hello'))
        assert codec.unpack(peer.receive_message()).content.text == 'hello'


def test_two_nodes_speak_to_each_other_with_tls(
    graph: Graph, authority: Authority, keys: dict[str, Any]
) -> None:
    server = graph.add_bridge('server', {'port': 0, **keys})
    other = {**keys, **authority.issue('other')}
    client = graph.add_bridge('client', {'port': port_of(server), **other}, name='client')
    ends = [bridge.connections[0].transport for bridge in (server, client)]
    wait_until(lambda: all(end.sessions for end in ends), what='the sessions')
    (session,) = ends[0].sessions
    assert 'TLSv1.3' in session.security
    assert 'other' in session.security


def empty(path: str) -> None:
    replace(path, b'')


@pytest.mark.parametrize('mode', ['client', 'server'])
@pytest.mark.parametrize(
    ('key', 'spoil', 'text'),
    [
        ('keyfile', encrypt, 'is encrypted; allowed: a key without a passphrase'),
        ('cafile', empty, 'is rejected: '),
        ('certfile', lambda path: Path(path).unlink(), 'cannot be read: No such file'),
    ],
    ids=['b39_encrypted', 'b39_empty', 'f30_missing'],
)
def test_f30_b39_a_file_that_cannot_be_used_fails_configuration_and_is_no_secret_in_the_log(
    graph: Graph,
    keys: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
    mode: str,
    key: str,
    spoil: Callable[[str], None],
    text: str,
) -> None:
    contents = [Path(keys[name]).read_text() for name in ('certfile', 'keyfile', 'cafile')]
    spoil(keys[key])
    bridge = graph.add_bridge(mode, keys)
    assert state_of(bridge) == 'unconfigured'
    said = capfd.readouterr().err
    assert f'cannot configure: parameters: {key}: {keys[key]!r} {text}' in said
    assert 'Traceback' not in said
    for line in ''.join(contents).splitlines():
        assert line not in said


def test_f30_an_expired_certificate_fails_configuration_and_a_new_one_mends_it(
    graph: Graph, authority: Authority, keys: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    authority.issue_expired('node')
    bridge = graph.add_bridge('server', {'port': 0, **keys})
    assert state_of(bridge) == 'unconfigured'
    assert 'certificate has expired; allowed: a server certificate' in capfd.readouterr().err
    authority.issue('node')
    graph.call(bridge.autostart)
    assert state_of(bridge) == 'active'


def test_b39_a_file_that_went_wrong_after_configuration_fails_activation(
    graph: Graph, keys: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    bridge = graph.add_bridge('server', {'port': 0, 'autostart': False, **keys})
    assert graph.call(bridge.trigger_configure) == SUCCESS
    encrypt(keys['keyfile'])
    assert graph.call(bridge.trigger_activate) == FAILURE
    assert state_of(bridge) == 'inactive'
    said = capfd.readouterr().err
    assert f'cannot activate: keyfile: {keys["keyfile"]!r} is encrypted' in said


def test_certificates_are_enough_to_listen_beyond_this_machine(
    graph: Graph, keys: dict[str, Any]
) -> None:
    bridge = graph.add_bridge('server', {'port': 0, 'address': '0.0.0.0', **keys})
    assert state_of(bridge) == 'active'
    anybody = {**keys, 'cafile': '', 'tls_client_auth': 'none'}
    other = graph.add_bridge('server', {'port': 0, 'address': '0.0.0.0', **anybody}, name='other')
    assert state_of(other) == 'unconfigured'


def test_f32_a_peer_that_is_not_allowed_is_told_on_diagnostics(graph: Graph) -> None:
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    bridge = graph.add_bridge('server', {'port': 0, 'allowed_peers': ['127.0.0.2']})
    with ScriptedPeer.dial(port_of(bridge)) as peer:
        assert peer.receive_until_closed() == b''
    wait_until(lambda: diagnostics(arrays).get('refused_peers allowed_peers') == '1', 10.0)

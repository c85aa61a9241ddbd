# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The node as a whole: its life cycle, its parameters, its peers coming and going."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from helpers.bridge_peer import port_of, serve
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer, unused_port
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes import node as bridge_module

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
POSE = codec.pack(
    codec.Message(codec.Transform(1, 0, 0, 0, 1, 0, 0, 0, 1, 1.0, 2.0, 3.0), 'Probe')
)
TOPIC = '/bridge/transform/Probe'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'


def has_published(connection: Any, count: int) -> bool:
    return bool(received_by(connection).done == count)


def state_of(bridge: Any) -> str:
    return str(bridge._state_machine.current_state[1])


def test_without_autostart_nothing_is_open(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0, 'autostart': False})
    assert state_of(bridge) == 'unconfigured'
    assert graph.call(bridge.trigger_configure) == SUCCESS
    assert port_of(bridge) == 0
    assert graph.call(bridge.trigger_activate) == SUCCESS
    port = port_of(bridge)
    ScriptedPeer.dial(port).close()
    assert graph.call(bridge.trigger_deactivate) == SUCCESS
    with pytest.raises(ConnectionRefusedError):
        ScriptedPeer.dial(port)
    assert graph.call(bridge.trigger_cleanup) == SUCCESS
    assert state_of(bridge) == 'unconfigured'


def test_deactivation_ends_sessions_and_leaves_nothing_behind(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0})
    graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    threads = threading.active_count()
    descriptors = len(os.listdir('/proc/self/fd'))
    for _ in range(20):
        with ScriptedPeer.dial(port_of(bridge)) as peer:
            peer.send(POSE)
            connection = bridge.connections[0]
            wait_until(partial(has_published, connection, 1), what='a pose')
            assert graph.call(bridge.trigger_deactivate) == SUCCESS
            assert peer.receive_until_closed() == b''
        assert graph.call(bridge.trigger_activate) == SUCCESS
    assert threading.active_count() <= threads
    assert len(os.listdir('/proc/self/fd')) <= descriptors + 4  # DDS opens some of its own


def test_f14_a_busy_port_fails_activation_by_name_and_can_be_tried_again(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as blocker:
        bridge = graph.add_bridge('server', {'port': blocker.port})
        assert state_of(bridge) == 'inactive'
        assert f'127.0.0.1:{blocker.port}' in capfd.readouterr().err
    assert graph.call(bridge.trigger_activate) == SUCCESS
    ScriptedPeer.dial(port_of(bridge)).close()


def test_a_wrong_mapping_file_fails_configuration_with_its_lines(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text('version: 1\nconnections:\n  - prot: 18944\n')
    bridge = graph.add_bridge('client', {'config_file': str(path)})
    assert state_of(bridge) == 'unconfigured'
    assert f'{path}:3: ' in capfd.readouterr().err


def test_a_pair_of_types_that_does_not_exist_fails_configuration(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        '      - {igtl_device_name: A, igtl_type_name: STRING, direction: IGTL_TO_ROS,\n'
        '         ros_topic_name: a, ros_type_name: sensor_msgs/msg/Image}\n'
    )
    bridge = graph.add_bridge('client', {'config_file': str(path)})
    assert state_of(bridge) == 'unconfigured'
    assert 'std_msgs/msg/String' in capfd.readouterr().err


def test_listening_beyond_this_machine_needs_allowed_peers(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge = graph.add_bridge('server', {'port': 0, 'address': '0.0.0.0'})
    assert state_of(bridge) == 'unconfigured'
    assert 'allowed_peers' in capfd.readouterr().err
    allowed = graph.add_bridge(
        'server', {'port': 0, 'address': '0.0.0.0', 'allowed_peers': ['127.0.0.1']}, name='other'
    )
    assert state_of(allowed) == 'active'


def test_parameters_are_judged_and_take_effect_at_configuration(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0, 'autostart': False})

    def attempt(name: str, value: Any) -> tuple[bool, str]:
        (result,) = bridge.set_parameters([Parameter(name, value=value)])
        return result.successful, result.reason

    assert attempt('crc_policy', 'maybe')[0] is False
    assert attempt('port', 70000)[0] is False
    assert attempt('port', '18944')[0] is False
    assert attempt('actual_port', 5)[0] is False
    assert attempt('crc_policy', 'warn')[0] is True
    assert graph.call(bridge.trigger_configure) == SUCCESS
    successful, reason = attempt('crc_policy', 'ignore')
    assert not successful
    assert 'clean up' in reason


def test_parameters_are_judged_together_before_any_of_them_is_applied(graph: Graph) -> None:
    bridge = graph.add_bridge('client', {'autostart': False})

    def attempt(**values: Any) -> tuple[bool, str]:
        parameters = [Parameter(name, value=value) for name, value in values.items()]
        result = bridge.set_parameters_atomically(parameters)
        return result.successful, result.reason

    successful, reason = attempt(connect_timeout=1.0, reconnect_initial_delay=40.0)
    assert not successful
    assert 'reconnect_max_delay (30.0)' in reason
    assert bridge.get_parameter('connect_timeout').value == 5.0
    assert attempt(reconnect_initial_delay=40.0, reconnect_max_delay=60.0) == (True, '')
    for name, value, word in (
        ('device_whitelist', ['('], 'device_whitelist'),
        ('device_blacklist', ['(a+)+b'], '(a+)+b'),
        ('auto_outbound', ['['], 'auto_outbound'),
        ('allowed_peers', ['10.0.0.300'], '10.0.0.300'),
        ('default_frame_id', '/a', 'default_frame_id'),
        ('frame_prefix', 'a b', 'frame_prefix'),
    ):
        successful, reason = attempt(lazy=True, **{name: value})
        assert not successful
        assert word in reason
    assert bridge.get_parameter('lazy').value is False


def test_every_parameter_is_described(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0, 'autostart': False})
    own = [name for name in bridge._parameters if '.' not in name and name != 'use_sim_time']
    described = {name: bridge.describe_parameter(name).description for name in own}
    ours = set(described) - {'start_type_description_service'}
    assert len(ours) > 20
    assert [name for name in ours if not described[name]] == []


def test_a_second_client_is_served_at_once(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0})
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    with ScriptedPeer.dial(port_of(bridge)), ScriptedPeer.dial(port_of(bridge)) as second:
        second.send(POSE)
        wait_until(lambda: poses, what='the pose of the second client')


def test_f11_a_client_waits_for_its_server_and_comes_back_to_it(graph: Graph) -> None:
    port = unused_port()
    parameters = {'port': port, 'reconnect_initial_delay': 0.05, 'reconnect_max_delay': 0.2}
    bridge = graph.add_bridge('client', parameters)
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    connection = bridge.connections[0]
    wait_until(lambda: connection.transport.statistics.connect_failures > 1, what='two tries')
    assert state_of(bridge) == 'active'
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    wait_until(lambda: arrays, 10.0, 'diagnostics')
    assert arrays[0].status[0].name == 'bridge: bridge'
    assert arrays[0].status[0].level == b'\x01'
    for count in (1, 2, 3):  # absent at first, then killed and restarted
        with ScriptedServer(port) as server, server.accept() as peer:
            peer.send(POSE)
            wait_for_count(poses, count)
            peer.reset()
        wait_until(lambda: not connection.peers.all, what='the loss to be seen')


def test_the_node_says_what_it_did_on_diagnostics(graph: Graph) -> None:
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    bridge = graph.add_bridge('server', {'port': 0, 'stale_timeout': 0.1})
    with ScriptedPeer.dial(port_of(bridge)) as peer:
        peer.send(POSE + POSE[:50] + bytes(8) + POSE[58:])

        def told() -> dict[str, Any]:
            return {status.name: status for array in arrays for status in array.status}

        def stale() -> bool:
            device = told().get('bridge: bridge: TRANSFORM Probe')
            return device is not None and device.level == b'\x02' and 'stale' in device.message

        wait_until(stale, what='a stale device')
        values = {item.key: item.value for item in told()['bridge: bridge'].values}
    assert (values['received'], values['published'], values['rejected crc']) == ('2', '1', '1')


def test_the_clock_of_a_peer_is_told_once_it_has_sent_a_time_stamp(graph: Graph) -> None:
    _, peer = serve(graph)
    references = graph.subscribe('sensor_msgs/msg/TimeReference', '/bridge/time_reference')
    peer.send(POSE)  # without a time stamp nothing is known of its clock
    assert not references
    behind_ns = 3 * 10**9
    timestamp = codec.timestamp.from_nanoseconds(time.time_ns() - behind_ns)
    content = codec.Transform(1, 0, 0, 0, 1, 0, 0, 0, 1, 1.0, 2.0, 3.0)
    peer.send(codec.pack(codec.Message(content, 'Probe', timestamp)))
    reference = wait_until(lambda: references, 10.0, 'the time reference')[0]
    ours, theirs = reference.header.stamp, reference.time_ref
    offset_ns = (ours.sec - theirs.sec) * 10**9 + ours.nanosec - theirs.nanosec
    assert behind_ns <= offset_ns < behind_ns + 2 * 10**9  # and what the message took
    assert reference.source == f'bridge: {peer.name}'


def test_stale_is_not_said_of_a_device_that_goes_on(graph: Graph) -> None:
    bridge = graph.add_bridge('server', {'port': 0})
    with ScriptedPeer.dial(port_of(bridge)) as peer:
        peer.send(POSE)
        inbound = bridge.connections[0].inbound
        wait_until(lambda: received_by(bridge.connections[0]).done == 1, what='the pose')
        (route,) = inbound.routes
    assert route.stale_timeout_s == 0.5
    assert route.rate.age_s is not None


def test_f37_two_nodes_do_not_amplify_what_they_exchange(graph: Graph, tmp_path: Path) -> None:
    """A topic mapped both ways through two bridges."""
    text = (
        'version: 1\nconnections:\n  - mappings:\n'
        '      - {igtl_device_name: Text, igtl_type_name: STRING, direction: ROS_TO_IGTL,\n'
        '         ros_topic_name: /text, ros_type_name: std_msgs/msg/String}\n'
        '      - {igtl_device_name: Text, igtl_type_name: STRING, direction: IGTL_TO_ROS,\n'
        '         ros_topic_name: /text, ros_type_name: std_msgs/msg/String}\n'
    )
    path = tmp_path / 'loop.yaml'
    path.write_text(text)
    server = graph.add_bridge('server', {'port': 0, 'config_file': str(path)}, name='server')
    client = graph.add_bridge(
        'client', {'port': port_of(server), 'config_file': str(path)}, name='client'
    )
    ends = [node.connections[0].transport for node in (client, server)]
    wait_until(lambda: all(end.sessions for end in ends), what='the session at both ends')
    from std_msgs.msg import String

    texts = graph.subscribe('std_msgs/msg/String', '/text')
    publisher = graph.publisher('std_msgs/msg/String', '/text')
    wait_until(lambda: publisher.get_subscription_count() == 3, 10.0, 'both nodes and us')
    publisher.publish(String(data='once'))
    connections = [bridge.connections[0] for bridge in (server, client)]
    wait_until(
        lambda: all(received_by(c).skipped['echo'] == 1 for c in connections),
        what='the text at both ends',
    )
    assert [item.data for item in texts] == ['once']


def test_a_fault_in_a_transition_leaves_nothing_open_and_can_be_tried_again(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """FAULTS 1.13: fail closed, visibly."""
    bridge = graph.add_bridge('server', {'port': 0, 'autostart': False})

    def fail(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError('a fault of ours')

    for function, triggers in (
        ('load_settings', [bridge.trigger_configure]),
        ('BridgeConnection', [bridge.trigger_configure, bridge.trigger_activate]),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(bridge_module, function, fail)
            results = [graph.call(trigger) for trigger in triggers]
        assert results[-1] == TransitionCallbackReturn.ERROR
        assert state_of(bridge) == 'unconfigured'
        assert not bridge._io_thread.is_running
        assert "ZeroDivisionError('a fault of ours')" in capfd.readouterr().err
    assert graph.call(bridge.trigger_configure) == SUCCESS
    assert graph.call(bridge.trigger_activate) == SUCCESS


def test_shutdown_closes_what_is_open(graph: Graph) -> None:
    bridge, peer = serve(graph)
    assert graph.call(bridge.trigger_shutdown) == SUCCESS
    assert state_of(bridge) == 'finalized'
    assert peer.receive_until_closed() == b''
    assert port_of(bridge) == 0

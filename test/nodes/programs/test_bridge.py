# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Several connections in one node: each for itself, and none in another's place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import String

from helpers.bridge_peer import pack, pose
from helpers.command_server import receive
from helpers.outcomes import received_by, sent_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.msg import BridgeStatus
from ros2_igtl.nodes.node import BridgeNode

TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
STRING = 'std_msgs/msg/String'
TWO_SERVERS = {'a': '', 'b': ''}


def write_file(tmp_path: Path, connections: Mapping[str, str]) -> str:
    """Return a mapping file of servers on any port; by name what else each has."""
    text = 'version: 1\nconnections:\n'
    for name, keys in connections.items():
        text += f'  - name: {name}\n    mode: server\n    port: 0\n{keys}'
    path = tmp_path / 'hub.yaml'
    path.write_text(text)
    return str(path)


def add_hub(graph: Graph, tmp_path: Path, connections: Mapping[str, str]) -> BridgeNode:
    return graph.add_bridge(None, {'config_file': write_file(tmp_path, connections)})


def dial(graph: Graph, hub: BridgeNode, name: str) -> ScriptedPeer:
    """Return a peer of a connection that the node knows."""
    (connection,) = (c for c in hub.connections if c.settings.name == name)
    before = len(connection.peers.all)
    peer = graph.stack.enter_context(ScriptedPeer.dial(connection.actual_port))
    wait_until(lambda: len(connection.peers.all) > before, 10.0, 'the session')
    return peer


def row(**keys: str) -> str:
    return f'      - {{{", ".join(f"{key}: {value}" for key, value in keys.items())}}}\n'


INBOUND = {'direction': 'IGTL_TO_ROS'}
OUTBOUND = {'direction': 'ROS_TO_IGTL'}


def text_row(topic: str, **keys: str) -> str:
    """Return a row of the device Text, as it stands in the file."""
    names = {'igtl_device_name': 'Text', 'igtl_type_name': 'STRING'}
    return row(**names, ros_topic_name=topic, ros_type_name=STRING, **keys)


def test_each_connection_publishes_below_its_own_name(graph: Graph, tmp_path: Path) -> None:
    hub = add_hub(graph, tmp_path, TWO_SERVERS)
    texts = [graph.subscribe(STRING, f'/{name}/string/Text') for name in 'ab']
    for name in 'ab':
        dial(graph, hub, name).send(pack(codec.String(f'by {name}'), 'Text'))
    for name, came in zip('ab', texts, strict=True):
        wait_for_count(came, 1)
        assert came[0].data == f'by {name}'


def test_what_one_connection_publishes_another_does_not_send_without_a_row(
    graph: Graph, tmp_path: Path
) -> None:
    """As `auto_outbound` of everything would else send all that comes to everybody."""
    hub = add_hub(graph, tmp_path, {'a': '', 'b': "    auto_outbound: ['.*']\n"})
    texts = graph.subscribe(STRING, '/a/string/Text')
    first, second = dial(graph, hub, 'a'), dial(graph, hub, 'b')
    first.send(pack(codec.String('not for b'), 'Text'))
    wait_for_count(texts, 1)
    other = graph.publisher(STRING, '/other')
    receiver = hub.connections[1]
    wait_until(lambda: [s.source for s in receiver.senders.all] == ['/other'], 10.0, 'the sender')
    other.publish(String(data='for b'))
    assert codec.unpack(second.receive_message()).content.text == 'for b'


def test_clients_and_servers_serve_side_by_side(graph: Graph, tmp_path: Path) -> None:
    with ScriptedServer() as tracker:
        path = tmp_path / 'hub.yaml'
        path.write_text(
            'version: 1\nconnections:\n'
            f'  - {{name: tracker, mode: client, port: {tracker.port}}}\n'
            '  - name: slicer\n    mode: server\n    port: 0\n    auto_inbound: false\n'
            '    mappings:\n'
            + row(
                igtl_device_name='Needle',
                igtl_type_name='TRANSFORM',
                ros_topic_name='tracker/transform/NeedleToTracker',
                ros_type_name=TRANSFORM_STAMPED,
                **OUTBOUND,
            )
        )
        hub = graph.add_bridge(None, {'config_file': str(path)})
        slicers = [dial(graph, hub, 'slicer') for _ in range(3)]
        with tracker.accept() as peer:
            count = 0

            def reached() -> bool:  # the first ones may come before the topic is subscribed
                nonlocal count
                count += 1
                peer.send(pose(float(count), 'NeedleToTracker'))
                sent = sent_by(hub.connections[1])
                return sent.done > 0

            wait_until(reached, 10.0, 'a pose of the tracker to be sent on')
            for slicer in slicers:
                message = receive(slicer)
                assert message.device_name == 'Needle'
                assert 1.0 <= message.content.tx <= count
            # nothing is sent back to whom it came from
            assert hub.connections[0].transport.statistics.sent == 0


def test_one_device_goes_to_the_peers_of_several_connections(graph: Graph, tmp_path: Path) -> None:
    rows = '    mappings:\n' + text_row('/text', **OUTBOUND)
    hub = add_hub(graph, tmp_path, {'a': rows, 'b': rows + '    header_version: 2\n'})
    peers = [dial(graph, hub, name) for name in 'aab']
    publisher = graph.publisher(STRING, '/text')
    wait_until(lambda: publisher.get_subscription_count() == 2, 10.0, 'both connections')
    publisher.publish(String(data='to all'))
    versions = []
    for peer in peers:
        message = receive(peer)
        assert message.content.text == 'to all'
        versions.append(message.header_version)
    assert versions == [1, 1, 2]


def test_a_topic_that_goes_out_by_one_connection_may_come_in_by_another_only(
    graph: Graph, tmp_path: Path
) -> None:
    """What comes from a connection is never sent back to it."""
    both = text_row('/text', **INBOUND) + text_row('/text', **OUTBOUND)
    hub = add_hub(
        graph,
        tmp_path,
        {'a': f'    mappings:\n{both}', 'b': '    mappings:\n' + text_row('/text', **OUTBOUND)},
    )
    texts = graph.subscribe(STRING, '/text')
    peer, other = dial(graph, hub, 'a'), dial(graph, hub, 'b')
    peer.send(pack(codec.String('back?'), 'Text'))
    outcomes = received_by(hub.connections[0])
    wait_until(lambda: outcomes.skipped['echo'] == 1, 10.0, 'the refusal')
    assert (texts, sent_by(hub.connections[0]).done) == ([], 0)
    for one in (peer, other):  # the answer is the first that comes
        one.send(pack(codec.GetStatus(), ''))
        assert receive(one).type_name == 'STATUS'


def test_f36_a_pose_that_a_second_connection_claims_is_refused_with_an_error(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hub = add_hub(graph, tmp_path, TWO_SERVERS)
    poses = [graph.subscribe(TRANSFORM_STAMPED, f'/{name}/transform/Probe') for name in 'ab']
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    first, second = dial(graph, hub, 'a'), dial(graph, hub, 'b')
    first.send(pose(1.0))
    wait_for_count(tf, 1)
    second.send(pose(2.0))
    outcomes = received_by(hub.connections[1])
    wait_until(lambda: outcomes.rejected == {'second_connection': 1}, 10.0, 'the refusal')
    text = capfd.readouterr().err
    assert '[ERROR]' in text
    assert f"TRANSFORM 'Probe' of a: {first.name} already sends frame 'Probe'" in text
    first.close()
    wait_until(lambda: not hub.connections[0].peers.all, 10.0, 'the first to go')
    second.send(pose(3.0))
    wait_for_count(poses[1], 1)
    wait_for_count(tf, 2)
    assert poses[1][0].transform.translation.x == 0.003


def test_two_connections_may_have_a_tool_of_one_name_if_one_has_a_prefix(
    graph: Graph, tmp_path: Path
) -> None:
    hub = add_hub(graph, tmp_path, {'a': '', 'b': '    frame_prefix: b/\n'})
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    for name, x in (('a', 1.0), ('b', 2.0)):
        dial(graph, hub, name).send(pose(x))
    wait_for_count(tf, 2)
    told = {t.child_frame_id: t.transform.translation.x for m in tf for t in m.transforms}
    assert told == {'Probe': 0.001, 'b/Probe': 0.002}


def test_f36_of_a_message_that_is_refused_no_tool_takes_a_place(
    graph: Graph, tmp_path: Path
) -> None:
    hub = add_hub(graph, tmp_path, TWO_SERVERS)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    first, second = dial(graph, hub, 'a'), dial(graph, hub, 'b')
    first.send(pose(1.0, 'Taken'))
    wait_for_count(tf, 1)
    tools = [(name, codec.ToolType.INSTRUMENT_6D, np.eye(4)) for name in ('Free', 'Taken')]
    second.send(pack(codec.TrackingData.from_tools(tools), 'Tracker'))
    outcomes = received_by(hub.connections[1])
    wait_until(lambda: outcomes.rejected == {'second_connection': 1}, 10.0, 'the refusal')
    first.send(pose(2.0, 'Free'))
    wait_for_count(tf, 2)
    assert tf[1].transforms[0].child_frame_id == 'Free'


def test_f36_a_topic_that_a_second_connection_claims_is_refused_with_an_error(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = {'igtl_device_regex': '.*', 'igtl_type_name': 'STRING', **INBOUND}
    claim = '    mappings:\n' + row(**rows, ros_topic_name='/text')
    path = write_file(tmp_path, {'a': claim, 'b': claim})
    graph.add_bridge(None, {'config_file': path})
    assert "publishes on '/text', as line 7 does" in capfd.readouterr().err
    hub = graph.add_bridge(
        None,
        {'config_file': write_file(tmp_path, {'a': claim, 'b': claim.replace('/text', 'text')})},
        name='other',
    )
    # a relative name that turns out to be the same
    first, second = dial(graph, hub, 'a'), dial(graph, hub, 'b')
    first.send(pack(codec.String('first'), 'Text'))
    outcomes = [received_by(c) for c in hub.connections]
    wait_until(lambda: outcomes[0].done == 1, 10.0, 'the first')
    second.send(pack(codec.String('second'), 'Text'))
    wait_until(lambda: outcomes[1].skipped == {'topic_taken': 1}, 10.0, 'the refusal')
    text = capfd.readouterr().err
    assert '[ERROR]' in text
    assert '/text already belongs to a STRING Text std_msgs/msg/String' in text


def test_f14_a_busy_port_of_one_connection_leaves_none_open(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as blocker:
        path = tmp_path / 'hub.yaml'
        path.write_text(
            'version: 1\nconnections:\n'
            '  - {name: a, mode: server, port: 0}\n'
            f'  - {{name: b, mode: server, port: {blocker.port}}}\n'
        )
        hub = graph.add_bridge(None, {'config_file': str(path)})
        assert not hub.connections
        assert f'127.0.0.1:{blocker.port}' in capfd.readouterr().err
    graph.call(hub.trigger_activate)
    assert len(hub.connections) == 2


def test_a_connection_that_cannot_be_stopped_keeps_no_other_open(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """FAULTS 1.13: fail closed, visibly."""
    hub = add_hub(graph, tmp_path, TWO_SERVERS)
    peers = [dial(graph, hub, name) for name in 'ab']
    connections = list(hub.connections)
    stops = [connection.stop for connection in connections]

    for connection, stop in zip(connections, stops, strict=True):

        def stop_and_fail(stop: Any = stop, connection: Any = connection) -> None:
            connection.stop = stop  # the next time it succeeds
            stop()
            raise ZeroDivisionError('a fault of ours')

        connection.stop = stop_and_fail  # type: ignore[method-assign]
    assert graph.call(hub.trigger_deactivate) == TransitionCallbackReturn.ERROR
    for peer in peers:
        assert peer.receive_until_closed() == b''
    assert 'ZeroDivisionError: a fault of ours' in capfd.readouterr().err
    assert graph.call(hub.trigger_configure) == TransitionCallbackReturn.SUCCESS


def test_the_status_of_every_connection_is_there_for_who_comes_late(
    graph: Graph, tmp_path: Path
) -> None:
    hub = add_hub(graph, tmp_path, TWO_SERVERS)
    counts = graph.subscribe('std_msgs/msg/UInt32', '/bridge/client_count', latched=True)
    peer = dial(graph, hub, 'b')
    statuses = graph.subscribe('ros2_igtl/msg/BridgeStatus', '/bridge/status', latched=True)

    def last(name: str) -> Any:
        return next((s for s in reversed(statuses) if s.connection == name), None)

    wait_until(lambda: last('b') and list(last('b').peers) == [peer.name], 10.0, 'the peer')
    for connection in hub.connections:
        status = last(connection.settings.name)
        assert (status.mode, status.state) == (BridgeStatus.SERVER, BridgeStatus.LISTENING)
        assert (status.address, status.port) == ('127.0.0.1', connection.actual_port)
    assert list(last('a').peers) == []
    wait_until(lambda: counts and counts[-1].data == 1, 10.0, 'the count of peers')
    peer.send(pack(codec.String('one'), 'Text') + pack(codec.Transform(*[2.0] * 12), 'Bad'))
    wait_until(lambda: last('b').rejected == 1 and last('b').published == 1, 10.0, 'the counts')
    peer.close()
    wait_until(lambda: counts[-1].data == 0 and not last('b').peers, 10.0, 'the peer to go')
    graph.call(hub.trigger_deactivate)
    wait_until(
        lambda: [last(name).state for name in 'ab'] == [BridgeStatus.CLOSED] * 2, 10.0, 'the end'
    )
    graph.call(hub.trigger_activate)
    again = dial(graph, hub, 'a')
    wait_until(lambda: list(last('a').peers) == [again.name], 10.0, 'a peer of the next time')


def test_a_hub_needs_a_file_and_each_connection_its_role(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    graph.add_bridge(None, {})
    assert 'config_file: is empty; allowed: a mapping file' in capfd.readouterr().err
    path = tmp_path / 'hub.yaml'
    path.write_text('version: 1\nconnections:\n  - {name: a, port: 1}\n  - {name: b, port: 2}\n')
    graph.add_bridge(None, {'config_file': str(path)}, name='other')
    text = capfd.readouterr().err
    for line in (3, 4):
        assert f'{path}:{line}: mode: is missing; allowed: client, server' in text


def test_the_memory_limit_is_of_all_connections_together(graph: Graph, tmp_path: Path) -> None:
    parameters = {'config_file': write_file(tmp_path, TWO_SERVERS), 'memory_limit': 3_000_000}
    hub = graph.add_bridge(None, parameters)
    large = pack(codec.Image.from_pixels(np.zeros((2, 1000, 1000), np.uint8)), 'MRI')
    first, second = dial(graph, hub, 'a'), dial(graph, hub, 'b')
    first.send(large[:-1])
    budget = hub._io_thread.budget
    wait_until(lambda: budget.held_bytes >= 2_000_000, 10.0, 'the first')
    second.send(large)  # which is the smaller until it is whole
    assert first.receive_until_closed() == b''
    outcomes = received_by(hub.connections[1])
    wait_until(lambda: outcomes.done == 1, 10.0, 'the second')

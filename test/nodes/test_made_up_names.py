# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Peers that invent names of devices and tools, through a running node: whose room they take."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from helpers.bridge_peer import IDENTITY, await_accounted, dial, pack, pose, serve
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.to_ros import frame_tree, refusals, router, watchdog

DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
STRING = 'std_msgs/msg/String'
TF = 'tf2_msgs/msg/TFMessage'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def write(tmp_path: Path, *rows: str, **options: Any) -> str:
    """Return a mapping file with rows of devices that come in."""
    path = tmp_path / 'mapping.yaml'
    lines = [f'    {name}: {value}\n' for name, value in options.items()]
    lines += [f'      - {{{row}, direction: IGTL_TO_ROS}}\n' for row in rows]
    path.write_text(
        f'version: 1\nconnections:\n  - name: bridge\n{"".join(lines[: len(options)])}'
        f'    mappings:\n{"".join(lines[len(options) :])}'
    )
    return str(path)


def texts(count: int, prefix: str = 'Name') -> bytes:
    """Return a text of each of many devices."""
    return b''.join(pack(codec.String('x'), f'{prefix}{number}') for number in range(count))


def tools(count: int, prefix: str = 'Tool', device: str = 'Tracker') -> bytes:
    """Return tracking data of many tools."""
    made = [(f'{prefix}{number}', 2, np.eye(4)) for number in range(count)]
    return pack(codec.TrackingData.from_tools(made), device)


def settle(bridge: BridgeNode, peer: ScriptedPeer) -> None:
    """Wait until the end of a peer has reached the bridge."""
    connection = bridge.connections[0]
    before = len(connection.peers.all)
    peer.close()
    wait_until(lambda: len(connection.peers.all) < before, 10.0, 'the end')


def level_of(arrays: list[Any]) -> Any:
    """Return the newest level of the connection on /diagnostics."""
    if not arrays:
        return None
    return next(s.level for s in arrays[-1].status if s.name == 'bridge: bridge')


def publishers_of(bridge: BridgeNode) -> int:
    """Return how many topics of devices the node publishes."""
    return sum('/string/' in publisher.topic_name for publisher in bridge.publishers)


PROBE = 'igtl_device_name: Probe, igtl_type_name: TRANSFORM'


@pytest.mark.parametrize('option', ['auto_inbound', 'device_whitelist'])
def test_f42_names_that_are_not_wanted_do_not_shut_out_a_mapped_device(
    graph: Graph, tmp_path: Path, option: str
) -> None:
    value = {'auto_inbound': 'false', 'device_whitelist': '[Probe]'}[option]
    bridge, peer = serve(graph, config_file=write(tmp_path, PROBE, **{option: value}))
    tf = graph.subscribe(TF, '/tf')
    count = router.MAX_DEVICES + refusals.REMEMBERED
    peer.send(texts(count) + pose())
    wait_for_count(tf, 1, 20.0)
    await_accounted(bridge, count + 1)
    assert received_by(bridge.connections[0]).done == 1
    kept = bridge.connections[0].inbound._router
    assert (len(kept.all), len(kept.fixed)) == (1, 1)
    assert len(kept.refusals._routes) == refusals.REMEMBERED


def test_f42_a_mapped_device_has_room_among_names_that_a_peer_invents(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, 'MAX_DEVICES_OF_PEER', 10)
    needle = 'igtl_device_regex: "Needle.*", igtl_type_name: STRING'
    bridge, peer = serve(graph, config_file=write(tmp_path, PROBE, needle))
    tf = graph.subscribe(TF, '/tf')
    peer.send(texts(12) + texts(12, 'Needle') + pose())
    wait_for_count(tf, 1)
    await_accounted(bridge, 25)
    outcomes = received_by(bridge.connections[0])
    assert outcomes.skipped == {'too_many_devices': 4}
    # a BIND takes no topic, so it needs no room
    child = codec.Message(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0), 'Probe')
    peer.send(pack(codec.Bind((child,)), 'Bundle'))
    wait_for_count(tf, 2)


def test_f42_a_peer_that_invents_names_leaves_room_for_the_others(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, 'MAX_DEVICES_OF_PEER', 10)
    monkeypatch.setattr(router, 'MAX_DEVICES', 15)
    bridge, first = serve(graph)
    second = dial(graph, bridge)
    first.send(texts(12))
    await_accounted(bridge, 12)
    second.send(texts(5, 'Other'))
    await_accounted(bridge, 17)
    outcomes = received_by(bridge.connections[0])
    assert outcomes.skipped == {'too_many_devices': 2}
    second.send(texts(6, 'Other'))
    await_accounted(bridge, 23)
    assert outcomes.skipped == {'too_many_devices': 3}


def test_f42_what_a_gone_peer_took_makes_room_for_others(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, 'MAX_DEVICES_OF_PEER', 10)
    monkeypatch.setattr(router, 'MAX_DEVICES', 25)
    bridge, peer = serve(graph)
    kept = bridge.connections[0].inbound._router
    for turn in range(5):
        peer.send(texts(10, f'Turn{turn}x'))
        await_accounted(bridge, 10 * (turn + 1))
        wait_until(lambda: all(route.hold is None for route in kept.all), what='the holds')
        settle(bridge, peer)
        peer = dial(graph, bridge)
    assert received_by(bridge.connections[0]).done == 50
    # no more than one peer may have stay without a peer, the newest
    wait_until(lambda: publishers_of(bridge) == 10, what='the end of the others')
    assert {route.device_name for route in kept.all} == {f'Turn4x{n}' for n in range(10)}
    # a name that was forgotten is as new
    heard = graph.subscribe(STRING, '/bridge/string/Turn0x0')
    peer.send(pack(codec.String('again'), 'Turn0x0'))
    assert wait_until(lambda: heard, what='the text')[0].data == 'again'


def test_f42_the_oldest_devices_of_gone_peers_make_room_in_a_full_connection(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, 'MAX_DEVICES', 4)
    any_name = 'igtl_device_regex: ".*", igtl_type_name: STRING'
    bridge, first = serve(graph, config_file=write(tmp_path, any_name))
    second = dial(graph, bridge)
    first.send(texts(3, 'First'))
    second.send(texts(1, 'Second'))
    await_accounted(bridge, 4)
    kept = bridge.connections[0].inbound._router
    wait_until(lambda: all(route.hold is None for route in kept.all), what='the holds')
    settle(bridge, first)
    second.send(texts(3, 'Second'))
    await_accounted(bridge, 7)
    names = {route.device_name for route in kept.all}
    assert names == {'First2', 'Second0', 'Second1', 'Second2'}
    wait_until(lambda: publishers_of(bridge) == 4, what='the end of the others')


def test_f42_a_peer_that_comes_back_finds_its_topic_and_its_subscribers(graph: Graph) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    tf = graph.subscribe(TF, '/tf')
    peer.send(pose(1.0))
    wait_for_count(poses, 1)
    (route,) = bridge.connections[0].inbound._router.all
    settle(bridge, peer)
    again = dial(graph, bridge)
    again.send(pose(2.0))
    wait_for_count(poses, 2)
    wait_for_count(tf, 2)
    assert bridge.connections[0].inbound._router.all == (route,)


def test_f42_the_topic_of_a_gone_peer_goes_to_another_device_that_needs_it(graph: Graph) -> None:
    bridge, first = serve(graph)
    heard = graph.subscribe(STRING, '/bridge/string/a_b')
    second = dial(graph, bridge)
    first.send(pack(codec.String('first'), 'a b'))
    wait_for_count(heard, 1)
    second.send(pack(codec.String('refused'), 'a-b'))
    await_accounted(bridge, 2)
    (route,) = bridge.connections[0].inbound._router.all
    wait_until(lambda: route.hold is None, what='the end of the hold')
    settle(bridge, first)
    second.send(pack(codec.String('second'), 'a-b'))
    wait_for_count(heard, 2)
    assert [text.data for text in heard] == ['first', 'second']
    wait_until(lambda: publishers_of(bridge) == 1, what='the end of the first publisher')
    again = dial(graph, bridge)
    again.send(pack(codec.String('refused'), 'a b'))
    await_accounted(bridge, 4)
    assert received_by(bridge.connections[0]).skipped == {'topic_taken': 2}


def test_f42_the_tools_of_one_peer_do_not_take_the_frames_of_the_others(graph: Graph) -> None:
    bridge, first = serve(graph)
    tf = graph.subscribe(TF, '/tf')
    for count, prefix in enumerate('ABCDEFG', 1):  # one by one, so that none is late
        first.send(tools(300, prefix))
        await_accounted(bridge, count)
    second = dial(graph, bridge)
    second.send(pose(1.0) + tools(10, 'H', 'Other'))
    await_accounted(bridge, 9)

    def count_sent() -> int:
        return sum(len(tree.transforms) for tree in tuple(tf))

    most = frame_tree.MAX_FRAMES_OF_PEER
    wait_until(lambda: count_sent() >= most + 11, what='the poses of both')
    assert count_sent() == most + 11
    watch = bridge.connections[0].inbound._watch.watchdog
    (tracker, *_) = bridge.connections[0].inbound.routes
    assert len(watch.of(tracker)) == watchdog.MAX_WATCHED_OF_PEER
    settle(bridge, first)
    second.send(tools(300, 'G', 'Third'))
    wait_until(lambda: count_sent() == most + 311, what='the poses of the second')


def test_f42_a_connection_is_an_error_while_a_mapped_device_is_refused(
    graph: Graph, tmp_path: Path
) -> None:
    bridge, first = serve(graph, config_file=write(tmp_path, PROBE))
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    first.send(pose(1.0))
    wait_until(lambda: level_of(arrays) == OK, what='OK')
    second = dial(graph, bridge)
    second.send(pose(2.0))
    wait_until(lambda: level_of(arrays) == ERROR, what='the error')
    (status,) = (s for s in arrays[-1].status if s.name == 'bridge: bridge')
    assert f'TRANSFORM Probe of {second.name}: second_source' in status.message
    settle(bridge, second)
    wait_until(lambda: level_of(arrays) == WARN, what='the end of the error')


def test_f42_a_frame_or_topic_that_a_mapped_device_does_not_get_is_an_error(
    graph: Graph, tmp_path: Path
) -> None:
    rows = [
        'igtl_device_name: Tip, igtl_type_name: TRANSFORM, child_frame_id: Probe',
        'igtl_device_regex: "T.*", igtl_type_name: STRING, ros_topic_name: /text',
    ]
    bridge, peer = serve(graph, config_file=write(tmp_path, *rows))
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    tf = graph.subscribe(TF, '/tf')
    peer.send(pose(1.0, 'Probe') + pose(2.0, 'Tip') + texts(2, 'T'))
    await_accounted(bridge, 4)
    wait_until(lambda: level_of(arrays) == ERROR, what='the error')
    (message,) = (s.message for s in arrays[-1].status if s.name == 'bridge: bridge: mapping')
    assert f'TRANSFORM Tip of {peer.name}: second_source' in message
    assert f'STRING T1 of {peer.name}: topic_taken' in message
    assert len(tf) == 1


def test_f42_publishers_of_ended_routes_are_destroyed_where_ros_runs(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executor fails if another thread destroys one while it collects what to wait for."""
    threads: list[str] = []
    bridge, first = serve(graph)
    destroy = bridge.destroy_publisher

    def note(publisher: Any) -> bool:
        threads.append(threading.current_thread().name)
        return bool(destroy(publisher))

    monkeypatch.setattr(bridge, 'destroy_publisher', note)
    first.send(pack(codec.String('first'), 'a b'))
    await_accounted(bridge, 1)
    (route,) = bridge.connections[0].inbound._router.all
    wait_until(lambda: route.hold is None, what='the end of the hold')
    settle(bridge, first)
    second = dial(graph, bridge)
    second.send(pack(codec.String('second'), 'a-b'))  # needs the same topic
    wait_until(lambda: threads, what='the end of the first route')
    spinning = graph.call(lambda: threading.current_thread().name)
    assert set(threads) == {spinning}

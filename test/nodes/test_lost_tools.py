# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What users are told of tools that are lost, through a running node; times shortened."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from helpers.bridge_peer import await_accounted, dial, pack, pose, serve
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedServer
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec

OK, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.ERROR, DiagnosticStatus.STALE
STATUS = 'diagnostic_msgs/msg/DiagnosticStatus'
TF = 'tf2_msgs/msg/TFMessage'
TIMEOUT_S = 0.2


def tracked(*names: str, **fields: Any) -> bytes:
    """Return the bytes of a TDATA of tools that are all at one place."""
    tools = [(name, codec.ToolType.INSTRUMENT_6D, np.eye(4)) for name in names]
    return pack(codec.TrackingData.from_tools(tools), 'Tracker', **fields)


def levels(statuses: list[Any], tool: str = '') -> list[bytes]:
    return [status.level for status in statuses if status.name.endswith(tool)]


def frames(tf: list[Any]) -> list[str]:
    return [transform.child_frame_id for message in tf for transform in message.transforms]


def device_on_diagnostics(arrays: list[Any], name: str) -> Any:
    """Return what the newest diagnostics say of a device."""
    return next((s for s in arrays[-1].status if s.name.endswith(name)), None) if arrays else None


def test_f01_a_tracker_that_stops_is_stale_once_and_nothing_more_is_on_tf(graph: Graph) -> None:
    bridge, peer = serve(graph, stale_timeout=TIMEOUT_S)
    events: list[Any] = []
    graph.user.create_subscription(_type(TF), '/tf', events.append, 100)
    graph.user.create_subscription(
        _type(STATUS), '/bridge/transform/Probe/status', events.append, 100
    )
    arrays = graph.subscribe('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics')
    for number in range(50):
        peer.send(pose(float(number)))
    wait_until(lambda: STALE in _levels(events), 5.0, 'the status')
    names = [type(event).__name__ for event in events]
    assert names.count('TFMessage') == 50
    assert names[-1] == 'DiagnosticStatus'
    assert _levels(events) == [OK, STALE]
    last = [event for event in events if type(event).__name__ == 'TFMessage'][-1]
    assert last.transforms[0].transform.translation.x == 0.049
    assert events[-1].message == 'stale: no good sample for 0.2 s'
    watch_for(lambda: len(events) > 52 or None, 2 * TIMEOUT_S, 'anything more')
    wait_until(
        lambda: getattr(device_on_diagnostics(arrays, 'TRANSFORM Probe'), 'level', OK) == ERROR,
        5.0,
        'the error on /diagnostics',
    )
    assert 'last sample' in device_on_diagnostics(arrays, 'TRANSFORM Probe').message
    assert bridge.connections[0].transport.sessions  # the link stays
    peer.send(pose(7.0))
    wait_until(lambda: _levels(events) == [OK, STALE, OK], 5.0, 'the end of it')
    wait_until(lambda: len(events) == 54, 5.0, 'the pose')


def _type(name: str) -> Any:
    from ros2_igtl.convert.interfaces import ros_type

    return ros_type(name)


def _levels(events: list[Any]) -> list[bytes]:
    return [event.level for event in events if type(event).__name__ == 'DiagnosticStatus']


@pytest.mark.parametrize('publish_tf', [True, False])
def test_f02_only_the_tool_that_disappears_goes_stale(graph: Graph, publish_tf: bool) -> None:
    _, peer = serve(graph, stale_timeout=TIMEOUT_S, publish_tf=publish_tf)
    tf = graph.subscribe(TF, '/tf')
    statuses = graph.subscribe(STATUS, '/bridge/tdata/Tracker/status', latched=True)
    peer.send(tracked('A', 'B', 'C'))

    def told() -> bool:  # the others go on
        peer.send(tracked('A', 'C'))
        return STALE in levels(statuses)

    wait_until(told, 5.0, 'the status')
    assert [levels(statuses, f': {tool}') for tool in 'ABC'] == [[OK], [OK, STALE], [OK]]
    assert frames(tf).count('B') == publish_tf
    peer.send(tracked('A', 'B', 'C'))
    wait_until(lambda: levels(statuses, ': B') == [OK, STALE, OK], 5.0, 'its return')


@pytest.mark.parametrize(
    ('names', 'metadata'),
    [
        (('Probe',), {'TransformStatus': 'OUT_OF_VIEW'}),
        (('Probe',), {'TrackerStatus': 'INVALID'}),
        (('Probe', 'Needle'), {'ProbeStatus': 'OUT_OF_VIEW'}),
        (('Probe', 'Needle'), {'ProbeTransformStatus': 'MISSING'}),
    ],
)
def test_f03_a_tool_that_its_tracker_flags_is_not_on_tf_and_told_at_once(
    graph: Graph, names: tuple[str, ...], metadata: dict[str, str]
) -> None:
    _, peer = serve(graph, stale_timeout=60.0)
    tf = graph.subscribe(TF, '/tf')
    statuses = graph.subscribe(STATUS, '/bridge/tdata/Tracker/status', latched=True)
    peer.send(tracked(*names))
    wait_for_count(statuses, len(names))
    for _ in range(3):  # whose matrix is the identity
        peer.send(tracked(*names, header_version=2, metadata=metadata))
    wait_until(lambda: levels(statuses, ': Probe') == [OK, ERROR], 5.0, 'the status')
    (value,) = metadata.values()
    assert statuses[-1].message == f'the peer reports {value}'
    peer.send(tracked(*names))
    wait_until(lambda: levels(statuses, ': Probe') == [OK, ERROR, OK], 5.0, 'the end of it')
    wait_until(lambda: frames(tf).count('Probe') == 2, 5.0, 'the good poses')
    if 'Needle' in names:
        wait_until(lambda: frames(tf).count('Needle') == 5, 5.0, 'the other tool')
        assert levels(statuses, ': Needle') == [OK]


def test_f03_a_tool_with_a_prefix_is_flagged_by_its_name(graph: Graph) -> None:
    _, peer = serve(graph, frame_prefix='left/', stale_timeout=60.0)
    statuses = graph.subscribe(STATUS, '/bridge/tdata/Tracker/status', latched=True)
    peer.send(tracked('Probe', 'Needle'))
    wait_for_count(statuses, 2)
    flags = {'ProbeStatus': 'OUT_OF_VIEW'}
    peer.send(tracked('Probe', 'Needle', header_version=2, metadata=flags))
    wait_until(lambda: levels(statuses, ': left/Probe') == [OK, ERROR], 5.0, 'the status')


def test_f03_a_device_that_is_flagged_from_the_first_is_told_too(graph: Graph) -> None:
    _, peer = serve(graph)
    statuses = graph.subscribe(STATUS, '/bridge/transform/Probe/status', latched=True)
    metadata = {'TransformStatus': 'MISSING\x1b[2J'}
    peer.send(pose(header_version=2, metadata=metadata))
    wait_until(lambda: levels(statuses) == [ERROR], 5.0, 'the status')
    assert statuses[0].message == r'the peer reports MISSING\x1b[2J'
    assert statuses[0].name == 'bridge: TRANSFORM Probe'
    peer.send(pose())
    wait_until(lambda: levels(statuses) == [ERROR, OK], 5.0, 'the end of it')


@pytest.mark.parametrize('flag', ['ToolStatus', 'ToolTransformStatus', 'ToolToOtherStatus'])
def test_f55_a_device_that_is_flagged_by_its_frame_is_not_on_tf(graph: Graph, flag: str) -> None:
    bridge, peer = serve(graph, stale_timeout=60.0)
    tf = graph.subscribe(TF, '/tf')
    statuses = graph.subscribe(STATUS, '/bridge/transform/ToolToRef/status', latched=True)
    peer.send(pose(device_name='ToolToRef'))
    for _ in range(3):
        peer.send(pose(device_name='ToolToRef', header_version=2, metadata={flag: 'OUT_OF_VIEW'}))
    await_accounted(bridge, 4)
    assert bridge.connections[0].counts()['rejected transform_status'] == 3
    peer.send(pose(device_name='ToolToRef'))
    wait_until(lambda: levels(statuses) == [OK, ERROR, OK], 5.0, 'the end of it')
    wait_until(lambda: len(frames(tf)) == 2, 5.0, 'the good poses')


@pytest.mark.parametrize(
    ('name', 'flag'),
    [
        ('ToolToRef', 'ToolTransformStatus'),
        ('Tool', 'ToolToRefTransformStatus'),
        ('ToolToRef', 'ToolToRefStatus'),
    ],
)
def test_f55_a_tool_that_is_flagged_by_any_of_its_names_is_not_on_tf(
    graph: Graph, name: str, flag: str
) -> None:
    _, peer = serve(graph, stale_timeout=60.0)
    tf = graph.subscribe(TF, '/tf')
    statuses = graph.subscribe(STATUS, '/bridge/tdata/Tracker/status', latched=True)
    peer.send(tracked(name, 'Needle'))
    for _ in range(3):
        peer.send(tracked(name, 'Needle', header_version=2, metadata={flag: 'MISSING'}))
    peer.send(tracked(name, 'Needle'))
    wait_until(lambda: levels(statuses, ': Tool') == [OK, ERROR, OK], 5.0, 'the statuses')
    wait_until(lambda: frames(tf).count('Needle') == 5, 5.0, 'the other tool')
    assert frames(tf).count('Tool') == 2
    assert levels(statuses, ': Needle') == [OK]


def test_f55_flags_of_other_frames_concern_neither_device_nor_image(graph: Graph) -> None:
    """PLUS sends the statuses of all its transforms with each image."""
    bridge, peer = serve(graph, stale_timeout=60.0)
    flags = {'ProbeToTrackerTransformStatus': 'INVALID', 'RefToTrackerStatus': 'INVALID'}
    image = codec.Image(np.zeros((1, 4, 4), np.uint8), (4, 4, 1))
    peer.send(pack(image, 'Image_Ref', header_version=2, metadata=flags))
    peer.send(tracked('NeedleToRef', header_version=2, metadata=flags))
    peer.send(pose(device_name='StylusToTracker', header_version=2, metadata=flags))
    await_accounted(bridge, 3)
    assert bridge.connections[0].counts()['published'] == 3


TRACKER = """
import socket, sys, time
peer = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 10)
data = bytes.fromhex(sys.argv[2])
while True:
    peer.sendall(data)
    time.sleep(0.01)
"""


def test_f04_a_peer_that_is_killed_is_noticed_at_once_and_all_it_sends_is_stale(
    graph: Graph,
) -> None:
    port_server = ScriptedServer()
    with port_server as server:
        bridge = graph.add_bridge(
            'client', {'port': server.port, 'stale_timeout': 60.0, 'reconnect_initial_delay': 0.05}
        )
        connection = bridge.connections[0]
        statuses = graph.subscribe(STATUS, '/bridge/tdata/Tracker/status', latched=True)
        link = server.accept()
        link.send(tracked('A', 'B'))
        wait_until(lambda: levels(statuses) == [OK, OK], 5.0, 'the tools')
        begin = time.monotonic()
        link.close()  # as the kernel does for a process that is killed
        wait_until(lambda: levels(statuses) == [OK, OK, STALE, STALE], 5.0, 'both stale')
        assert time.monotonic() - begin < 1.0
        assert 'has disconnected' in statuses[-1].message
        with server.accept() as again:  # the client came back
            again.send(tracked('A', 'B'))
            wait_until(lambda: levels(statuses)[4:] == [OK, OK], 5.0, 'the return')
        assert connection.transport.statistics.connects >= 2


def test_f04_sigkill_of_the_process_that_sends(graph: Graph) -> None:
    bridge, first = serve(graph, stale_timeout=60.0)
    first.close()
    port = bridge.get_parameter('actual_port').value
    statuses = graph.subscribe(STATUS, '/bridge/tdata/Tracker/status', latched=True)
    data = tracked('A').hex()
    with subprocess.Popen([sys.executable, '-c', TRACKER, str(port), data]) as process:
        try:
            wait_until(lambda: levels(statuses) == [OK], 20.0, 'the tool')
            sessions = bridge.connections[0].transport.sessions
            begin = time.monotonic()
            process.send_signal(signal.SIGKILL)
            wait_until(lambda: levels(statuses) == [OK, STALE], 5.0, 'it to be stale')
            assert time.monotonic() - begin < 1.0
            assert len(sessions) == 1
        finally:
            process.kill()


@pytest.mark.parametrize('step_s', [0.0, -5.0])
def test_f23_a_pose_that_is_repeated_or_older_does_not_keep_a_tool_alive(
    graph: Graph, step_s: float
) -> None:
    bridge, peer = serve(
        graph, stale_timeout=TIMEOUT_S, timestamp_mode='device', max_clock_skew=0.05
    )
    tf = graph.subscribe(TF, '/tf')
    statuses = graph.subscribe(STATUS, '/bridge/transform/Probe/status', latched=True)
    now_ns = time.time_ns()
    peer.send(pose(timestamp=codec.timestamp.from_nanoseconds(now_ns)))
    frozen = pose(timestamp=codec.timestamp.from_nanoseconds(now_ns + round(step_s * 1e9)))

    def told() -> bool:
        peer.send(frozen)
        return STALE in levels(statuses)

    wait_until(told, 5.0, 'the status')
    assert len(tf) == 1
    assert bridge.connections[0].counts()['tf_withheld'] > 10
    peer.send(pose(timestamp=codec.timestamp.from_nanoseconds(time.time_ns())))
    wait_until(lambda: levels(statuses) == [OK, STALE, OK], 5.0, 'the return')


def test_f24_without_a_clock_the_watchdog_fires_all_the_same(graph: Graph) -> None:
    """The steady clock goes on while /clock is paused, or was never there."""
    _, peer = serve(graph, stale_timeout=TIMEOUT_S, use_sim_time=True)
    statuses = graph.subscribe(STATUS, '/bridge/transform/Probe/status', latched=True)
    peer.send(pose())
    wait_until(lambda: levels(statuses) == [OK, STALE], 5.0, 'the status')


def test_f25_no_module_that_waits_looks_at_the_system_clock() -> None:
    """What looks at it says when a message came, or which time it is; a jump delays nothing."""
    root = Path(codec.__file__).parents[1]
    users = {
        path.relative_to(root).as_posix()
        for room in ('transport', 'nodes')
        for path in (root / room).glob('*.py')
        if 'time.time' in path.read_text()
    }
    # when a message came, and whether a certificate has expired
    assert users == {'transport/tcp_session.py', 'transport/tls.py'}
    for user in users:
        assert (root / user).read_text().count('time.time') == 1
    assert (
        'self._receive_time_ns = time.monotonic(), time.time_ns()'
        in (root / 'transport/tcp_session.py').read_text()
    )


def test_a_rate_limit_does_not_make_a_tool_stale(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'file.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        '      - {igtl_device_name: Probe, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS,\n'
        '         rate_limit: 0.1, stale_timeout: 0.2}\n'
    )
    _, peer = serve(graph, config_file=str(path))
    statuses = graph.subscribe(STATUS, '/bridge/transform/Probe/status', latched=True)

    def told() -> bool:
        peer.send(pose())
        return levels(statuses) not in ([], [OK])

    watch_for(told, 3 * TIMEOUT_S, 'the tool to be stale')
    wait_until(lambda: levels(statuses) == [OK], 5.0, 'the tool')


def test_a_sensor_is_watched_if_its_row_says_so(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'file.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        '      - {igtl_device_name: Force, igtl_type_name: SENSOR, direction: IGTL_TO_ROS,\n'
        '         stale_timeout: 0.2}\n'
    )
    bridge, peer = serve(graph, config_file=str(path), stale_timeout=0.2)
    statuses = graph.subscribe(STATUS, '/bridge/sensor/Force/status', latched=True)
    for name in ('Force', 'Other'):
        peer.send(pack(codec.Sensor(values=np.array([1.0])), name))
    wait_until(lambda: levels(statuses) == [OK, STALE], 5.0, 'the status')
    await_accounted(bridge, 2)
    names = {name for name, _ in graph.call(bridge.get_topic_names_and_types)}
    assert '/bridge/sensor/Other/status' not in names
    other = dial(graph, bridge)
    other.send(pack(codec.Sensor(values=np.array([1.0])), 'Force'))
    wait_until(lambda: levels(statuses)[2:] == [OK, STALE], 5.0, 'it to come and go')

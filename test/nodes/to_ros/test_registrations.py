# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Static transforms of the mapping file on /tf_static, and the service that changes them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time
from std_msgs.msg import Header
from tf2_ros import Buffer, TransformListener

from helpers.bridge_peer import dial, pose
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.srv import SetRegistration

TF_MESSAGE = 'tf2_msgs/msg/TFMessage'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
REGISTRATION = """\
version: 1
registration:
  - parent_frame_id: patient_ras
    child_frame_id: Tracker
    translation: [0.1, 0, 0]
    rotation: [0, 0, 0, 1]
  - parent_frame_id: room
    child_frame_id: patient_ras
    translation: [0, 0, 1]
    rotation: [0, 0, 0, 1]
connections:
  - mappings:
"""


def bridge_with(graph: Graph, tmp_path: Path, rows: str = '') -> BridgeNode:
    path = tmp_path / 'mapping.yaml'
    path.write_text(REGISTRATION + (rows or '      []\n'))
    return graph.add_bridge('server', {'port': 0, 'config_file': str(path)})


def transform(parent: str, child: str, x: float, **rotation: float) -> TransformStamped:
    message = TransformStamped(header=Header(frame_id=parent), child_frame_id=child)
    message.transform.translation.x = x
    message.transform.rotation.w = 1.0
    for name, value in rotation.items():
        setattr(message.transform.rotation, name, value)
    return message


class Listener:
    """What tf2_ros makes of what is published, by one who comes late."""

    def __init__(self, graph: Graph) -> None:
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, graph.user)

    def x_of(self, parent: str, child: str) -> float | None:
        if not self._buffer.can_transform(parent, child, Time()):
            return None
        found = self._buffer.lookup_transform(parent, child, Time())
        return float(found.transform.translation.x)


def set_registration(graph: Graph, wanted: TransformStamped) -> tuple[bool, str]:
    client = graph.user.create_client(SetRegistration, '/bridge/set_registration')
    wait_until(client.service_is_ready, 20.0, 'the service')
    call = client.call_async(SetRegistration.Request(transform=wanted))
    wait_until(call.done, 20.0, 'the response')
    graph.call(lambda: graph.user.destroy_client(client))
    return call.result().success, call.result().message


def test_who_comes_late_gets_what_the_file_registers(graph: Graph, tmp_path: Path) -> None:
    bridge_with(graph, tmp_path)
    listener = Listener(graph)
    wait_until(lambda: listener.x_of('room', 'Tracker') == 0.1, 10.0, 'both')


def test_static_transforms_are_published_while_the_node_is_active_only(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = bridge_with(graph, tmp_path)
    wait_until(lambda: graph.user.count_publishers('/tf_static') == 1, 10.0, 'the publisher')
    graph.call(bridge.trigger_deactivate)
    wait_until(lambda: graph.user.count_publishers('/tf_static') == 0, 10.0, 'its end')
    late = graph.subscribe(TF_MESSAGE, '/tf_static', latched=True)
    watch_for(lambda: late, 0.3, 'a static transform of a node that is not active')
    graph.call(bridge.trigger_activate)
    wait_until(lambda: late, 10.0, 'the transforms again')
    assert {t.child_frame_id for t in late[0].transforms} == {'Tracker', 'patient_ras'}


def test_nothing_is_published_by_an_activation_that_fails(graph: Graph, tmp_path: Path) -> None:
    first = graph.add_bridge('server', {'port': 0}, name='first')
    published = graph.subscribe(TF_MESSAGE, '/tf_static', latched=True)
    path = tmp_path / 'mapping.yaml'
    path.write_text(REGISTRATION + '      []\n')
    port = first.get_parameter('actual_port').value
    second = graph.add_bridge('server', {'port': port, 'config_file': str(path)})
    assert not second.connections
    watch_for(lambda: published, 0.3, 'a static transform of a node that is not active')
    graph.call(first.trigger_deactivate)
    graph.call(second.trigger_activate)
    wait_until(lambda: published, 10.0, 'the transforms')


def test_without_a_registration_nothing_is_published(graph: Graph) -> None:
    graph.add_bridge('server', {'port': 0})
    watch_for(lambda: graph.user.count_publishers('/tf_static'), 0.3, 'a publisher')


@pytest.mark.parametrize(
    ('device', 'cause'),
    [
        (
            'TrackerToWorld',
            "second_parent: frame 'Tracker' already has parent 'patient_ras' on tf",
        ),
        ('TrackerTopatient_ras', ''),  # no pair of frames by the rule of PLUS
        ('roomToTracker', "circle: frame 'Tracker' is already below 'room' on tf"),
    ],
)
def test_a_device_cannot_move_what_is_registered(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str], device: str, cause: str
) -> None:
    bridge = bridge_with(graph, tmp_path)
    tf = graph.subscribe(TF_MESSAGE, '/tf')
    poses = graph.subscribe(TRANSFORM_STAMPED, f'/bridge/transform/{device}')
    peer = dial(graph, bridge)
    peer.send(pose(device_name=device) + pose(device_name='StylusToTracker'))
    wait_until(lambda: poses and tf, 10.0, 'the topic, and the other on tf')
    children = {t.child_frame_id for message in tf for t in message.transforms}
    if cause:
        assert children == {'Stylus'}
        assert cause in capfd.readouterr().err
    else:
        wait_until(lambda: len(tf) == 2, 10.0, 'both on tf')


def test_the_frame_of_a_row_is_not_the_second_source_of_a_registered_one(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    row = (
        '      - {igtl_device_name: Tracker, igtl_type_name: TRANSFORM, '
        'direction: IGTL_TO_ROS, frame_id: patient_ras}\n'
    )
    bridge = bridge_with(graph, tmp_path, row)
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Tracker')
    dial(graph, bridge).send(pose(device_name='Tracker'))
    wait_until(lambda: poses, 10.0, 'the topic')
    text = "second_source: a registration already sends frame 'Tracker'"
    assert text in capfd.readouterr().err
    assert graph.user.count_publishers('/tf') == 1


def test_a_registration_is_changed_for_all_and_the_others_stay(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge_with(graph, tmp_path)
    early = Listener(graph)
    wait_until(lambda: early.x_of('room', 'Tracker') == 0.1, 10.0, 'the first')
    assert set_registration(graph, transform('patient_ras', 'Tracker', 0.5)) == (True, 'changed')
    late = Listener(graph)
    for listener in (early, late):
        wait_until(lambda: listener.x_of('room', 'Tracker') == 0.5, 10.0, 'the change')  # noqa: B023
    text = "registration of 'Tracker' in 'patient_ras' changed: 0.5 0 0 0 0 0 1"
    assert text in capfd.readouterr().err


def test_a_registration_is_added_and_devices_cannot_move_it(graph: Graph, tmp_path: Path) -> None:
    bridge = bridge_with(graph, tmp_path)
    wanted = transform('Tracker', 'Guide', 0.25, z=0.6, w=0.805)  # 1.004 long
    assert set_registration(graph, wanted) == (True, 'added')
    listener = Listener(graph)
    wait_until(lambda: listener.x_of('patient_ras', 'Guide') == pytest.approx(0.35), 10.0, 'it')
    tf = graph.subscribe(TF_MESSAGE, '/tf')
    poses = graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/GuideToWorld')
    dial(graph, bridge).send(pose(device_name='GuideToWorld'))
    wait_until(lambda: poses, 10.0, 'the topic')
    watch_for(lambda: tf, 0.2, 'a registered frame on /tf')


REFUSED = {
    'no_parent': (transform('', 'a', 0.0), 'empty_frame'),
    'no_child': (transform('a', '', 0.0), 'empty_frame'),
    'one_frame': (transform('a', 'a', 0.0), 'same_frame'),
    'rooted': (transform('/a', 'b', 0.0), "frame '/a'; allowed"),
    'spaced': (transform('a', 'b c', 0.0), "frame 'b c'; allowed"),
    'nan': (transform('a', 'b', math.nan), 'not_finite'),
    'infinite': (transform('a', 'b', 0.0, y=math.inf), 'not_finite'),
    'far': (transform('a', 'b', 2e6), 'out_of_range'),
    'no_rotation': (transform('a', 'b', 0.0, w=0.0), 'zero_quaternion'),
    'long_quaternion': (transform('a', 'b', 0.0, w=1.02), 'quaternion_norm'),
    'second_parent': (transform('room', 'Tracker', 0.0), "already has parent 'patient_ras' on tf"),
    'circle': (transform('Tracker', 'room', 0.0), "frame 'Tracker' is already below 'room'"),
}


@pytest.mark.parametrize('name', REFUSED)
def test_what_cannot_be_registered_is_refused_with_a_reason(
    graph: Graph, tmp_path: Path, name: str
) -> None:
    wanted, reason = REFUSED[name]
    bridge_with(graph, tmp_path)
    published = graph.subscribe(TF_MESSAGE, '/tf_static', latched=True)
    wait_until(lambda: published, 10.0, 'what the file registers')
    success, message = set_registration(graph, wanted)
    assert (success, reason in message) == (False, True), message
    watch_for(lambda: len(published) > 1, 0.1, 'a change')


def test_what_a_device_places_cannot_be_registered(graph: Graph, tmp_path: Path) -> None:
    bridge = bridge_with(graph, tmp_path)
    tf = graph.subscribe(TF_MESSAGE, '/tf')
    with ScriptedPeer.dial(bridge.get_parameter('actual_port').value) as peer:
        peer.send(pose(device_name='StylusToTracker'))
        wait_until(lambda: tf, 10.0, 'the pose')
        for parent in ('Tracker', 'room'):
            success, message = set_registration(graph, transform(parent, 'Stylus', 0.0))
            assert not success
            assert "frame 'Stylus' already has parent 'Tracker' on tf" in message
            assert "from TRANSFORM 'StylusToTracker'" in message
    connection = bridge.connections[0]
    wait_until(lambda: not connection.peers.all, 10.0, 'the end of the session')
    wait_until(
        lambda: set_registration(graph, transform('Tracker', 'Stylus', 0.0))[0], 10.0, 'its place'
    )


def test_a_change_outlives_deactivation_and_not_cleanup(graph: Graph, tmp_path: Path) -> None:
    bridge = bridge_with(graph, tmp_path)
    assert set_registration(graph, transform('patient_ras', 'Tracker', 0.5))[0]
    assert set_registration(graph, transform('Tracker', 'Guide', 0.25))[0]
    for transition in (bridge.trigger_deactivate, bridge.trigger_activate):
        graph.call(transition)
    again = Listener(graph)
    wait_until(lambda: again.x_of('patient_ras', 'Guide') == 0.75, 10.0, 'the change')
    # and so is what devices may not do
    assert not set_registration(graph, transform('room', 'Guide', 0.25))[0]
    for transition in (
        bridge.trigger_deactivate,
        bridge.trigger_cleanup,
        bridge.trigger_configure,
        bridge.trigger_activate,
    ):
        graph.call(transition)
    anew = Listener(graph)
    wait_until(lambda: anew.x_of('room', 'Tracker') == 0.1, 10.0, 'what the file says')
    assert anew.x_of('Tracker', 'Guide') is None


def test_what_is_registered_is_sent_like_any_static_transform(
    graph: Graph, tmp_path: Path
) -> None:
    row = (
        '      - {igtl_device_name: TrackerToRoom, igtl_type_name: TRANSFORM, '
        'direction: ROS_TO_IGTL, tf: {rate: 100, parent_frame_id: room, child_frame_id: Tracker}}'
        '\n'
    )
    peer = dial(graph, bridge_with(graph, tmp_path, row))
    assert codec.unpack(peer.receive_message()).content[9:] == (100.0, 0.0, 1000.0)
    assert set_registration(graph, transform('patient_ras', 'Tracker', 0.5))[0]
    assert codec.unpack(peer.receive_message()).content[9:] == (500.0, 0.0, 1000.0)


def test_a_registration_holds_for_all_connections_of_a_node(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'mapping.yaml'
    head = REGISTRATION.partition('connections:')[0]
    servers = ''.join(f'  - {{name: {name}, mode: server, port: 0}}\n' for name in 'ab')
    path.write_text(f'{head}connections:\n{servers}')
    hub = graph.add_bridge(None, {'config_file': str(path)})
    wait_until(lambda: graph.user.count_publishers('/tf_static') == 1, 10.0, 'one publisher')
    for name, connection in zip('ab', hub.connections, strict=True):
        poses = graph.subscribe(TRANSFORM_STAMPED, f'/{name}/transform/TrackerToWorld')
        peer = graph.stack.enter_context(ScriptedPeer.dial(connection.actual_port))
        peer.send(pose(device_name='TrackerToWorld'))
        wait_until(lambda: poses, 10.0, 'the topic')  # noqa: B023
        text = f"{name}: TRANSFORM 'TrackerToWorld': second_parent: frame 'Tracker' already has"
        assert text in capfd.readouterr().err

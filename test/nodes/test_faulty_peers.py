# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""FAULTS F5 to F33 through a running node: peers and networks that fail; times shortened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String

from helpers import network_namespace
from helpers.bridge_peer import await_accounted, dial, pack, port_of, pose, serve
from helpers.network_namespace import OUR_ADDRESS, THEIR_ADDRESS, Cable
from helpers.outcomes import received_by, sent_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer, unused_port
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.transport import tcp

IMAGE = 'sensor_msgs/msg/Image'
STRING = 'std_msgs/msg/String'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
TOPIC = '/bridge/transform/Probe'
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
AGAIN_SOON = {'reconnect_initial_delay': 0.02, 'reconnect_max_delay': 0.1}
IMAGE_BYTES = 640 * 480


def picture(value: int = 0) -> bytes:
    """Return the bytes of an IMAGE of one value."""
    return pack(codec.Image(bytes([value]) * IMAGE_BYTES, (640, 480, 1)), 'US')


def rejected(bridge: BridgeNode) -> dict[str, int]:
    return dict(bridge.connections[0].transport.statistics.rejected)


def wait_for_bytes(bridge: BridgeNode, count: int) -> None:
    statistics = bridge.connections[0].transport
    wait_until(lambda: statistics.statistics.received_bytes == count, 10.0, f'{count} bytes')


def last_told(arrays: list[Any], name: str) -> Any:
    """Return what the newest diagnostics say of something, None if nothing."""
    return next((s for s in arrays[-1].status if s.name == name), None) if arrays else None


def mapped(tmp_path: Path, *rows: str) -> str:
    """Return a mapping file of rows that send."""
    path = tmp_path / 'mapping.yaml'
    lines = ''.join(f'      - {{{row}, direction: ROS_TO_IGTL}}\n' for row in rows)
    path.write_text(f'version: 1\nconnections:\n  - mappings:\n{lines}')
    return str(path)


def sent_row(device: str, type_name: str, topic: str, ros_type_name: str) -> str:
    return (
        f'igtl_device_name: {device}, igtl_type_name: {type_name}, ros_topic_name: {topic}, '
        f'ros_type_name: {ros_type_name}'
    )


IMAGE_ROW = sent_row('US', 'IMAGE', '/image', IMAGE)
POSE_ROW = sent_row('Tip', 'TRANSFORM', '/tip', TRANSFORM_STAMPED)
TEXT_ROW = sent_row('Text', 'STRING', '/text', STRING)


def ros_image(number: int = 0) -> Image:
    return Image(
        header=Header(stamp=Time(sec=number), frame_id='us'),
        height=480,
        width=640,
        encoding='mono8',
        step=640,
        data=array('B', bytes(IMAGE_BYTES)),
    )


def ros_pose_of_now() -> TransformStamped:
    message = ros_pose(0)
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    message.header.stamp = Time(sec=seconds, nanosec=nanoseconds)
    return message


def ros_pose(number: int) -> TransformStamped:
    message = TransformStamped(
        header=Header(stamp=Time(sec=number), frame_id='base'), child_frame_id='tip'
    )
    message.transform.rotation.w = 1.0
    return message


def test_f05_rst_in_the_middle_of_an_image_leaves_nothing_of_it(graph: Graph) -> None:
    with ScriptedServer() as server:
        bridge = graph.add_bridge('client', {'port': server.port, **AGAIN_SOON})
        images = graph.subscribe(IMAGE, '/bridge/image/US')
        link, data = server.accept(), picture(7)
        half = len(data) // 2
        link.send(data[:half])
        wait_for_bytes(bridge, half)
        link.reset()
        server.accept().send(data)  # it comes back, and begins anew
        wait_for_count(images, 1)
        await_accounted(bridge, 2)
        assert set(images[0].data) == {7}
        assert len(images) == 1
        assert rejected(bridge) == {'truncated': 1}


@pytest.mark.parametrize('end', [30, 58, 58 + 72 + 1000], ids=['header', 'no_body', 'body'])
def test_f06_fin_in_the_middle_of_a_header_or_body_is_counted(graph: Graph, end: int) -> None:
    with ScriptedServer() as server:
        bridge = graph.add_bridge('client', {'port': server.port, **AGAIN_SOON})
        images = graph.subscribe(IMAGE, '/bridge/image/US')
        link, data = server.accept(), picture(7)
        link.send(data[:end])
        link.shut_down_sending()
        assert link.receive_until_closed() == b''
        server.accept().send(data)
        wait_for_count(images, 1)
        await_accounted(bridge, 2)
        assert len(images) == 1
        assert rejected(bridge) == {'truncated': 1}


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Lay a cable to a host in a namespace."""
    reason = network_namespace.why_not()
    if reason:
        pytest.skip(reason)
    with network_namespace.cable() as made:
        yield made


# Dials, sends what it is told as hexadecimal digits and then all that comes back to it.
DISTANT = """
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
peer.settimeout(None)
peer.sendall(bytes.fromhex(sys.argv[3]))
while data := peer.recv(65536):
    peer.sendall(data)
"""


def test_f07_a_host_that_is_gone_without_a_word_is_noticed(
    graph: Graph,
    cable: Cable,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tcp, 'KEEPALIVE_IDLE_S', 1)
    monkeypatch.setattr(tcp, 'KEEPALIVE_INTERVAL_S', 1)
    monkeypatch.setattr(tcp, 'KEEPALIVE_PROBES', 2)
    monkeypatch.setattr(tcp, 'USER_TIMEOUT_MS', 2000)
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    parameters = {'port': 0, 'address': OUR_ADDRESS, 'allowed_peers': [THEIR_ADDRESS]}
    bridge = graph.add_bridge('server', parameters)
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    with cable.run(DISTANT, OUR_ADDRESS, str(port_of(bridge)), pose().hex()):
        wait_for_count(poses, 1)
        cable.cut()
        sessions = bridge.connections[0].transport
        wait_until(lambda: not sessions.sessions, 10.0, 'the end of the session')
    wait_until(lambda: 'the peer no longer answers' in capfd.readouterr().err, 5.0, 'the reason')

    def is_error() -> bool:
        status = last_told(arrays, 'bridge: bridge: TRANSFORM Probe')
        return status is not None and status.level == ERROR

    wait_until(is_error, 5.0, 'the error on /diagnostics')


# Dials with a small buffer, and says of each message that it reads type and seconds of the stamp.
READER = """
import socket, struct, sys
peer = socket.socket()
peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
peer.connect(('127.0.0.1', int(sys.argv[1])))
stream = peer.makefile('rb')
print('connected', flush=True)
while header := stream.read(58):
    version, name, device, seconds, fraction, size, crc = struct.unpack('>H12s20sLLQQ', header)
    body = stream.read(size)
    assert (version, len(body)) == (1, size)
    print(name.rstrip(bytes(1)).decode(), seconds, flush=True)
"""


class Reader:
    """A peer in a process of its own, which can be stopped; what it has read is in ``lines``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.strip())

    def send_signal(self, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        self._process.send_signal(number)

    def stamps_of(self, type_name: str) -> list[int]:
        """Return the seconds of the stamps of what it has read of a type."""
        pairs = (line.split() for line in self.lines)
        return [int(pair[1]) for pair in pairs if pair[0] == type_name]


@contextmanager
def reader(port: int) -> Iterator[Reader]:
    """Run a reader until the end of the ``with``."""
    command = [sys.executable, '-c', READER, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            made = Reader(process)
            wait_for_count(made.lines, 1, 20.0)
            yield made
        finally:
            process.kill()


def resident_bytes() -> int:
    """Return how much memory this process has."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


def send_pictures(
    publisher: Any, healthy: ScriptedPeer, numbers: range, delays: list[float] | None = None
) -> None:
    """Publish images, each when the healthy peer has the one before."""
    for number in numbers:
        begin = time.monotonic()
        publisher.publish(ros_image(number))
        assert codec.unpack(healthy.receive_message()).type_name == 'IMAGE'
        if delays is not None:
            delays.append(time.monotonic() - begin)


def test_f08_a_stalled_peer_costs_bounded_memory_and_no_other_peer_time(
    graph: Graph, tmp_path: Path
) -> None:
    limit = 1_000_000
    bridge, healthy = serve(
        graph, config_file=mapped(tmp_path, IMAGE_ROW), send_buffer_limit=limit
    )
    publisher = graph.publisher(IMAGE, '/image')
    transport = bridge.connections[0].transport
    (first,) = transport.sessions
    before: list[float] = []
    during: list[float] = []
    with reader(port_of(bridge)) as stalled:
        wait_until(lambda: len(transport.sessions) == 2, 10.0, 'both peers')
        (slow,) = (session for session in transport.sessions if session is not first)
        send_pictures(publisher, healthy, range(50), before)
        stalled.send_signal(signal.SIGSTOP)
        resident = resident_bytes()
        send_pictures(publisher, healthy, range(50, 200), during)
        assert slow.waiting_bytes <= limit
        assert slow.statistics.high_water_bytes <= limit + IMAGE_BYTES + 1000
        assert slow.statistics.replaced > 100
        assert resident_bytes() - resident < 40 * IMAGE_BYTES  # of the 150 that were sent
        assert slow in transport.sessions
        stalled.send_signal(signal.SIGCONT)
        wait_until(lambda: stalled.stamps_of('IMAGE')[-1:] == [199], 10.0, 'the last image')
    assert first.statistics.replaced == 0
    median = sorted(during)[len(during) // 2]
    assert median < 2 * sorted(before)[len(before) // 2] + 0.005
    wait_until(lambda: len(transport.sessions) == 1, 10.0, 'the end')
    assert not transport.statistics.send_rejected


def test_f09_a_peer_that_goes_on_gets_the_newest_and_no_burst(
    graph: Graph, tmp_path: Path
) -> None:
    path = mapped(tmp_path, IMAGE_ROW, POSE_ROW)
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': path})
    images, poses = graph.publisher(IMAGE, '/image'), graph.publisher(TRANSFORM_STAMPED, '/tip')
    sent = sent_by(bridge.connections[0])
    with reader(port_of(bridge)) as stalled:
        wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the peer')

        def send(number: int) -> None:
            for publisher, message in ((images, ros_image(number)), (poses, ros_pose(number))):
                done = sent.done
                publisher.publish(message)
                wait_until(lambda before=done: sent.done > before, 10.0, 'it to be queued')  # type: ignore[misc]

        send(0)
        wait_until(lambda: stalled.stamps_of('TRANSFORM') == [0], 10.0, 'the first pose')
        stalled.send_signal(signal.SIGSTOP)
        for number in range(1, 201):
            send(number)
        begin = time.monotonic()
        stalled.send_signal(signal.SIGCONT)
        wait_until(lambda: stalled.stamps_of('TRANSFORM')[-1] == 200, 10.0, 'the newest pose')
        assert time.monotonic() - begin < 1.0
        wait_until(lambda: stalled.stamps_of('IMAGE')[-1] == 200, 10.0, 'the newest image')
        for type_name in ('IMAGE', 'TRANSFORM'):
            stamps = stalled.stamps_of(type_name)
            assert stamps == sorted(stamps)
            assert len(stamps) < 40  # what the sockets had taken, and the newest
        send(201)  # framing is right still
        wait_until(lambda: stalled.stamps_of('TRANSFORM')[-1] == 201, 10.0, 'the next pose')


def test_f10_texts_that_a_slow_peer_does_not_take_close_it(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = mapped(tmp_path, TEXT_ROW)
    bridge = graph.add_bridge(
        'server',
        {'port': 0, 'config_file': path, 'send_buffer_limit': 1_000_000, 'send_timeout': 60.0},
    )
    publisher = graph.publisher(STRING, '/text')
    connection = bridge.connections[0]
    with ScriptedPeer.dial(port_of(bridge), receive_buffer=4096) as slow:
        wait_until(lambda: connection.peers.all, 10.0, 'the session')
        count = 0
        while connection.transport.sessions:  # 10,000 texts would be 100 MB
            assert count < 10_000
            publisher.publish(String(data='x' * 10_000))
            count += 1
            wait_until(lambda: sent_by(connection).received == count, 10.0, 'the text')  # noqa: B023
        received = slow.receive_until_closed()
    statistics = connection.transport.statistics
    assert statistics.send_rejected['send_buffer_limit'] == 1
    assert statistics.high_water_bytes <= 1_000_000
    data = pack(codec.String('x' * 10_000), 'Text')
    # what is lost is lost at a place that the peer can see: the connection ends there
    assert received == (data * (len(received) // len(data) + 1))[: len(received)]
    wait_until(lambda: 'send_buffer_limit' in capfd.readouterr().err, 5.0, 'the reason')
    with ScriptedPeer.dial(port_of(bridge)) as next_peer:
        wait_until(lambda: connection.peers.all, 10.0, 'the next peer')
        publisher.publish(String(data='hello'))
        assert codec.unpack(next_peer.receive_message()).content.text == 'hello'


def test_f12_a_server_that_flaps_a_hundred_times_leaves_nothing_behind(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server:
        soon = {'reconnect_initial_delay': 0.01, 'reconnect_max_delay': 0.01}
        bridge = graph.add_bridge('client', {'port': server.port, **soon})
        poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
        counts: list[tuple[int, int]] = []
        connection = bridge.connections[0]
        for number in range(100):
            link = server.accept()
            link.send(pose(float(number)))
            wait_for_count(poses, number + 1)
            link.close()
            wait_until(
                lambda n=number: connection.transport.statistics.disconnects == n + 1,  # type: ignore[misc]
                10.0,
                'its end to be seen',
            )
            counts.append((len(os.listdir('/proc/self/fd')), threading.active_count()))
        descriptors, threads = zip(*counts, strict=True)
        assert max(descriptors[10:]) <= max(descriptors[:10]) + 2
        assert max(threads[10:]) <= max(threads[:10])
        statistics = connection.transport.statistics
        assert (statistics.received, statistics.disconnects) == (100, 100)
        assert len(connection.peers.all) <= 1  # it may have dialled once more
        assert len(connection.inbound.routes) == 1
    said = capfd.readouterr().err
    assert said.count('\n') < 40
    assert 'Traceback' not in said


@pytest.mark.parametrize(
    ('address', 'text'),
    [
        ('127.0.0.1', 'connection refused by 127.0.0.1:'),
        ('scanner.invalid', "cannot resolve 'scanner.invalid': "),
        ('255.255.255.255', '255.255.255.255:'),
    ],
    ids=['refused', 'no_name', 'unreachable'],
)
def test_f13_it_is_said_why_a_server_cannot_be_reached(
    graph: Graph, address: str, text: str
) -> None:
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    bridge = graph.add_bridge(
        'client', {'address': address, 'port': unused_port(), 'connect_timeout': 30.0}
    )
    connection = bridge.connections[0]
    wait_until(lambda: connection.transport.statistics.connect_failures, 30.0, 'the first try')

    def is_told() -> bool:
        status = last_told(arrays, 'bridge: bridge')
        return status is not None and text in status.message

    wait_until(is_told, 10.0, 'the reason on /diagnostics')
    status = last_told(arrays, 'bridge: bridge')
    assert status.level == WARN
    assert 'next try in ' in status.message


def test_f15_too_many_clients_are_told_so_and_the_others_do_not_notice(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge, first = serve(graph, max_clients=2, stale_timeout=0.0)
    second = dial(graph, bridge)
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    texts = graph.subscribe(STRING, '/bridge/string/Text')
    for number in range(5):
        with ScriptedPeer.dial(port_of(bridge)) as extra:
            status = codec.unpack(extra.receive_message()).content
            assert status.code == codec.StatusCode.BUSY
            assert extra.receive_until_closed() == b''
        first.send(pose(float(number)))
        second.send(pack(codec.String(str(number)), 'Text'))
        wait_for_count(poses, number + 1)
        wait_for_count(texts, number + 1)
    assert bridge.connections[0].transport.statistics.refused_peers == {'max_clients': 5}
    assert capfd.readouterr().err.count('refused: max_clients') == 1


def test_f16_a_flood_of_a_thousand_connections_is_bounded_and_harms_nobody(graph: Graph) -> None:
    bridge, healthy = serve(graph, max_clients=4)
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    before = len(os.listdir('/proc/self/fd'))
    transport = bridge.connections[0].transport

    def counted() -> int:
        statistics = transport.statistics
        return statistics.connects + sum(statistics.refused_peers.values())

    for number in range(50):
        flood = [ScriptedPeer.dial(port_of(bridge)) for _ in range(20)]
        healthy.send(pose(float(number)))
        wait_for_count(poses, number + 1)
        if number % 5:  # else some are gone before they are accepted
            wait_until(lambda: counted() == 1 + 20 * (number + 1), 10.0, 'each')  # noqa: B023
        for peer in flood:
            peer.close()
    wait_until(lambda: len(transport.sessions) == 1, 10.0, 'the end of the others')
    wait_until(lambda: counted() == 1001, 10.0, 'a count of each')
    # of 20 that stay, three at most find a place beside the healthy one, in 40 rounds
    assert transport.statistics.refused_peers['max_clients'] >= 40 * 17
    assert len(os.listdir('/proc/self/fd')) < before + 10
    assert len(bridge.connections[0].peers.all) == 1


def drip(peer: ScriptedPeer, data: bytes, interval_s: float) -> float:
    """Send single bytes until the other end closes; return how long that took, in seconds."""
    pause = threading.Event()
    begin = time.monotonic()
    for place in range(len(data)):
        try:
            peer.send(data[place : place + 1])
        except ConnectionError:
            return time.monotonic() - begin
        pause.wait(interval_s)
    raise AssertionError(f'{len(data)} bytes were taken')


@pytest.mark.parametrize(
    ('whole', 'option'), [(0, 'header_timeout'), (58 + 72, 'body_timeout')], ids=['f17', 'f18']
)
def test_f17_f18_a_peer_that_drips_is_closed_in_time_and_takes_no_memory(
    graph: Graph, capfd: pytest.CaptureFixture[str], whole: int, option: str
) -> None:
    bridge, healthy = serve(graph, **{option: 0.2})
    slow = dial(graph, bridge)
    content = codec.Image(bytes(100_000_000), (10_000, 10_000, 1))
    data = pack(content, 'US')
    resident = resident_bytes()
    slow.send(data[:whole])
    assert 0.2 <= drip(slow, data[whole : whole + 58], 0.05) < 2.0
    assert resident_bytes() - resident < 50_000_000  # of the 100 MB that were announced
    assert option in capfd.readouterr().err
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    healthy.send(pose())
    wait_for_count(poses, 1)
    assert len(bridge.connections[0].transport.sessions) == 1


@pytest.mark.parametrize('size', [1, 100 * 106], ids=['bytes', 'hundred_messages'])
def test_f19_pieces_of_any_size_give_the_same_poses(graph: Graph, size: int) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    data = b''.join(pose(float(number)) for number in range(100))
    peer.send_split(data, [size] * (len(data) // size))
    await_accounted(bridge, 100)
    wait_for_count(poses, 100)
    assert [p.transform.translation.x for p in poses] == [number / 1000 for number in range(100)]
    assert rejected(bridge) == {}


def test_f20_delay_jitter_and_loss_lose_no_text(
    graph: Graph, cable: Cable, tmp_path: Path
) -> None:
    parameters = {'port': 0, 'address': OUR_ADDRESS, 'allowed_peers': [THEIR_ADDRESS]}
    bridge = graph.add_bridge('server', {**parameters, 'config_file': mapped(tmp_path, TEXT_ROW)})
    publisher = graph.publisher(STRING, '/text')
    echoes = graph.subscribe(STRING, '/bridge/string/Text')
    connection = bridge.connections[0]
    stamped = pose(timestamp=codec.timestamp.from_nanoseconds(time.time_ns())).hex()
    with cable.run(DISTANT, OUR_ADDRESS, str(port_of(bridge)), stamped):
        wait_until(lambda: received_by(connection).done, 10.0, 'the first message')
        try:
            cable.degrade('delay', '50ms', '20ms', 'loss', '2%')
        except subprocess.SubprocessError as error:
            pytest.skip(f'no netem here: {error}')
        for number in range(300):
            publisher.publish(String(data=str(number)))
            wait_until(lambda n=number: sent_by(connection).received == n + 1, 10.0, 'the text')  # type: ignore[misc]
        wait_for_count(echoes, 300, 30.0)
        assert [text.data for text in echoes] == [str(number) for number in range(300)]
        (known,) = connection.peers.all
        assert (
            abs(known.clock.main.offset_ns) < 5e9
        )  # of the one pose that was stamped, before it started
    assert rejected(bridge) == {}


@pytest.mark.parametrize('bit', [0, 100, 383])
def test_f21_a_flipped_bit_is_counted_and_three_in_a_row_close(graph: Graph, bit: int) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe(TRANSFORM_STAMPED, TOPIC)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    good = pose()
    damaged = bytearray(good)
    damaged[58 + bit // 8] ^= 1 << bit % 8
    peer.send(bytes(damaged) * 2 + good + bytes(damaged) * 3)
    peer.receive_until_closed()
    wait_until(lambda: not bridge.connections[0].peers.all, 5.0, 'the end')
    await_accounted(bridge, 6)
    assert rejected(bridge) == {'crc': 5}
    again = dial(graph, bridge)
    again.send(good)
    wait_until(lambda: len(poses) == len(tf) == 2, 5.0, 'the good poses')
    assert all(p.transform.translation.x == 0.001 for p in poses)


def test_f22_a_clock_that_steps_puts_no_pose_into_the_future(graph: Graph) -> None:
    bridge, peer = serve(graph, max_clock_skew=0.05)
    tf = graph.subscribe('tf2_msgs/msg/TFMessage', '/tf')
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    leads_s: list[float] = []
    for step_s in (0, 3, 3, 10, 10, -3, -3, -10, -10, 0, 0):
        device_ns = time.time_ns() + step_s * 10**9
        peer.send(pose(timestamp=codec.timestamp.from_nanoseconds(device_ns)))
        await_accounted(bridge, len(leads_s) + 1)
        now_ns = time.time_ns()
        wait_until(lambda: tf, 5.0, 'the first pose')
        stamp = tf[-1].transforms[0].header.stamp
        leads_s.append((stamp.sec * 10**9 + stamp.nanosec - now_ns) / 1e9)
    assert max(leads_s) <= 0.05
    peer.send(pose(timestamp=codec.timestamp.from_nanoseconds(time.time_ns() + 3 * 10**9)))

    def is_told() -> bool:
        status = last_told(arrays, f'bridge: bridge: clock of {peer.name}')
        return status is not None and status.level == WARN and 'corrected' in status.message

    wait_until(is_told, 5.0, 'the warning with its value')


def test_f27_a_ros_publisher_that_dies_is_a_warning_and_nothing_is_invented(
    graph: Graph, tmp_path: Path
) -> None:
    rows = POSE_ROW, TEXT_ROW
    _, peer = serve(graph, config_file=mapped(tmp_path, *rows), stale_timeout=0.2)
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    peer.collect()

    def levels() -> tuple[Any, ...]:
        names = ('bridge: bridge: TRANSFORM Tip', 'bridge: bridge: STRING Text')
        return tuple(getattr(last_told(arrays, name), 'level', None) for name in names)

    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')
    texts = graph.publisher(STRING, '/text')
    texts.publish(String(data='an event, which nobody expects again'))
    publisher.publish(ros_pose_of_now())
    wait_until(lambda: len(peer.collected) > 106, 10.0, 'the messages')
    size = len(peer.collected)
    graph.call(partial(graph.user.destroy_publisher, publisher))
    wait_until(lambda: levels() == (WARN, OK), 10.0, 'the warning')
    message = last_told(arrays, 'bridge: bridge: TRANSFORM Tip').message
    assert message.startswith('stale: no new data from /tip for ')
    assert len(peer.collected) == size
    publisher = graph.publisher(TRANSFORM_STAMPED, '/tip')

    def has_ended() -> bool:
        publisher.publish(ros_pose_of_now())
        return levels() == (OK, OK)

    wait_until(has_ended, 10.0, 'the end of it')


def test_f27_frames_of_tf_that_nobody_moves_any_more_are_a_warning(
    graph: Graph, tmp_path: Path
) -> None:
    row = (
        'igtl_device_name: Tip, igtl_type_name: TRANSFORM, '
        'tf: {rate: 50, parent_frame_id: base, child_frame_id: tip}'
    )
    _, peer = serve(graph, config_file=mapped(tmp_path, row), stale_timeout=0.2)
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    publisher = graph.publisher('tf2_msgs/msg/TFMessage', '/tf')

    def level() -> Any:
        return getattr(last_told(arrays, 'bridge: bridge: TRANSFORM Tip'), 'level', None)

    def move(number: int) -> None:
        publisher.publish(publisher.msg_type(transforms=[ros_pose(number)]))

    move(1)
    assert codec.unpack(peer.receive_message()).timestamp == 1 << 32
    wait_until(lambda: level() == WARN, 10.0, 'the warning')
    peer.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        peer.receive_exactly(1)  # no pose is repeated
    peer.socket.settimeout(10.0)
    move(2)
    assert codec.unpack(peer.receive_message()).timestamp == 2 << 32
    number = 2

    def has_ended() -> bool:
        nonlocal number
        number += 1
        move(number)
        status = last_told(arrays, 'bridge: bridge: TRANSFORM Tip')
        return not status.message.startswith('stale')

    wait_until(has_ended, 10.0, 'the end of it')


def test_f33_a_full_disk_ends_who_writes_to_it_and_the_bridge_goes_on(
    graph: Graph, tmp_path: Path
) -> None:
    """The node itself writes no file but its log, which ROS writes."""
    bridge, other = serve(graph, config_file=mapped(tmp_path, TEXT_ROW))
    texts = graph.publisher(STRING, '/text')
    connection = bridge.connections[0]
    command = [sys.executable, '-m', 'ros2_igtl.cli.main', 'listen', '127.0.0.1']
    with (
        open('/dev/full', 'wb') as full,
        subprocess.Popen(
            [*command, str(port_of(bridge))], stdout=full, stderr=subprocess.PIPE, text=True
        ) as listening,
    ):
        try:
            wait_until(lambda: len(connection.peers.all) == 2, 20.0, 'who listens')
            texts.publish(String(data='the last straw'))
            _, said = listening.communicate(timeout=20.0)
        finally:
            listening.kill()
    assert listening.returncode == 1
    assert said == 'igtl listen: [Errno 28] No space left on device\n'
    wait_until(lambda: len(connection.peers.all) == 1, 10.0, 'its end')
    texts.publish(String(data='for the other'))
    heard = [codec.unpack(other.receive_message()).content.text for _ in range(2)]
    assert heard == ['the last straw', 'for the other']

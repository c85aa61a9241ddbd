# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Peers that come, talk nonsense and go, by thousands; and one that is there all the time."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from helpers.accounts import Accounts
from helpers.bridge_peer import pack, pose
from helpers.bridge_process import BridgeProcess
from helpers.load import BusyPeer, in_background, paced
from helpers.ros_graph import ros_graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer, unused_port
from helpers.usage import Usage
from helpers.waiting import wait_until
from ros2_igtl import codec

CONFIG = """\
version: 1
connections:
  - name: room
    mode: server
    port: 0
    max_clients: 100
    header_timeout: 0.2
    send_timeout: 60
    auto_inbound: true
    mappings:  # what is lost between the node and a subscriber on a busy machine is not meant here
      - {igtl_device_name: Text, igtl_type_name: STRING, direction: IGTL_TO_ROS,
         ros_topic_name: text, ros_type_name: std_msgs/msg/String, qos: {depth: 10000}}
  - name: tracker
    mode: client
    port: %d
    reconnect_initial_delay: 0.01
    reconnect_max_delay: 0.02
"""
TEXT_HZ = 100.0
THREADS = 4
# What may be left of all that has gone: pages that malloc does not give back, of which nonsense
# leaves more. Descriptors and threads have to be as many as before.
MEMORY_BOUND = 3_000_000
NONSENSE_MEMORY_BOUND = 8_000_000

HTTP = b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: a browser\r\nAccept: */*\r\n\r\n'
TLS_HELLO = b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'


class Node(NamedTuple):
    """
    A node, which serves a healthy peer.

    :ivar port: what it listens on.
    :ivar tracker_port: what it dials.
    """

    process: BridgeProcess
    accounts: Accounts
    port: int
    tracker_port: int


@contextmanager
def busy_node(folder: Path, rejected: int = 0) -> Iterator[Node]:
    """
    Run a node with a healthy peer that talks all the time, and hold it to losing nothing of that.

    :param rejected: how many messages of other peers it rejects meanwhile.
    """
    tracker_port = unused_port()
    path = folder / 'churn.yaml'
    path.write_text(CONFIG % tracker_port)
    with (
        ros_graph() as graph,
        BridgeProcess('igtl_bridge', {'config_file': path}, name='node') as process,
    ):
        accounts = Accounts(graph, 'node')
        texts = graph.subscribe('std_msgs/msg/String', '/text', depth=10000)
        port = process.port_of('room')
        with BusyPeer(port) as peer:

            def talk(ended: threading.Event) -> None:
                for number in paced(TEXT_HZ, ended):
                    peer.send(pack(codec.String(str(number)), 'Text'))

            with in_background(talk):
                wait_until(lambda: texts, 10.0, 'the first text')
                yield Node(process, accounts, port, tracker_port)
            last = str(peer.sent - 1)
            wait_until(lambda: texts[-1].data == last, 20.0, 'the last text')
            # nobody closed the connection meanwhile
            assert peer.ask(pack(codec.GetStatus(), '')).type_name == 'STATUS'
        numbers = [int(text.data) for text in texts]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        accounts.await_conserved('room', peer.sent + rejected)


def by_threads(run: Callable[[int], None], numbers: range) -> None:
    """Call a function for each number, a few at a time."""
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(run, numbers):
            pass


def assert_nothing_is_left(
    process: BridgeProcess, before: Usage, memory_bound: int = MEMORY_BOUND
) -> None:
    """Assert that the node holds what it did before."""

    def is_closed() -> bool:
        now = process.usage
        return now.descriptors <= before.descriptors and now.threads <= before.threads

    try:
        wait_until(is_closed, 10.0)
    except AssertionError:
        raise AssertionError(f'{before} before, {process.usage} after') from None
    growth = process.usage.memory - before.memory
    assert growth < memory_bound, f'{growth} bytes more'


def come_and_go(port: int) -> None:
    """Open a connection, say that nothing comes, and wait for the node to close it."""
    with socket.create_connection(('127.0.0.1', port), 30.0) as sock:
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1024):
            pass


@pytest.mark.timeout(180)
@pytest.mark.parametrize('count', [1000, pytest.param(10_000, marks=pytest.mark.long)])
def test_many_connections_leave_nothing_behind(count: int, tmp_path: Path) -> None:
    with busy_node(tmp_path) as node:
        by_threads(lambda _: come_and_go(node.port), range(500))
        before = node.process.usage
        by_threads(lambda _: come_and_go(node.port), range(count))
        assert_nothing_is_left(node.process, before)


def garbage(number: int) -> bytes:
    """Return the first bytes of a peer that is none."""
    rng = random.Random(number)
    return (
        b'\xff' + rng.randbytes(rng.randrange(100, 5000)),
        HTTP,
        TLS_HELLO + rng.randbytes(512),
        pose()[: rng.randrange(1, 58)],
    )[number % 4]


def talk_nonsense(port: int, number: int) -> None:
    """Be a peer that is none, until the node closes; every second half header waits for that."""
    with ScriptedPeer.dial(port) as peer:
        peer.send(garbage(number))
        if number % 8 == 3:
            peer.shut_down_sending()
        peer.receive_until_closed()


@pytest.mark.timeout(180)
@pytest.mark.parametrize('count', [200, pytest.param(1000, marks=pytest.mark.long)])
def test_peers_of_other_protocols_are_counted_and_forgotten(count: int, tmp_path: Path) -> None:
    total = 200 + count
    with busy_node(tmp_path, rejected=total) as node:

        def counts() -> list[int]:
            said = node.accounts.counts('room')
            causes = ('header_version', 'body_too_large', 'truncated')
            return [said.get(f'rejected {cause}', 0) for cause in causes]

        by_threads(lambda number: talk_nonsense(node.port, number), range(200))
        before = node.process.usage
        by_threads(lambda number: talk_nonsense(node.port, number), range(200, total))
        assert_nothing_is_left(node.process, before, NONSENSE_MEMORY_BOUND)
        # HTTP has a type name that can be printed, and then announces a large body
        wait_until(
            lambda: counts() == [total // 2, total // 4, total // 4],
            10.0,
            'each of them to be counted',
        )


@pytest.mark.timeout(180)
@pytest.mark.parametrize('count', [20, pytest.param(100, marks=pytest.mark.long)])
def test_f12_a_server_that_restarts_often_leaves_nothing_behind(
    count: int, tmp_path: Path
) -> None:
    """FAULTS F12."""

    def restart(number: int) -> None:
        with ScriptedServer(node.tracker_port) as server, server.accept() as peer:
            if number % 2:
                peer.reset()
            else:
                peer.send(pose(number, 'StylusToTracker'))

    with busy_node(tmp_path) as node:
        for number in range(10):
            restart(number)
        before = node.process.usage
        for number in range(count):
            restart(number)
        assert_nothing_is_left(node.process, before)
        node.accounts.await_conserved('tracker', 5 + count // 2)

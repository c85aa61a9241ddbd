# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.client: dialling, and dialling again."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from helpers.recording_handler import RecordingHandler
from helpers.scripted_peer import ScriptedServer, unused_port
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.transport import Client, IoThread, Options
from ros2_igtl.transport import client as client_module

Dial = Callable[..., Client]

MESSAGE = codec.Message(codec.String('text'), 'Device')
DATA = codec.pack(MESSAGE)


@pytest.fixture
def dial(io_thread: IoThread, handler: RecordingHandler) -> Iterator[Dial]:
    """Return what starts a client, given a port and Options as keywords."""
    clients = []

    def start(port: int, address: str = '127.0.0.1', **options: object) -> Client:
        quick = {'reconnect_initial_delay': 0.02, 'reconnect_max_delay': 0.1, **options}
        client = Client(io_thread, address, port, handler, Options(**quick))  # type: ignore[arg-type]
        client.start()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.stop()


def states_of(handler: RecordingHandler) -> list[str]:
    return [state for state, _ in handler.states]


def test_it_connects_at_once_and_speaks_both_ways(dial: Dial, handler: RecordingHandler) -> None:
    with ScriptedServer() as server:
        begin = time.monotonic()
        client = dial(server.port, reconnect_initial_delay=5.0, reconnect_max_delay=5.0)
        client.start()  # does nothing
        peer = server.accept()
        wait_until(lambda: client.sessions)
        assert time.monotonic() - begin < 1.0
        peer.send(DATA)
        wait_until(lambda: handler.messages == [MESSAGE])
        assert client.send(MESSAGE, traffic='event') == 1
        assert peer.receive_message() == DATA
        where = f'127.0.0.1:{server.port}'
        assert handler.states == [('connecting', where), ('connected', where)]
        assert client.sessions[0].peer_name == where


def test_f11_an_absent_server_is_tried_again_with_growing_delays_until_it_is_there(
    dial: Dial, handler: RecordingHandler
) -> None:
    port = unused_port()
    cpu = time.process_time()
    client = dial(port, reconnect_initial_delay=0.05, reconnect_max_delay=0.2)
    wait_until(lambda: states_of(handler).count('connecting') >= 6)
    assert time.process_time() - cpu < 0.5
    times = [
        at
        for at, state in zip(handler.state_times, states_of(handler), strict=True)
        if state == 'connecting'
    ]
    delays = [after - before for before, after in pairwise(times)]
    for delay, base in zip(delays, [0.05, 0.1, 0.2, 0.2, 0.2], strict=False):
        assert base <= delay <= base * (1.0 + client_module.JITTER) + 0.1
    assert client.sessions == ()
    assert client.send(MESSAGE, traffic='event') == 0
    assert client.statistics.send_rejected == {'no_peer': 1}
    assert client.statistics.connect_failures >= 5
    with ScriptedServer(port) as server:
        server.accept().send(DATA)
        wait_until(lambda: handler.messages)


def test_f13_refused_is_said_so(dial: Dial, handler: RecordingHandler) -> None:
    port = unused_port()
    dial(port)
    wait_until(lambda: len(handler.states) > 1)
    state, detail = handler.states[1]
    assert state == 'waiting'
    assert detail.startswith(f'connection refused by 127.0.0.1:{port}: no server listens there')
    assert 'next try in 0.0 s' in detail


def test_f13_a_name_without_an_address_is_said_so(dial: Dial, handler: RecordingHandler) -> None:
    dial(18944, 'scanner.invalid', connect_timeout=30.0)
    wait_until(lambda: len(handler.states) > 1, 30.0)
    assert handler.states[1][1].startswith("cannot resolve 'scanner.invalid': ")


@pytest.mark.parametrize('address', ['a' * 64, 'a..b'])
def test_f13_what_cannot_be_a_name_is_said_so(
    dial: Dial, handler: RecordingHandler, address: str
) -> None:
    dial(18944, address)
    wait_until(lambda: len(handler.states) > 1)
    assert handler.states[1][1].startswith(f'cannot resolve {address!r}: ')


def test_f13_an_unreachable_network_is_said_so(
    dial: Dial, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch, io_thread: IoThread
) -> None:
    async def fail(*arguments: object) -> None:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    monkeypatch.setattr(io_thread.loop, 'create_connection', fail)
    dial(18944, '192.0.2.1')
    wait_until(lambda: len(handler.states) > 1)
    assert handler.states[1][1].startswith('192.0.2.1:18944 is unreachable: ')


def test_f13_silence_is_said_so_after_the_connect_timeout(
    dial: Dial, handler: RecordingHandler
) -> None:
    with socket.socket() as listener:  # a queue that is full: further clients get no answer
        listener.bind(('127.0.0.1', 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            begin = time.monotonic()
            dial(address[1], connect_timeout=0.2)
            wait_until(lambda: len(handler.states) > 1)
            assert 0.2 <= time.monotonic() - begin < 1.0
            assert handler.states[1][1].startswith(
                f'no answer from 127.0.0.1:{address[1]} within 0.2 s'
            )
        finally:
            for filler in fillers:
                filler.close()


def test_a_name_server_that_does_not_answer_holds_up_nobody(
    dial: Dial, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(*arguments: object, **keywords: object) -> list[object]:
        release.wait(30.0)
        raise socket.gaierror(socket.EAI_AGAIN, 'too late')

    monkeypatch.setattr(socket, 'getaddrinfo', hang)
    client = dial(18944, 'scanner.invalid', connect_timeout=0.1)
    wait_until(lambda: len(handler.states) > 1)
    assert handler.states[1][1].startswith('no answer from scanner.invalid:18944 within 0.1 s')
    client.stop()
    assert handler.states[-1][0] == 'closed'
    release.set()
    wait_until(lambda: 'igtl_resolve' not in [thread.name for thread in threading.enumerate()])


def test_a_name_with_several_addresses_is_tried_on_each(
    dial: Dial, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:  # on 127.0.0.1 only
        entries = [(socket.AF_INET, 0, 0, '', (host, 0)) for host in ('127.0.0.3', '127.0.0.1')]
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *_, **__: entries)
        client = dial(server.port, 'scanner.invalid')
        wait_until(lambda: client.sessions)
        assert client.sessions[0].peer_name == f'127.0.0.1:{server.port}'
        assert 'waiting' not in states_of(handler)


def test_a_port_that_connects_to_itself_counts_as_refused(
    dial: Dial, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch, io_thread: IoThread
) -> None:
    original = io_thread.loop.create_connection

    async def connect_to_itself(factory: object, host: str, port: int) -> object:
        sock = socket.socket()
        sock.bind((host, port))
        sock.connect((host, port))
        sock.setblocking(False)
        return await original(factory, sock=sock)  # type: ignore[call-overload]

    monkeypatch.setattr(io_thread.loop, 'create_connection', connect_to_itself)
    dial(unused_port())
    wait_until(lambda: len(handler.states) > 1)
    assert handler.states[1][1].startswith('connection refused')
    assert handler.reasons
    assert handler.messages == []


def test_f4_a_server_that_is_killed_and_comes_back_is_dialled_again(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer() as server:
        port = server.port
        client = dial(port)
        server.accept().send(DATA)
        wait_until(lambda: handler.messages)
    wait_until(lambda: handler.closed)
    assert client.sessions == ()
    wait_until(lambda: 'refused' in handler.states[-1][1])
    with ScriptedServer(port) as server:
        server.accept().send(DATA)
        wait_until(lambda: len(handler.messages) == 2)
        assert len(handler.opened) == 2
        assert client.statistics.connects == 2
        assert client.statistics.disconnects == 1
        assert client.statistics.received == 2


def test_what_waited_for_a_peer_that_is_gone_is_not_sent_to_the_next_one(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer(receive_buffer=4096) as server:
        client = dial(server.port)
        peer = server.accept()
        wait_until(lambda: client.sessions)
        large = codec.Message(codec.String('x' * 60_000), 'Large')
        for _ in range(100):
            client.send(large, traffic='event')
        assert client.sessions[0].waiting_bytes > 0
        peer.reset()
        again = server.accept()
        wait_until(lambda: len(handler.opened) == 2)
        client.send(MESSAGE, traffic='event')
        assert again.receive_message() == DATA
        statistics = client.statistics
        assert statistics.send_rejected['closed'] > 0
        assert statistics.sent + statistics.send_rejected['closed'] == 101


def test_a_link_that_lasted_is_dialled_again_at_once(
    dial: Dial, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, 'STABLE_S', 0.05)
    with ScriptedServer() as server:
        dial(server.port, reconnect_initial_delay=5.0, reconnect_max_delay=5.0)
        peer = server.accept()
        wait_until(lambda: handler.opened)
        watch_for(lambda: handler.closed, 0.06)
        begin = time.monotonic()
        peer.close()
        server.accept()
        assert time.monotonic() - begin < 1.0
        assert handler.states[2][0] == 'waiting'


def test_f12_a_server_that_flaps_a_hundred_times_leaves_nothing_behind(
    dial: Dial, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, 'ros2_igtl.transport')

    def count_descriptors() -> int:
        return len(os.listdir('/proc/self/fd'))

    with ScriptedServer() as server:
        client = dial(server.port, reconnect_initial_delay=0.01, reconnect_max_delay=0.01)
        descriptors: list[int] = []
        threads: list[int] = []
        for number in range(100):
            peer = server.accept()
            wait_for_count(handler.opened, number + 1)
            peer.send(DATA)
            wait_for_count(handler.messages, number + 1)
            peer.close()
            wait_for_count(handler.closed, number + 1)
            descriptors.append(count_descriptors())
            threads.append(threading.active_count())
        assert max(descriptors[10:]) <= max(descriptors[:10]) + 2
        assert max(threads[10:]) <= max(threads[:10])
        statistics = client.statistics
        assert statistics.received == 100
        assert statistics.disconnects == 100
        assert 100 <= statistics.connects <= 101
        assert set(handler.reasons) == {'closed by the peer'}
        assert len(caplog.records) < 10


def test_f12_a_server_that_accepts_and_closes_at_once_is_no_busy_loop(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer() as server:
        dial(server.port, reconnect_initial_delay=0.1, reconnect_max_delay=10.0)
        for _ in range(3):
            server.accept().close()
        assert len(handler.opened) <= 4
        times = [
            at
            for at, state in zip(handler.state_times, states_of(handler), strict=True)
            if state == 'connecting'
        ]
        assert times[1] - times[0] >= 0.1
        assert times[2] - times[1] >= 0.2


def test_stopping_closes_with_fin_ends_the_dialling_and_may_be_repeated(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer() as server:
        client = dial(server.port)
        peer = server.accept()
        wait_until(lambda: client.sessions)
        client.send(MESSAGE, traffic='event')
        client.stop()
        client.stop()
        assert peer.receive_until_closed() == DATA  # what was queued is sent first
        assert handler.reasons == ['stopped']
        assert handler.states[-1] == ('closed', 'stopped')
        assert client.sessions == ()
        assert client.send(MESSAGE, traffic='event') == 0
        watch_for(lambda: handler.states[-1][0] != 'closed', 0.1)


def test_a_peer_that_does_not_read_does_not_hold_up_the_stop(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer(receive_buffer=4096) as server:
        client = dial(server.port)
        server.accept()
        wait_until(lambda: client.sessions)
        for _ in range(100):
            client.send(codec.Message(codec.String('x' * 60_000), 'Large'), traffic='event')
        begin = time.monotonic()
        client.stop()
        assert time.monotonic() - begin < 1.5
        assert handler.reasons == ['stopped']


def test_it_can_be_stopped_while_it_waits_and_started_again(
    dial: Dial, handler: RecordingHandler
) -> None:
    port = unused_port()
    client = dial(port, reconnect_initial_delay=30.0, reconnect_max_delay=30.0)
    wait_until(lambda: 'waiting' in states_of(handler))
    client.stop()
    with ScriptedServer(port) as server:
        client.start()
        server.accept().send(DATA)
        wait_until(lambda: handler.messages)


def test_stopping_the_io_thread_closes_what_was_forgotten(handler: RecordingHandler) -> None:
    with ScriptedServer() as server:
        with IoThread() as io_thread:
            client = Client(io_thread, '127.0.0.1', server.port, handler)
            client.start()
            peer = server.accept()
            wait_until(lambda: client.sessions)
        assert peer.receive_until_closed() == b''
        assert handler.reasons == ['stopped']
        client.stop()
        assert client.send(MESSAGE, traffic='event') == 0


def test_without_an_io_thread_it_does_not_start(handler: RecordingHandler) -> None:
    with pytest.raises(RuntimeError, match='running'):
        Client(IoThread(), '127.0.0.1', 18944, handler).start()


def test_an_exception_in_connection_state_is_logged_and_harms_nobody(
    dial: Dial,
    handler: RecordingHandler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(handler, 'connection_state', None)
    with ScriptedServer() as server:
        dial(server.port)
        server.accept().send(DATA)
        wait_until(lambda: handler.messages)
    assert 'connection_state failed' in caplog.text


def test_a_message_that_cannot_be_packed_is_refused_to_the_caller(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer() as server:
        client = dial(server.port)
        peer = server.accept()
        wait_until(lambda: client.sessions)
        with pytest.raises(codec.EncodeError):
            client.send(codec.Message(codec.String(''), 'x' * 21), traffic='event')
        assert client.statistics.send_rejected == {'encode': 1}
        client.send(MESSAGE, traffic='event')
        assert peer.receive_message() == DATA


def test_it_can_be_stopped_at_any_moment_of_connecting(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer() as server:
        for number in range(150):
            begin = time.monotonic()
            client = dial(server.port)
            pause_s = number * 20e-6  # past the moment at which it is connected
            while time.monotonic() - begin < pause_s:
                pass
            client.stop()
            assert time.monotonic() - begin < 1.0
            assert client.sessions == ()
            assert len(handler.closed) == len(handler.opened)
        assert handler.opened


def test_a_fault_of_ours_while_dialling_is_logged_and_told(
    dial: Dial,
    handler: RecordingHandler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(client_module, '_resolve', None)
    client = dial(18944)
    wait_until(lambda: handler.states[-1:] and handler.states[-1][0] == 'closed')
    assert 'internal error: TypeError' in handler.states[-1][1]
    assert caplog.text.count('Traceback') == 1
    client.stop()

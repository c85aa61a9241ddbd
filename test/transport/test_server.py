# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.server: listening, and who is let in."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from helpers.recording_handler import RecordingHandler
from helpers.scripted_peer import ScriptedPeer, unused_port
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.transport import IoThread, Options, Server, Session
from ros2_igtl.transport import server as server_module
from ros2_igtl.transport.server import lack_of_descriptors

Listen = Callable[..., Server]

MESSAGE = codec.Message(codec.String('text'), 'Device')
DATA = codec.pack(MESSAGE)


@pytest.fixture
def listen(io_thread: IoThread, handler: RecordingHandler) -> Iterator[Listen]:
    """Return what starts a server, given an address, a port and Options as keywords."""
    servers = []

    def start(address: str = '127.0.0.1', port: int = 0, **options: object) -> Server:
        server = Server(io_thread, address, port, handler, Options(**options))  # type: ignore[arg-type]
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(('::1', 0))
        return True
    return False


def test_it_listens_on_the_port_it_names(listen: Listen, handler: RecordingHandler) -> None:
    server = listen()
    server.start()  # does nothing
    wait_until(lambda: handler.states)
    assert handler.states == [('listening', f'127.0.0.1:{server.actual_port}')]
    with ScriptedPeer.dial(server.actual_port) as peer:
        peer.send(DATA)
        wait_until(lambda: handler.messages == [MESSAGE])
        assert [session.peer_name for session in server.sessions] == [peer.name]


def test_a_second_client_is_served_at_once(listen: Listen, handler: RecordingHandler) -> None:
    server = listen()
    with (
        ScriptedPeer.dial(server.actual_port) as first,
        ScriptedPeer.dial(server.actual_port) as second,
    ):
        second.send(DATA)
        wait_until(lambda: len(handler.messages) == 1)
        first.send(DATA)
        wait_until(lambda: len(handler.messages) == 2)
        assert [session.peer_name for session in handler.senders] == [second.name, first.name]
        assert server.send(MESSAGE, traffic='event') == 2
        assert first.receive_message() == second.receive_message() == DATA


def test_a_message_goes_to_one_to_all_or_to_all_but_one(
    listen: Listen, handler: RecordingHandler
) -> None:
    server = listen()
    with contextlib.ExitStack() as stack:
        peers = []
        for number in range(3):
            peers.append(stack.enter_context(ScriptedPeer.dial(server.actual_port)))
            wait_for_count(handler.opened, number + 1)
        one, two, three = handler.opened

        def text(value: str) -> codec.Message:
            return codec.Message(codec.String(value), 'D')

        assert server.send(text('all'), traffic='event') == 3
        assert server.send(text('two'), traffic='event', to=two) == 1
        assert server.send(text('some'), traffic='event', to=[one, two]) == 2
        assert server.send(text('not one'), traffic='event', exclude=one) == 2
        assert server.send(text('nobody'), traffic='event', to=two, exclude=two) == 0
        server.send(text('end'), traffic='event')

        def read(peer: ScriptedPeer) -> list[str]:
            texts: list[str] = []
            while not texts or texts[-1] != 'end':
                texts.append(codec.unpack(peer.receive_message()).content.text)
            return texts

        assert read(peers[0]) == ['all', 'some', 'end']
        assert read(peers[1]) == ['all', 'two', 'some', 'not one', 'end']
        assert read(peers[2]) == ['all', 'not one', 'end']
        three.close('of the test')
        wait_until(lambda: len(server.sessions) == 2)
        assert server.send(text('gone'), traffic='event', to=three) == 0


def test_each_peer_gets_its_own_header_version(listen: Listen, handler: RecordingHandler) -> None:
    server = listen()
    with (
        ScriptedPeer.dial(server.actual_port) as old,
        ScriptedPeer.dial(server.actual_port) as new,
    ):
        new.send(codec.pack(codec.Message(codec.Status(), header_version=2)))
        wait_until(lambda: handler.messages and len(handler.opened) == 2)
        server.send(codec.Message(codec.String('x'), metadata={'a': 'b'}), traffic='event')
        assert codec.unpack(old.receive_message()).header_version == 1
        message = codec.unpack(new.receive_message())
        assert (message.header_version, message.metadata) == (2, {'a': 'b'})
        for text, least, queued in (('some', 2, 1), ('all', 1, 2)):
            message = codec.Message(codec.String(text))
            assert server.send(message, traffic='event', least_version=least) == queued
        assert codec.unpack(old.receive_message()).content.text == 'all'
        assert codec.unpack(new.receive_message()).content.text == 'some'
        assert server.statistics.send_rejected == {'header_version': 1}


def test_f14_a_port_in_use_is_named_and_can_be_had_once_it_is_free(
    listen: Listen, handler: RecordingHandler, io_thread: IoThread
) -> None:
    with socket.create_server(('127.0.0.1', 0)) as holder:
        port = holder.getsockname()[1]
        server = Server(io_thread, '127.0.0.1', port, handler)
        with pytest.raises(OSError, match=f'cannot listen on 127.0.0.1:{port}: ') as raised:
            server.start()
        assert raised.value.errno == errno.EADDRINUSE
        with pytest.raises(RuntimeError, match='not listen'):
            _ = server.actual_port
        server.stop()
    server.start()
    assert server.actual_port == port
    server.stop()
    assert states(handler) == ['listening', 'closed']


def states(handler: RecordingHandler) -> list[str]:
    return [state for state, _ in handler.states]


@pytest.mark.parametrize('address', ['192.0.2.1', 'scanner.invalid'])
def test_an_address_that_is_not_ours_is_named(
    io_thread: IoThread, handler: RecordingHandler, address: str
) -> None:
    server = Server(io_thread, address, 18944, handler, Options(allowed_peers=('192.0.2.0/24',)))
    with pytest.raises(OSError, match=f'cannot listen on {address}:18944: '):
        server.start()


@pytest.mark.parametrize('address', ['0.0.0.0', '::'])
def test_beyond_this_host_it_listens_only_if_told_to_whom(
    io_thread: IoThread, handler: RecordingHandler, address: str
) -> None:
    with pytest.raises(ValueError, match='set allowed_peers'):
        Server(io_thread, address, 0, handler).start()


def test_a_server_without_an_io_thread_leaves_the_port_free(handler: RecordingHandler) -> None:
    port = unused_port()
    with pytest.raises(RuntimeError, match='running'):
        Server(IoThread(), '127.0.0.1', port, handler).start()
    socket.create_server(('127.0.0.1', port)).close()


def test_the_port_is_free_after_the_stop_though_clients_were_connected(
    listen: Listen, handler: RecordingHandler, io_thread: IoThread
) -> None:
    server = listen()
    port = server.actual_port
    for number in range(20):
        with ScriptedPeer.dial(port) as peer:
            wait_for_count(handler.opened, number + 1)
            server.send(MESSAGE, traffic='event')
            server.stop()
            server.stop()
            assert peer.receive_until_closed() == DATA
        assert server.sessions == ()
        server = Server(io_thread, '127.0.0.1', port, handler)
        server.start()
        assert server.actual_port == port
    server.stop()
    assert handler.reasons == ['stopped'] * 20


def test_f15_too_many_clients_are_told_so_and_the_others_do_not_notice(
    listen: Listen, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    server = listen(max_clients=2, header_version=2)
    with (
        ScriptedPeer.dial(server.actual_port) as first,
        ScriptedPeer.dial(server.actual_port) as second,
    ):
        wait_until(lambda: len(handler.opened) == 2)
        for _ in range(5):
            with ScriptedPeer.dial(server.actual_port) as extra:
                status = codec.unpack(extra.receive_message())
                assert status.content.code == codec.StatusCode.BUSY
                assert status.header_version == 1
                assert extra.receive_until_closed() == b''
        first.send(DATA)
        second.send(DATA)
        wait_until(lambda: len(handler.messages) == 2)
        assert len(handler.opened) == 2
        assert server.statistics.refused_peers == {'max_clients': 5}
        assert caplog.text.count('refused: max_clients') == 1
        second.close()
        wait_until(lambda: len(server.sessions) == 1)
        with ScriptedPeer.dial(server.actual_port) as third:
            third.send(DATA)
            wait_until(lambda: len(handler.messages) == 3)


def test_f47_clients_that_come_and_go_quickly_take_a_place_only_while_they_live(
    listen: Listen, handler: RecordingHandler
) -> None:
    server = listen(max_clients=4)
    port, count = server.actual_port, 60

    def come_and_go() -> None:
        for _ in range(count):
            with ScriptedPeer.dial(port) as peer:
                peer.send(DATA)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    wait_for_count(handler.messages, 4 * count)
    assert server.statistics.refused_peers == {}


@pytest.mark.parametrize(
    'host', ['::ffff:0:127.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', 'fe80::1%lo']
)
def test_b41_an_odd_ipv6_address_is_refused_like_any_other(
    listen: Listen, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    original = socket.socket.accept

    def accept(listener: socket.socket) -> object:
        return original(listener)[0], (host, 18944, 0, 0)

    monkeypatch.setattr(socket.socket, 'accept', accept)
    server = listen(allowed_peers=('127.0.0.1/32', '::1/128', '0:ffff::/32'))
    with ScriptedPeer.dial(server.actual_port) as peer:
        assert peer.receive_until_closed() == b''
    assert server.statistics.refused_peers == {'allowed_peers': 1}
    assert f'[{host}]:18944: refused: allowed_peers' in caplog.text
    assert 'Traceback' not in caplog.text


def test_f16_a_flood_of_connections_is_bounded_and_harms_nobody(
    listen: Listen, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = listen(max_clients=4)
    open_sessions: list[int] = []
    session_opened = handler.session_opened

    def count(session: Session) -> None:
        open_sessions.append(len(server.sessions))
        session_opened(session)

    monkeypatch.setattr(handler, 'session_opened', count)
    before = len(os.listdir('/proc/self/fd'))
    with ScriptedPeer.dial(server.actual_port) as healthy:
        wait_until(lambda: handler.opened)
        delays = []

        def counted() -> int:
            statistics = server.statistics
            return statistics.connects + sum(statistics.refused_peers.values())

        for number in range(50):
            flood = [ScriptedPeer.dial(server.actual_port) for _ in range(20)]
            begin = time.monotonic()
            received = len(handler.messages)
            healthy.send(DATA)
            wait_for_count(handler.messages, received + 1)
            delays.append(time.monotonic() - begin)
            if number % 5:  # else some are gone before they are accepted
                wait_until(lambda: counted() == 1 + 20 * (number + 1), 10.0, 'each')  # noqa: B023
            for peer in flood:
                peer.close()
        assert sorted(delays)[len(delays) // 2] < 0.05
        wait_until(lambda: len(server.sessions) == 1)
        wait_until(lambda: counted() == 1001, 10.0, 'a count of each')
        assert max(open_sessions) == 4
        # of 20 that stay, three at most find a place beside the healthy one, in 40 rounds
        assert server.statistics.refused_peers['max_clients'] >= 40 * 17
        assert len(os.listdir('/proc/self/fd')) < before + 10


def test_f32_a_peer_that_is_not_allowed_is_closed_before_anything_is_read(
    listen: Listen, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    server = listen(allowed_peers=('127.0.0.2/32', '10.0.0.0/8'))
    with ScriptedPeer.dial(server.actual_port) as stranger:
        with contextlib.suppress(ConnectionError):
            stranger.send(DATA)
        assert stranger.receive_until_closed() == b''
    with ScriptedPeer.dial(server.actual_port, source='127.0.0.2') as guest:
        guest.send(DATA)
        wait_until(lambda: handler.messages)
        assert [session.peer_name for session in handler.opened] == [guest.name]
    assert server.statistics.refused_peers == {'allowed_peers': 1}
    assert server.statistics.received == 1
    assert 'refused: allowed_peers' in caplog.text
    assert '127.0.0.1:' in caplog.text


@pytest.mark.skipif(not has_ipv6(), reason='this host has no IPv6')
def test_ipv6_peers_are_served_and_named_in_brackets(
    listen: Listen, handler: RecordingHandler
) -> None:
    server = listen('::1')
    with ScriptedPeer.dial(server.actual_port, host='::1') as peer:
        peer.send(DATA)
        wait_until(lambda: handler.messages)
        assert handler.opened[0].peer_name == peer.name
        assert handler.opened[0].peer_name.startswith('[::1]:')
    assert ('listening', f'[::1]:{server.actual_port}') in handler.states


@pytest.mark.skipif(not has_ipv6(), reason='this host has no IPv6')
def test_every_address_means_ipv4_and_ipv6_on_one_port(
    listen: Listen, handler: RecordingHandler
) -> None:
    server = listen('::', allowed_peers=('127.0.0.0/8', '::1'))
    for number, host in enumerate(('127.0.0.1', '::1')):
        with ScriptedPeer.dial(server.actual_port, host=host) as peer:
            peer.send(DATA)
            wait_for_count(handler.messages, number + 1)
            assert handler.opened[number].peer_name == peer.name


def test_when_accepting_fails_it_is_said_and_tried_again(
    listen: Listen,
    handler: RecordingHandler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(server_module, 'ACCEPT_PAUSE_S', 0.01)
    original = socket.socket.accept
    failures = iter([True, True])

    def fail_twice(listener: socket.socket) -> object:
        if next(failures, False):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return original(listener)

    monkeypatch.setattr(socket.socket, 'accept', fail_twice)
    server = listen()
    with ScriptedPeer.dial(server.actual_port) as peer:
        peer.send(DATA)
        wait_until(lambda: handler.messages)
    assert caplog.text.count('cannot accept a client') == 1


def test_f64_while_no_descriptors_are_left_that_is_a_fault(
    listen: Listen, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, 'ACCEPT_PAUSE_S', 0.01)
    monkeypatch.setattr(server_module, 'FAULT_S', 0.2)
    original = socket.socket.accept
    has_descriptors = threading.Event()

    def accept(listener: socket.socket) -> object:
        if has_descriptors.is_set():
            return original(listener)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket.socket, 'accept', accept)
    server = listen()
    assert server.fault == ''
    with ScriptedPeer.dial(server.actual_port):
        wait_until(lambda: 'Too many open files' in server.fault)
        has_descriptors.set()
        wait_until(lambda: server.sessions and not server.fault)
    assert server.statistics.refused_peers['accept_failed'] > 0


def test_f64_a_limit_of_descriptors_below_max_clients_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = iter([(163, 4096), (164, 4096), (resource.RLIM_INFINITY, resource.RLIM_INFINITY)])
    monkeypatch.setattr(resource, 'getrlimit', lambda _: next(limits))
    assert 'takes 164 file descriptors, and 163 are allowed' in lack_of_descriptors(100)
    assert [lack_of_descriptors(100), lack_of_descriptors(100)] == ['', '']


def test_it_can_be_stopped_while_it_cannot_accept(
    listen: Listen, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, 'ACCEPT_PAUSE_S', 0.05)
    failed = threading.Event()

    def fail(listener: socket.socket) -> object:
        failed.set()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket.socket, 'accept', fail)
    server = listen()
    port = server.actual_port
    with ScriptedPeer.dial(port):
        assert failed.wait(5.0)
        server.stop()
        failed.clear()
        watch_for(failed.is_set, 0.1, 'a stopped server accepts')
    socket.create_server(('127.0.0.1', port)).close()


def test_a_client_that_cannot_be_served_is_closed_and_named_in_the_log(
    listen: Listen,
    handler: RecordingHandler,
    io_thread: IoThread,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*arguments: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    server = listen()
    monkeypatch.setattr(io_thread.loop, 'connect_accepted_socket', fail)
    with ScriptedPeer.dial(server.actual_port) as peer:
        assert peer.receive_until_closed() == b''
    monkeypatch.undo()
    wait_until(lambda: 'cannot serve a client: OSError' in caplog.text, what='the log')
    with ScriptedPeer.dial(server.actual_port) as peer:
        peer.send(DATA)
        wait_until(lambda: handler.messages)


def test_a_client_that_is_being_let_in_is_closed_by_the_stop(
    listen: Listen,
    handler: RecordingHandler,
    io_thread: IoThread,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = threading.Event()

    async def wait_forever(*arguments: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    server = listen(max_clients=1)
    monkeypatch.setattr(io_thread.loop, 'connect_accepted_socket', wait_forever)
    with (
        ScriptedPeer.dial(server.actual_port) as peer,
        ScriptedPeer.dial(server.actual_port) as extra,
    ):
        assert begun.wait(5.0)
        assert codec.unpack(extra.receive_message()).content.code == codec.StatusCode.BUSY
        server.stop()
        assert peer.receive_until_closed() == b''


def test_f28_fifty_starts_and_stops_during_traffic_leave_nothing_behind(
    handler: RecordingHandler,
) -> None:
    descriptors = []
    for number in range(50):
        with IoThread() as io_thread:
            server = Server(io_thread, '127.0.0.1', 0, handler)
            server.start()
            with ScriptedPeer.dial(server.actual_port) as peer:
                stop = threading.Event()

                def feed(peer: ScriptedPeer = peer, stop: threading.Event = stop) -> None:
                    with contextlib.suppress(OSError):
                        while not stop.is_set():
                            peer.send(DATA * 10)

                feeder = threading.Thread(target=feed)
                feeder.start()
                wait_for_count(handler.opened, number + 1)
                server.send(MESSAGE, traffic='state')
                server.stop()
                assert len(handler.closed) == number + 1
                peer.receive_until_closed()
                stop.set()
                feeder.join(5.0)
        descriptors.append(len(os.listdir('/proc/self/fd')))
    assert max(descriptors[10:]) <= max(descriptors[:10])
    assert not [thread for thread in threading.enumerate() if thread.name == 'igtl_io']


def test_the_log_names_who_comes_and_goes(
    listen: Listen, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, 'ros2_igtl.transport')
    server = listen()
    with ScriptedPeer.dial(server.actual_port) as peer:
        name = peer.name
        wait_until(lambda: handler.opened)
    wait_until(lambda: handler.closed)
    assert f'{name}: connected' in caplog.text
    assert f'{name}: closed: closed by the peer' in caplog.text


def test_strangers_that_each_speak_another_nonsense_do_not_fill_the_log(
    listen: Listen, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, 'ros2_igtl.transport')
    server = listen()
    for number in range(20):
        with ScriptedPeer.dial(server.actual_port) as peer:
            peer.send(bytes((255, number)) * 29)
            peer.receive_until_closed()
    wait_for_count(handler.closed, 20)
    assert server.statistics.rejected == {'header_version': 20}
    assert caplog.text.count('closed: header_version') == 1


def test_a_client_takes_one_place_from_the_moment_its_session_opens(
    listen: Listen, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the task that opened it is still ending, the last place is free for another."""
    server = listen(max_clients=2)
    reasons: list[str] = []
    monkeypatch.setattr(
        handler, 'session_opened', lambda session: reasons.append(server._refusal('127.0.0.1'))
    )
    with ScriptedPeer.dial(server.actual_port):
        wait_until(lambda: reasons == [''], 10.0, 'the first session')
        with ScriptedPeer.dial(server.actual_port):
            wait_until(lambda: reasons == ['', 'max_clients'], 10.0, 'the second session')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.tls_transport: clients and servers with TLS, and their peers."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.certificates import (
    Authority,
    client_context,
    encrypt,
    make_old,
    server_context,
)
from helpers.recording_handler import RecordingHandler
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.transport import Client, IoThread, Options, Server
from ros2_igtl.transport import server as server_module
from ros2_igtl.transport.tls import TlsFilesError

Files = dict[str, Any]
Listen = Callable[..., Server]
Dial = Callable[..., Client]

MESSAGE = codec.Message(codec.String('text'), 'Device')
DATA = codec.pack(MESSAGE)
LARGE = codec.Message(
    codec.Image(os.urandom(512 * 512 * 20), (512, 512, 20)), 'Volume'
)  # of many records, and more than a socket takes at once


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the one that client and server trust."""
    return Authority(tmp_path)


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """Return one that nobody trusts."""
    return Authority(tmp_path, 'stranger')


@pytest.fixture
def files(authority: Authority) -> Files:
    """Return certificate, key and authority of the one that is tested."""
    return {**authority.issue('ours'), 'cafile': authority.cafile}


@pytest.fixture
def theirs(authority: Authority) -> Files:
    """Return certificate and key of its peer."""
    return authority.issue('theirs')


@pytest.fixture
def listen(io_thread: IoThread, handler: RecordingHandler, files: Files) -> Iterator[Listen]:
    """Return what starts a server with TLS, given Options as keywords."""
    servers = []

    def start(address: str = '127.0.0.1', **options: Any) -> Server:
        server = Server(
            io_thread, address, 0, handler, Options(**{'tls': True, **files, **options})
        )
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def dial(io_thread: IoThread, handler: RecordingHandler, files: Files) -> Iterator[Dial]:
    """Return what starts a client with TLS, given a port and Options as keywords."""
    clients = []

    def start(port: int, address: str = '127.0.0.1', **options: Any) -> Client:
        quick = {'reconnect_initial_delay': 0.02, 'reconnect_max_delay': 0.1}
        client = Client(
            io_thread,
            address,
            port,
            handler,
            Options(**{'tls': True, **quick, **files, **options}),
        )
        client.start()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.stop()


def secure(port: int, context: ssl.SSLContext) -> ScriptedPeer:
    """Return a client of the standard library after its handshake."""
    sock = socket.create_connection(('127.0.0.1', port), 10.0)
    try:
        return ScriptedPeer(context.wrap_socket(sock, server_hostname='127.0.0.1'))
    except BaseException:
        sock.close()
        raise


def tls_of(peer: ScriptedPeer) -> ssl.SSLSocket:
    assert isinstance(peer.socket, ssl.SSLSocket)
    return peer.socket


def greet(peer: ScriptedPeer, context: ssl.SSLContext) -> None:
    """Shake hands and receive: in TLS 1.3 a client that is refused knows only then."""
    peer.socket = context.wrap_socket(peer.socket, server_hostname='127.0.0.1')
    peer.receive_exactly(1)


def accept(server: ScriptedServer, context: ssl.SSLContext) -> ScriptedPeer:
    """Return what has dialled a server of the standard library, after its handshake."""
    peer = server.accept()
    peer.socket = context.wrap_socket(peer.socket, server_side=True)
    return peer


def test_a_server_and_a_client_that_trust_each_other_speak_both_ways(
    listen: Listen, handler: RecordingHandler, io_thread: IoThread, theirs: Files, files: Files
) -> None:
    server = listen()
    other = RecordingHandler()
    options = Options(tls=True, cafile=files['cafile'], **theirs)
    client = Client(io_thread, '127.0.0.1', server.actual_port, other, options)
    client.start()
    wait_until(lambda: client.sessions and server.sessions, what='the sessions')
    for _ in range(3):
        client.send(MESSAGE, traffic='event')
        client.send(LARGE, traffic='event')
        server.send(LARGE, traffic='event')
        server.send(MESSAGE, traffic='event')
    wait_for_count(handler.messages, 6, 20.0)
    wait_for_count(other.messages, 6, 20.0)
    assert handler.messages == [MESSAGE, LARGE] * 3
    assert other.messages == [LARGE, MESSAGE] * 3
    assert server.statistics.tls_failures == client.statistics.tls_failures == {}
    client.stop()
    wait_until(lambda: handler.closed)
    assert (handler.reasons, other.reasons) == (['closed by the peer'], ['stopped'])


def test_the_log_names_the_certificate_of_a_peer(
    listen: Listen,
    handler: RecordingHandler,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, 'ros2_igtl.transport')
    server = listen()
    context = client_context(authority.cafile, authority.issue('scan\nner'))
    with secure(server.actual_port, context) as peer:
        wait_until(lambda: handler.opened)
        assert f'{peer.name}: connected with TLSv1.3, certificate of ' in caplog.text
        assert 'scan\\nner' in caplog.text
        assert 'scan\nner' not in caplog.text


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_messages_come_through_however_the_records_are_cut(
    listen: Listen,
    handler: RecordingHandler,
    authority: Authority,
    theirs: Files,
    version: ssl.TLSVersion,
) -> None:
    server = listen()
    context = client_context(authority.cafile, theirs)
    context.maximum_version = version
    with secure(server.actual_port, context) as peer:
        peer.send_split(DATA, [1] * len(DATA))
        peer.send(DATA * 500)  # more than a turn's worth
        peer.send_split(DATA * 3, [57, 1, 1, 100])
        wait_for_count(handler.messages, 504)
        assert handler.messages == [MESSAGE] * 504
        server.send(MESSAGE, traffic='event')
        assert peer.receive_message() == DATA
        peer.send(DATA * 500)
        tls_of(peer).unwrap()  # says that it ends, before what is above was all handled
    wait_until(lambda: handler.closed)
    assert len(handler.messages) == 1004
    assert handler.reasons == ['closed by the peer']
    assert server.statistics.rejected == {}


@pytest.mark.parametrize('says_so', [True, False])
def test_f6_a_peer_that_ends_within_a_message_is_counted_as_without_tls(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files, says_so: bool
) -> None:
    server = listen()
    with secure(server.actual_port, client_context(authority.cafile, theirs)) as peer:
        peer.send(DATA[:60])
        wait_until(lambda: server.statistics.received_bytes == 60)
        if says_so:
            with contextlib.suppress(ssl.SSLError, OSError):
                tls_of(peer).unwrap()
        else:
            peer.shut_down_sending()
        wait_until(lambda: handler.closed)
    assert handler.reasons == ['closed by the peer']
    assert server.statistics.rejected == {'truncated': 1}


def test_what_a_peer_sent_before_it_left_is_received_though_our_write_notices_first(
    listen: Listen,
    handler: RecordingHandler,
    io_thread: IoThread,
    authority: Authority,
    theirs: Files,
) -> None:
    server = listen()
    with secure(server.actual_port, client_context(authority.cafile, theirs)) as peer:
        wait_until(lambda: handler.opened)

        def write_to_a_peer_that_has_gone() -> None:  # nothing is read in this turn
            peer.send(DATA * 1000)
            peer.reset()
            server.send(MESSAGE, traffic='event')
            server.sessions[0].writer.flush()

        io_thread.call(write_to_a_peer_that_has_gone)
        wait_until(lambda: handler.closed)
    assert handler.reasons == ['reset by the peer']
    assert handler.messages == [MESSAGE] * 1000


def test_what_waits_is_sent_before_the_stop_and_the_end_is_said(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen()
    with secure(server.actual_port, client_context(authority.cafile, theirs)) as peer:
        wait_until(lambda: handler.opened)
        for _ in range(100):
            server.send(MESSAGE, traffic='event')
        server.stop()
        assert peer.receive_until_closed() == DATA * 100  # an end that is not said would raise


def test_f9_of_what_waited_for_a_stalled_peer_the_newest_comes_first(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen()
    content = codec.Image(bytes(512 * 512), (512, 512, 1))
    numbers = iter(range(1, 1000))
    last = 0

    def send() -> None:
        nonlocal last
        last = next(numbers)
        server.send(codec.Message(content, 'Slice', last), traffic='state')

    def has_replaced() -> bool:
        send()
        return server.statistics.replaced > 0

    with secure(server.actual_port, client_context(authority.cafile, theirs)) as peer:
        wait_until(lambda: handler.opened)
        wait_until(has_replaced, 10.0, 'a stalled peer')
        for _ in range(20):
            send()
        seen: list[int] = []
        while not seen or seen[-1] != last:
            seen.append(codec.unpack(peer.receive_message()).timestamp)
    assert seen == sorted(seen)
    assert seen[-2] <= last - 20  # what was begun is finished, then comes the newest


@pytest.mark.parametrize(
    ('first', 'cause'),
    [(DATA, 'no_tls'), (b'GET / HTTP/1.0\r\n\r\n', 'no_tls'), (b'\x16garbage' * 9, 'protocol')],
)
def test_f31_a_client_without_tls_is_refused(
    listen: Listen,
    handler: RecordingHandler,
    caplog: pytest.LogCaptureFixture,
    first: bytes,
    cause: str,
) -> None:
    server = listen()
    for _ in range(3):
        with ScriptedPeer.dial(server.actual_port) as peer:
            peer.send(first)
            assert codec.pack(codec.Message(codec.Status())) not in peer.receive_until_closed()
    wait_until(lambda: server.statistics.tls_failures == {cause: 3})
    assert handler.opened == []
    assert server.statistics.received_bytes == 0
    assert caplog.text.count('refused: TLS: ') == 1


def test_f31_a_client_that_says_nothing_is_refused_in_time(
    listen: Listen, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    server = listen(handshake_timeout=0.1)
    with ScriptedPeer.dial(server.actual_port) as peer:
        begin = time.monotonic()
        assert peer.receive_until_closed() == b''
        assert 0.09 < time.monotonic() - begin < 1.0
        wait_until(lambda: server.statistics.tls_failures == {'handshake_timeout': 1})
        text = f'{peer.name}: refused: TLS: no handshake within 0.1 s; perhaps the peer does not'
        assert text in caplog.text
    assert handler.opened == []


def test_f31_a_client_that_leaves_in_the_handshake_is_counted(
    listen: Listen, handler: RecordingHandler
) -> None:
    server = listen()
    ScriptedPeer.dial(server.actual_port).close()
    wait_until(lambda: server.statistics.tls_failures == {'closed': 1})
    with ScriptedPeer.dial(server.actual_port) as peer:
        peer.send(b'\x16')
        peer.reset()
    wait_until(lambda: server.statistics.tls_failures == {'closed': 2})
    assert handler.opened == []


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ('who', 'cause', 'text'),
    [
        ('nobody', 'no_certificate', 'the peer sent no certificate'),
        ('of a stranger', 'unknown_ca', 'the certificate of the peer is rejected: unable to get'),
        ('expired', 'expired', 'the certificate of the peer is rejected: certificate has expired'),
        ('future', 'not_yet_valid', 'rejected: certificate is not yet valid'),
        ('revoked', 'revoked', 'the certificate of the peer is rejected: certificate revoked'),
    ],
)
def test_f31_a_client_that_is_not_who_it_has_to_be_is_refused_and_the_others_do_not_notice(
    listen: Listen,
    handler: RecordingHandler,
    authority: Authority,
    stranger: Authority,
    theirs: Files,
    caplog: pytest.LogCaptureFixture,
    version: ssl.TLSVersion,
    who: str,
    cause: str,
    text: str,
) -> None:
    bad: Files | None = None
    cafile = authority.cafile
    if who == 'of a stranger':
        bad = stranger.issue(who)
    elif who == 'expired':
        bad = authority.issue_expired(who)
    elif who == 'future':
        bad = authority.issue_future(who)
    elif who == 'revoked':
        bad = authority.issue(who)
        cafile = authority.revoke(bad['certfile'])
    server = listen(cafile=cafile)
    with secure(server.actual_port, client_context(authority.cafile, theirs)) as healthy:
        wait_until(lambda: handler.opened)
        context = client_context(authority.cafile, bad)
        context.maximum_version = version
        with ScriptedPeer.dial(server.actual_port) as peer:
            name = peer.name
            with pytest.raises((ssl.SSLError, ConnectionError)):
                greet(peer, context)
        wait_until(lambda: server.statistics.tls_failures == {cause: 1})
        assert f'{name}: refused: TLS: ' in caplog.text
        assert text in caplog.text
        healthy.send(DATA)
        wait_until(lambda: handler.messages == [MESSAGE])
        assert len(handler.opened) == 1


def test_f31_a_client_with_an_old_tls_is_refused(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen()
    context = make_old(client_context(authority.cafile, theirs))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secure(server.actual_port, context)
    wait_until(lambda: server.statistics.tls_failures == {'version': 1})
    assert handler.opened == []


def test_a_session_of_tls_1_3_is_not_resumed(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen()
    context = client_context(authority.cafile, theirs)
    with secure(server.actual_port, context) as first:
        wait_for_a_message(server, first)
        assert tls_of(first).version() == 'TLSv1.3'
        session = tls_of(first).session
        assert session is None or not session.has_ticket
    with ScriptedPeer.dial(server.actual_port) as second:
        second.socket = context.wrap_socket(
            second.socket, server_hostname='127.0.0.1', session=session
        )
        wait_for_a_message(server, second)
        assert not second.socket.session_reused


def wait_for_a_message(server: Server, peer: ScriptedPeer) -> None:
    """Wait for a message: whatever TLS has to say after the handshake came before it."""
    wait_until(lambda: [s for s in server.sessions if s.peer_name == peer.name])
    server.send(MESSAGE, traffic='event')
    assert peer.receive_message() == DATA


def test_a_server_that_asks_nobody_serves_clients_without_a_certificate(
    listen: Listen, handler: RecordingHandler, authority: Authority
) -> None:
    server = listen(cafile='', tls_client_auth='none')
    with secure(server.actual_port, client_context(authority.cafile)) as peer:
        peer.send(DATA)
        wait_until(lambda: handler.messages == [MESSAGE])


def waits_with(handler: RecordingHandler) -> str:
    """Return what a client waits for, the first time that it does."""
    wait_until(lambda: [state for state, _ in handler.states if state == 'waiting'])
    return next(detail for state, detail in handler.states if state == 'waiting')


@pytest.mark.parametrize(
    ('who', 'cause', 'text'),
    [
        ('of a stranger', 'unknown_ca', 'the certificate of the peer is rejected: unable to get'),
        ('expired', 'expired', 'the certificate of the peer is rejected: certificate has expired'),
        ('future', 'not_yet_valid', 'rejected: certificate is not yet valid'),
        ('other name', 'hostname', 'IP address mismatch, certificate is not valid for'),
    ],
)
def test_f31_a_server_that_is_not_who_it_has_to_be_is_not_spoken_to(
    dial: Dial,
    handler: RecordingHandler,
    authority: Authority,
    stranger: Authority,
    who: str,
    cause: str,
    text: str,
) -> None:
    if who == 'of a stranger':
        bad = stranger.issue(who)
    elif who == 'expired':
        bad = authority.issue_expired(who)
    elif who == 'future':
        bad = authority.issue_future(who)
    else:
        bad = authority.issue(who, 'scanner.local', '192.0.2.1')
    with ScriptedServer() as server:
        client = dial(server.port)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            accept(server, server_context(bad)).receive_exactly(1)
        detail = waits_with(handler)
        assert detail.startswith(f'cannot connect to 127.0.0.1:{server.port}: TLS: ')
        assert text in detail
        assert client.statistics.tls_failures[cause] == 1
        assert handler.opened == []


def test_f31_a_name_that_is_dialled_has_to_be_in_the_certificate(
    dial: Dial, handler: RecordingHandler, authority: Authority
) -> None:
    with ScriptedServer() as server:
        client = dial(server.port, 'localhost')
        with pytest.raises((ssl.SSLError, ConnectionError)):
            accept(server, server_context(authority.issue('a', '127.0.0.1'))).receive_exactly(1)
        wait_until(lambda: client.statistics.tls_failures == {'hostname': 1})
        accept(server, server_context(authority.issue('b', 'localhost'))).send(DATA)
        wait_until(lambda: handler.messages == [MESSAGE])


def test_f31_a_server_without_tls_is_not_spoken_to(dial: Dial, handler: RecordingHandler) -> None:
    with ScriptedServer() as server:
        client = dial(server.port)
        peer = server.accept()
        assert peer.receive_exactly(2) == b'\x16\x03'
        peer.send(DATA)
        assert 'TLS: the peer does not speak TLS; next try' in waits_with(handler)
        server.accept().close()
        wait_until(lambda: client.statistics.tls_failures == {'no_tls': 1, 'closed': 1})
    assert handler.opened == []


def test_f31_a_server_that_says_nothing_is_given_up_in_time(
    dial: Dial, handler: RecordingHandler
) -> None:
    with ScriptedServer() as server:
        client = dial(server.port, handshake_timeout=0.1)
        detail = waits_with(handler)
        assert 'TLS: no handshake within 0.1 s; perhaps the peer does not speak TLS' in detail
        assert client.statistics.tls_failures['handshake_timeout'] >= 1


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_f31_a_client_without_a_certificate_says_what_the_server_wants(
    dial: Dial, handler: RecordingHandler, authority: Authority, theirs: Files, version: Any
) -> None:
    context = server_context(theirs, authority.cafile)
    context.maximum_version = version
    with ScriptedServer() as server:
        client = dial(server.port, certfile='', keyfile='')
        with pytest.raises(ssl.SSLError):
            accept(server, context)
        wait_until(lambda: client.statistics.tls_failures['refused_by_peer'] == 1)
        text = 'TLS: the peer refuses the connection: '
        if version == ssl.TLSVersion.TLSv1_3:  # which tells it when the client is through
            text += 'certificate required; set certfile'
        assert text in waits_with(handler)


def test_f31_a_server_with_an_old_tls_is_not_spoken_to(
    dial: Dial, handler: RecordingHandler, theirs: Files
) -> None:
    context = make_old(server_context(theirs))
    with ScriptedServer() as server:
        client = dial(server.port)
        with pytest.raises(ssl.SSLError):
            accept(server, context)
        wait_until(lambda: client.statistics.tls_failures == {'version': 1})


def test_a_client_dials_an_ipv6_address_by_its_certificate(
    dial: Dial, handler: RecordingHandler, authority: Authority
) -> None:
    try:
        listener = socket.create_server(('::1', 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip('this host has no IPv6')
    with listener:
        listener.settimeout(10.0)
        dial(listener.getsockname()[1], '::1')
        sock, _ = listener.accept()
        context = server_context(authority.issue('six', '::1'))
        with ScriptedPeer(context.wrap_socket(sock, server_side=True)) as peer:
            peer.send(DATA)
            wait_until(lambda: handler.messages == [MESSAGE])


def test_bytes_that_were_changed_on_the_way_close_the_session(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen()
    with secure(server.actual_port, client_context(authority.cafile, theirs)) as peer:
        peer.send(DATA)
        wait_until(lambda: handler.messages)
        with socket.socket(fileno=os.dup(peer.socket.fileno())) as below:
            below.sendall(b'\x17\x03\x03\x00\x20' + bytes(32))
        wait_until(lambda: handler.closed)
    assert handler.reasons == ['TLS: decryption failed or bad record mac']
    assert server.statistics.tls_failures == {'protocol': 1}
    assert server.statistics.rejected == {}


def test_f15_too_many_clients_are_told_so_after_the_handshake(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen(max_clients=1)
    context = client_context(authority.cafile, theirs)
    with secure(server.actual_port, context) as first:
        wait_until(lambda: handler.opened)
        for _ in range(3):
            with secure(server.actual_port, context) as extra:
                status = codec.unpack(extra.receive_message())
                assert status.content.code == codec.StatusCode.BUSY
                assert extra.receive_until_closed() == b''
        first.send(DATA)
        wait_until(lambda: handler.messages == [MESSAGE])
    assert server.statistics.refused_peers == {'max_clients': 3}
    assert len(handler.opened) == 1


def test_f16_a_flood_of_clients_that_say_nothing_shuts_nobody_out(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen(max_clients=2, handshake_timeout=30.0)
    before = len(os.listdir('/proc/self/fd'))
    many = server_module.MAX_HANDSHAKES + 20
    with contextlib.ExitStack() as stack:
        flood = [stack.enter_context(ScriptedPeer.dial(server.actual_port)) for _ in range(many)]
        with secure(server.actual_port, client_context(authority.cafile, theirs)) as peer:
            peer.send(DATA)
            wait_until(lambda: handler.messages == [MESSAGE])
        for oldest in flood[:20]:
            assert oldest.receive_until_closed() == b''
        # one more for the peer that came through
        wait_until(lambda: server.statistics.refused_peers == {'max_handshakes': 21})
        most = before + many + server_module.MAX_HANDSHAKES
        assert len(os.listdir('/proc/self/fd')) <= most + 10
    server.stop()


def test_f32_a_peer_that_is_not_allowed_gets_no_handshake(
    listen: Listen, handler: RecordingHandler
) -> None:
    server = listen(allowed_peers=('127.0.0.2',))
    with ScriptedPeer.dial(server.actual_port) as peer:
        assert peer.receive_until_closed() == b''
    assert server.statistics.refused_peers == {'allowed_peers': 1}
    assert server.statistics.tls_failures == {}


def test_beyond_this_host_it_listens_if_its_clients_show_certificates(
    listen: Listen, io_thread: IoThread, handler: RecordingHandler, files: Files
) -> None:
    assert listen('0.0.0.0').actual_port
    options = Options(
        tls=True, certfile=files['certfile'], keyfile=files['keyfile'], tls_client_auth='none'
    )
    with pytest.raises(ValueError, match=r'(?s)set allowed_peers .*tls_client_auth: required'):
        Server(io_thread, '0.0.0.0', 0, handler, options).start()
    with pytest.raises(ValueError, match='set allowed_peers'):
        Server(io_thread, '0.0.0.0', 0, handler, Options(tls_client_auth='required')).start()


def test_a_start_with_files_that_cannot_be_used_fails_and_can_be_tried_again(
    io_thread: IoThread, handler: RecordingHandler, authority: Authority, files: Files
) -> None:
    server = Server(io_thread, '127.0.0.1', 0, handler, Options(tls=True, **files))
    client = Client(io_thread, '127.0.0.1', 1, handler, Options(tls=True, **files))
    encrypt(files['keyfile'])
    for endpoint in (server, client):
        with pytest.raises(TlsFilesError, match=r'keyfile: .* is encrypted'):
            endpoint.start()
    authority.issue('ours')
    server.start()
    assert server.actual_port
    server.stop()


def test_new_sessions_use_the_files_as_they_are_and_old_sessions_go_on(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files
) -> None:
    server = listen()
    context = client_context(authority.cafile, theirs)
    seen = []
    with contextlib.ExitStack() as stack:
        for number in range(1, 3):
            peer = stack.enter_context(secure(server.actual_port, context))
            seen.append(tls_of(peer).getpeercert(binary_form=True))
            wait_for_count(handler.opened, number)
            authority.issue('ours')
        encrypt(f'{authority.folder}/ours.key')
        peer = stack.enter_context(secure(server.actual_port, context))
        seen.append(tls_of(peer).getpeercert(binary_form=True))
        wait_for_count(handler.opened, 3)
        assert server.send(MESSAGE, traffic='event') == 3
    assert seen[0] != seen[1] == seen[2]


def test_a_stop_ends_handshakes_and_leaves_nothing_behind(
    io_thread: IoThread, handler: RecordingHandler, files: Files
) -> None:
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(10):
        server = Server(io_thread, '127.0.0.1', 0, handler, Options(tls=True, **files))
        server.start()
        with ScriptedPeer.dial(server.actual_port) as peer, ScriptedServer() as silent:
            client = Client(io_thread, '127.0.0.1', silent.port, handler, server._options)
            client.start()
            other = silent.accept()
            assert other.receive_exactly(1) == b'\x16'
            peer.send(b'\x16')
            client.stop()
            server.stop()
            assert peer.receive_until_closed() == b''
            other.receive_until_closed()
    wait_until(lambda: len(os.listdir('/proc/self/fd')) <= before, what='the sockets closed')
    assert handler.opened == []


needs_openssl = pytest.mark.skipif(
    shutil.which('openssl') is None, reason='there is no openssl program on this machine'
)


@contextlib.contextmanager
def openssl(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run openssl with pipes, killed at the end."""
    process = subprocess.Popen(
        ['openssl', *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    killer = threading.Timer(20.0, process.kill)
    killer.start()
    try:
        yield process
    finally:
        killer.cancel()
        process.kill()
        process.communicate()


@needs_openssl
@pytest.mark.parametrize('version', ['-tls1_2', '-tls1_3'])
def test_openssls_own_client_sends_and_receives(
    listen: Listen, handler: RecordingHandler, authority: Authority, theirs: Files, version: str
) -> None:
    server = listen()
    where = f'127.0.0.1:{server.actual_port}'
    identity = ['-cert', theirs['certfile'], '-key', theirs['keyfile']]
    trust = ['-CAfile', authority.cafile, '-verify_return_error', '-verify_ip', '127.0.0.1']
    with openssl('s_client', '-quiet', '-connect', where, version, *identity, *trust) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(DATA)
        client.stdin.flush()
        wait_until(lambda: handler.messages == [MESSAGE], 10.0)
        server.send(MESSAGE, traffic='event')
        assert client.stdout.read(len(DATA)) == DATA


@needs_openssl
@pytest.mark.parametrize('version', ['-tls1_2', '-tls1_3'])
def test_openssls_own_server_sends_and_receives(
    dial: Dial, handler: RecordingHandler, authority: Authority, theirs: Files, version: str
) -> None:
    identity = ['-cert', theirs['certfile'], '-key', theirs['keyfile']]
    trust = ['-CAfile', authority.cafile, '-Verify', '1', '-verify_return_error']
    with openssl('s_server', '-accept', '127.0.0.1:0', version, *identity, *trust) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        accepting = b''
        while not accepting.startswith(b'ACCEPT 127.0.0.1:'):
            accepting = server.stdout.readline()
        client = dial(int(accepting.rpartition(b':')[2]))
        wait_until(lambda: handler.opened, 10.0)
        server.stdin.write(DATA)
        server.stdin.flush()
        wait_until(lambda: handler.messages == [MESSAGE], 10.0)
        client.send(MESSAGE, traffic='event')
        said = b''
        while DATA not in said:
            piece = os.read(server.stdout.fileno(), 65536)
            assert piece, said
            said += piece

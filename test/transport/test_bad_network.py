# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the transport over a cable that is cut, slow or loses packets."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from helpers import network_namespace
from helpers.network_namespace import OUR_ADDRESS, THEIR_ADDRESS, Cable
from helpers.recording_handler import RecordingHandler
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.transport import IoThread, Options, Server, tcp

# Dials, says by a byte on stdout that it is connected, and does as its arguments say.
PEER = """
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
sys.stdout.buffer.write(b'.')
sys.stdout.buffer.flush()
if sys.argv[3] == 'echo':
    while data := peer.recv(65536):
        peer.sendall(data)
sys.stdin.read()
"""


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Lay a cable to a host in a namespace."""
    reason = network_namespace.why_not()
    if reason:
        pytest.skip(reason)
    with network_namespace.cable() as made:
        yield made


@pytest.fixture
def server(
    cable: Cable, io_thread: IoThread, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """Start a server that the other host may dial, and that finds out quickly about its end."""
    monkeypatch.setattr(tcp, 'KEEPALIVE_IDLE_S', 1)
    monkeypatch.setattr(tcp, 'KEEPALIVE_INTERVAL_S', 1)
    monkeypatch.setattr(tcp, 'KEEPALIVE_PROBES', 2)
    monkeypatch.setattr(tcp, 'USER_TIMEOUT_MS', 2000)
    options = Options(allowed_peers=(THEIR_ADDRESS,))
    started = Server(io_thread, OUR_ADDRESS, 0, handler, options)
    started.start()
    yield started
    started.stop()


@pytest.mark.parametrize('is_sending', [False, True], ids=['idle', 'sending'])
def test_f07_a_host_that_is_gone_without_a_word_is_noticed(
    cable: Cable, server: Server, handler: RecordingHandler, is_sending: bool
) -> None:
    with cable.run(PEER, OUR_ADDRESS, str(server.actual_port), 'wait') as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b'.'
        wait_for_count(handler.opened, 1)
        cable.cut()
        begin = time.monotonic()
        if is_sending:
            server.send(codec.Message(codec.String('anybody?')), traffic='state')
        wait_until(lambda: handler.closed, 10.0, 'the session is closed')
        assert handler.reasons == ['the peer no longer answers']
        assert 1.0 < time.monotonic() - begin < 8.0


def test_f20_delay_jitter_and_loss_lose_no_event(
    cable: Cable, server: Server, handler: RecordingHandler
) -> None:
    with cable.run(PEER, OUR_ADDRESS, str(server.actual_port), 'echo') as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b'.'
        wait_for_count(handler.opened, 1)
        try:
            cable.degrade('delay', '20ms', '10ms', 'loss', '2%')
        except subprocess.SubprocessError as error:
            pytest.skip(f'no netem here: {error}')
        texts = [codec.Message(codec.String(f'{number}' * 20)) for number in range(500)]
        for message in texts:
            assert server.send(message, traffic='event') == 1
        wait_for_count(handler.messages, 500, 30.0)
        assert handler.messages == texts
        assert not server.statistics.rejected

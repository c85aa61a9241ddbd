# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl listen` prints what peers send, until there is enough."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time

import pytest

from helpers.serving import serving
from ros2_igtl import codec
from ros2_igtl.cli.main import main
from ros2_igtl.sim import Simulation, Tracker

DEADLINE_S = 20.0
TEXT = codec.pack(codec.Message(codec.String('ready'), 'Robot'))
STATUS = codec.pack(codec.Message(codec.Status(), 'Robot'))


def test_it_ends_with_the_peer_and_has_printed_everything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(lambda peer: peer.sendall(TEXT + STATUS)) as port:
        assert main(['listen', '127.0.0.1', port]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} STRING +Robot +- 'ready'", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} STATUS +Robot +- 1 OK 0 '' ''", second)


def test_json_has_everything_and_the_time_of_arrival(capsys: pytest.CaptureFixture[str]) -> None:
    before_ns = time.time_ns()
    with serving(lambda peer: peer.sendall(TEXT)) as port:
        assert main(['listen', '127.0.0.1', port, '--json']) == 0
    line = json.loads(capsys.readouterr().out)
    assert before_ns <= line.pop('receive_time_ns') <= time.time_ns()
    assert line == codec.describe(codec.unpack(TEXT))


def test_it_ends_after_a_count_of_the_types_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with Simulation(Tracker(('A',)), 100.0) as simulation:
        port = str(simulation.port)
        assert main(['listen', '127.0.0.1', port, '--type', 'TRANSFORM', '--count', '3']) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_other_types_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda peer: peer.sendall(TEXT + STATUS + TEXT)) as port:
        assert main(['listen', '127.0.0.1', port, '--type', 'STATUS', '--type', 'POINT']) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ['STATUS']


def test_it_ends_after_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    def hold(peer: socket.socket) -> None:
        peer.sendall(TEXT)
        assert peer.recv(1) == b''  # until the other end hangs up

    began = time.monotonic()
    with serving(hold) as port:
        assert main(['listen', '127.0.0.1', port, '--seconds', '0.3']) == 0
    assert 0.3 <= time.monotonic() - began < DEADLINE_S
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_fewer_than_the_count_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda peer: peer.sendall(TEXT)) as port:
        assert main(['listen', '127.0.0.1', port, '--count', '2']) == 1
    assert capsys.readouterr().err == 'igtl listen: 1 of 2 messages arrived\n'


def test_a_rejected_message_is_named_and_the_next_one_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = TEXT[:-1] + b'?'
    with serving(lambda peer: peer.sendall(broken + STATUS)) as port:
        assert main(['listen', '127.0.0.1', port]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert 'STRING' in first
    assert 'rejected (crc)' in first
    assert 'STATUS' in second


@pytest.mark.parametrize('sent', [TEXT[:-1], b'SSH-2.0-OpenSSH_9.2' + bytes(58)])
def test_a_stream_that_cannot_be_followed_is_a_failure(
    sent: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda peer: peer.sendall(sent)) as port:
        assert main(['listen', '127.0.0.1', port]) == 1
    assert capsys.readouterr().err.startswith('igtl listen: ')


def test_a_server_prints_what_one_client_after_the_other_sends() -> None:
    with subprocess.Popen(
        [
            *(sys.executable, '-m', 'ros2_igtl.cli.main'),
            *('listen', '127.0.0.1', '0', '--server', '--count', '2', '--seconds', '20'),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().rpartition(':')[2])
        for data in (TEXT + TEXT[:60], STATUS):  # the first breaks off within a message
            with socket.create_connection(('127.0.0.1', port)) as client:
                client.sendall(data)
        output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1  # for the message that was broken off
    assert [line.split()[1] for line in output.splitlines()] == ['STRING', 'STRING', 'STATUS']
    assert 'rejected (truncated)' in output


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = str(server.getsockname()[1])
        assert main(['listen', '127.0.0.1', port, '--server']) == 1
    assert capsys.readouterr().err.startswith(f'igtl listen: 127.0.0.1:{port}: Address already')

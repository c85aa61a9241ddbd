# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl simulate` is a device until it is told to end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ros2_igtl import codec
from ros2_igtl.cli import stream
from ros2_igtl.cli.main import main

DEADLINE_S = 20.0


@contextmanager
def simulating(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the command on any port; yields the process and the port."""
    with subprocess.Popen(
        [sys.executable, '-m', 'ros2_igtl.cli.main', 'simulate', *arguments, '--port', '0'],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert first.startswith('listening: 127.0.0.1:'), first
            yield process, int(first.rpartition(':')[2])
        finally:
            process.kill()


def receive(port: int, count: int) -> list[codec.Message]:
    messages: list[codec.Message] = []
    with stream.connect('127.0.0.1', port) as peer:
        for result in stream.receive(peer, time.monotonic() + DEADLINE_S):
            assert isinstance(result, codec.Message), result
            messages.append(result)
            if len(messages) == count:
                break
    assert len(messages) == count
    return messages


def test_a_tracker_sends_its_tools() -> None:
    with simulating('tracker', '--tools', 'A', 'B', 'C', '--rate', '100') as (_, port):
        messages = receive(port, 6)
    assert {message.device_name for message in messages} == {'A', 'B', 'C'}
    assert {message.type_name for message in messages} == {'TRANSFORM'}
    assert all(message.timestamp for message in messages)


def test_a_tracker_sends_tdata() -> None:
    with simulating('tracker', '--tdata', '--device-name', 'NDI', '--no-stamps') as (_, port):
        (message,) = receive(port, 1)
    assert (message.type_name, message.device_name, message.timestamp) == ('TDATA', 'NDI', 0)
    assert len(message.content.tools) == 2


@pytest.mark.parametrize(
    ('arguments', 'device_name', 'size'),
    [
        ([], 'Scanner', (256, 256, 1)),
        (['--device-name', 'MRI'], 'MRI', (256, 256, 1)),
        (['--volume'], 'Volume', (96, 112, 96)),
    ],
)
def test_an_imager_sends_its_images(
    arguments: list[str], device_name: str, size: tuple[int, int, int]
) -> None:
    with simulating('imager', '--header-version', '2', *arguments) as (_, port):
        (message,) = receive(port, 1)
    assert message.device_name == device_name
    assert message.content.size == size
    assert message.header_version == 2


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_being_told_to_end_is_no_failure(number: signal.Signals) -> None:
    with simulating('tracker') as (process, port):
        receive(port, 1)
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0
        assert process.stderr is not None
        assert 'Traceback' not in process.stderr.read()


def test_it_dials_and_ends_after_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(DEADLINE_S)
        port = str(server.getsockname()[1])
        with subprocess.Popen(
            [
                *(sys.executable, '-m', 'ros2_igtl.cli.main', 'simulate', 'tracker'),
                *('--connect', '127.0.0.1', port, '--count', '5', '--rate', '100'),
            ],
            stderr=subprocess.DEVNULL,
        ) as process:
            peer, _ = server.accept()
            with peer:
                results = list(stream.receive(peer, time.monotonic() + DEADLINE_S))
            assert process.wait(DEADLINE_S) == 0
    assert len(results) == 10


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        assert main(['simulate', 'tracker', '--port', str(port)]) == 1
    printed = capsys.readouterr().err
    assert f'127.0.0.1:{port}' in printed
    assert printed.count('\n') == 1

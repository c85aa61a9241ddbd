# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A node as a process: signals, the profile of the middleware, parameters that are refused."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ament_index_python.packages import PackageNotFoundError
from places import installed_program

from helpers.scripted_peer import ScriptedPeer, ScriptedServer, unused_port
from helpers.waiting import wait_until
from ros2_igtl import codec, environment
from ros2_igtl.nodes.programs import process as process_module
from ros2_igtl.nodes.programs.process import SAME_SIGNAL_S

POSE = codec.pack(
    codec.Message(codec.Transform(1, 0, 0, 0, 1, 0, 0, 0, 1, 1.0, 2.0, 3.0), 'Probe')
)


@pytest.mark.alone
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('program', ['igtl_client', 'igtl_server'])
def test_f29_a_signal_ends_the_program_under_load(program: str, number: signal.Signals) -> None:
    with ScriptedServer() as server:
        port = server.port if program == 'igtl_client' else unused_port()
        process = subprocess.Popen(
            [installed_program(program), '--ros-args', '-p', f'port:={port}'],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            peer = server.accept() if program == 'igtl_client' else dial_when_ready(port)
            stop = threading.Event()
            sender = threading.Thread(target=send_until, args=(peer, stop))
            sender.start()
            begin = time.monotonic()
            process.send_signal(number)
            assert process.wait(timeout=10.0) == 0
            assert time.monotonic() - begin < 2.0
        finally:
            stop.set()
            process.kill()
            sender.join()
            peer.close()
        assert process.stderr is not None
        with process.stderr as stream:
            assert 'Traceback' not in stream.read()


def test_a_signal_that_comes_twice_at_once_is_one() -> None:
    """Ctrl-C under ros2 launch: the terminal tells the node, and so does launch."""
    port = unused_port()
    command = [installed_program('igtl_server'), '--ros-args', '-p', f'port:={port}']
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        dial_when_ready(port).close()
        with contextlib.suppress(AssertionError):  # it may take longer, and is told often enough
            wait_until(lambda: signalled(process) is not None, SAME_SIGNAL_S / 2)
        process.wait(10.0)
    finally:
        process.kill()
        _, log = process.communicate()
    assert process.returncode == 0, log
    assert 'Traceback' not in log


def test_a_signal_that_comes_again_later_ends_what_does_not_end(tmp_path: Path) -> None:
    script = (
        'import time\n'
        'from types import SimpleNamespace\n'
        'from ros2_igtl.nodes.programs.process import _watch_signals\n'
        "_watch_signals(SimpleNamespace(create_task=lambda task: print('told', flush=True)))\n"
        "print('ready', flush=True)\n"
        'time.sleep(60.0)\n'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == 'told\n'
        code = wait_until(lambda: signalled(process), 10.0, 'the end of the process')
    finally:
        process.kill()
        process.communicate()
    assert code == 128 + signal.SIGINT
    assert time.monotonic() - begin > SAME_SIGNAL_S


def signalled(process: subprocess.Popen[str]) -> int | None:
    """Send SIGINT to a process, and return the exit code once it has ended."""
    process.send_signal(signal.SIGINT)
    return process.poll()


def dial_when_ready(port: int) -> ScriptedPeer:
    def attempt() -> ScriptedPeer | None:
        try:
            return ScriptedPeer.dial(port)
        except ConnectionRefusedError:
            return None

    peer = wait_until(attempt, 20.0, 'the server')
    assert peer is not None
    return peer


def send_until(peer: ScriptedPeer, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            peer.socket.sendall(POSE)
        except (TimeoutError, OSError):
            return


def test_a_parameter_that_is_refused_ends_the_program_with_a_line() -> None:
    for program in ('igtl_client', 'igtl_server'):
        process = subprocess.run(
            [installed_program(program), '--ros-args', '-p', 'port:=70000'],
            capture_output=True,
            text=True,
            timeout=30.0,
            check=False,
        )
        assert process.returncode == 1
        assert 'port out of range. Min: 0, Max: 65535, value: 70000' in process.stderr
        assert 'Traceback' not in process.stderr


def test_f53_a_log_that_nobody_reads_stops_nothing() -> None:
    """As in a terminal after Ctrl-S, or under a launch that stands still."""
    port = unused_port()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    command = [installed_program('igtl_server'), '--ros-args', '-p', f'port:={port}']
    process = subprocess.Popen(command, stdout=writing, stderr=writing)
    try:
        for _ in range(5):  # sessions, each of which is logged
            with dial_when_ready(port) as peer:
                peer.send(codec.pack(codec.Message(codec.GetStatus(), '')))
                assert codec.unpack(peer.receive_message()).type_name == 'STATUS'
        process.send_signal(signal.SIGINT)
        assert process.wait(10.0) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


@pytest.fixture
def no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test an environment that names no profile, and the old one back."""
    monkeypatch.setattr(os, 'environ', dict(os.environ))
    for name in environment.PROFILE_VARIABLES:
        os.environ.pop(name, None)


@pytest.mark.usefixtures('no_profile')
def test_the_profile_of_the_package_is_used_unless_the_user_has_one() -> None:
    profile = process_module.use_large_message_profile()
    assert profile is not None
    assert Path(profile).read_text().startswith('<?xml')
    for name in environment.PROFILE_VARIABLES:
        for each in environment.PROFILE_VARIABLES:
            os.environ.pop(each, None)
        os.environ[name] = f'/{name} of the user'
        assert process_module.use_large_message_profile() == f'/{name} of the user'


@pytest.mark.usefixtures('no_profile')
def test_without_an_installed_package_there_is_no_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(process_module, 'get_package_share_directory', fail)
    assert process_module.use_large_message_profile() is None
    assert not set(environment.PROFILE_VARIABLES) & set(os.environ)

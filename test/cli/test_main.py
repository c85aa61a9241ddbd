# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The command as a whole: exit codes, one line an error, quiet ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ros2_igtl import codec
from ros2_igtl.cli.main import VERBS, main

COMMAND = [sys.executable, '-m', 'ros2_igtl.cli.main']
DEADLINE_S = 30.0


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    """Write a file of 2000 messages, more than a pipe holds when printed."""
    path = tmp_path / 'messages.bin'
    path.write_bytes(codec.pack(codec.Message(codec.String('x' * 100), 'Text')) * 2000)
    return path


def test_every_verb_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in VERBS:
        with pytest.raises(SystemExit) as raised:
            main([verb, '--help'])
        assert raised.value.code == 0
        assert f'usage: igtl {verb}' in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['nonsense'],
        ['listen', '127.0.0.1'],
        ['listen', '127.0.0.1', '65536'],
        ['listen', '127.0.0.1', 'http'],
        ['listen', '127.0.0.1', '1', '--count', '0'],
        ['listen', '127.0.0.1', '1', '--seconds', '-1'],
        ['send', '127.0.0.1', '1', 'TRANSFORM', '--translation', '1', '2', 'nan'],
        ['send', '127.0.0.1', '1', 'STATUS', '13'],
        ['send', '127.0.0.1', '1', 'STRING', 'x', '--metadata', 'keyonly'],
        ['simulate', 'tracker', '--rate', '0'],
        ['simulate', 'robot'],
    ],
)
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert 'usage: igtl' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (
            ['send', '127.0.0.1', '1', 'TRANSFORM', '--quaternion', '0', '0', '0', '0'],
            'is not a rotation',
        ),
        (
            ['send', '127.0.0.1', '1', 'TRANSFORM', '--translation', '1', '0', '0', '--matrix']
            + ['1'] * 12,
            'not allowed with argument --translation',
        ),
        (['send', '127.0.0.1', '1', 'IMAGE', __file__], 'is not a .npy file'),
        (['simulate', 'tracker', '--connect', '127.0.0.1', '0'], "--connect: '0'"),
        (['simulate', 'tracker', '--address', '0.0.0.0', '--port', '0'], 'allowed_peers'),
    ],
)
def test_arguments_that_do_not_go_together_are_exit_code_2_and_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ''
    assert printed.err.startswith(f'igtl {arguments[0]}: ')
    assert said in printed.err
    assert printed.err.count('\n') == 1


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['dump', '/no/such/file'], 'No such file'),
        (['listen', '127.0.0.1', '1'], '127.0.0.1:1: Connection refused'),
        (['send', '127.0.0.1', '1', 'STRING', 'x'], '127.0.0.1:1: Connection refused'),
        (['send', 'host.invalid', '1', 'STRING', 'x'], 'host.invalid:1: '),
        (['send', '127.0.0.1', '1', 'STRING', 'x', '--device', 'n' * 21], '20'),
        (['send', '127.0.0.1', '1', 'FILE', '/no/such/file'], 'No such file'),
    ],
)
def test_a_failure_is_exit_code_1_and_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ''
    assert printed.err.startswith(f'igtl {arguments[0]}: ')
    assert said in printed.err
    assert printed.err.count('\n') == 1


@pytest.mark.parametrize(
    'arguments',
    [
        ['dump', 'MESSAGES'],
        ['dump', '--json', '--data', 'MESSAGES'],
        ['pack', 'LINES'],
        ['pack', 'LINES', '--output', '/dev/full'],
    ],
    ids=' '.join,
)
def test_f33_a_full_disk_is_exit_code_1_and_one_line(
    messages: Path, tmp_path: Path, arguments: list[str]
) -> None:
    lines = tmp_path / 'lines'
    message = codec.unpack(messages.read_bytes()[: codec.HEADER_SIZE + 104])
    lines.write_text((json.dumps(codec.describe(message, data=True)) + '\n') * 2000)
    files = {'MESSAGES': str(messages), 'LINES': str(lines)}
    with open('/dev/full', 'wb') as full:
        done = subprocess.run(
            [*COMMAND, *(files.get(argument, argument) for argument in arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == f'igtl {arguments[0]}: [Errno 28] No space left on device\n'


def test_a_reader_that_has_seen_enough_ends_it_quietly(messages: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, 'dump', str(messages)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b'STRING' in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b''
        assert process.wait(DEADLINE_S) == 1


def test_an_interrupt_ends_it_quietly() -> None:
    with subprocess.Popen(
        [*COMMAND, 'listen', '127.0.0.1', '0', '--server'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert b'listening on' in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b''
        assert process.wait(DEADLINE_S) == 130


def test_a_text_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / 'message.bin'
    path.write_bytes(codec.pack(codec.Message(codec.String('größe \x1b[2J'), 'Text')))
    environment = {**os.environ, 'PYTHONIOENCODING': 'ascii'}
    run = subprocess.run(
        [*COMMAND, 'dump', str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_S,
    )
    assert r'gr\xf6\xdfe' in run.stdout
    assert '\x1b' not in run.stdout

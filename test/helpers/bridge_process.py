# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A bridge node in a process of its own, as a user runs it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from places import installed_program

from helpers.usage import Usage, usage_of
from helpers.waiting import wait_until


class BridgeProcess:
    """
    A node's program for the length of a ``with``; ended by SIGINT, as from a terminal.

    :param program: igtl_client, igtl_server or igtl_bridge.
    :param parameters: of the node; port 0 for a server, whose port is then in ``port``.
    :param name: of the node.
    """

    def __init__(self, program: str, parameters: dict[str, Any], name: str = 'bridge') -> None:
        self._command = [installed_program(program), '--ros-args', '-r', f'__node:={name}']
        for key, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            self._command += ['-p', f'{key}:={text}']
        self._lines: list[str] = []

    def __enter__(self) -> BridgeProcess:
        """Start it; a server listens when this returns, a client dials."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for('listening: |connecting: |waiting: |connected: ', 30.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, and hold it to a clean end."""
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(10.0)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(10.0)
        if kind is None:
            assert code == 0, self.output
            assert 'Traceback' not in self.output, self.output
        else:
            print(self.output, file=sys.stderr)  # which may say why the test failed

    @property
    def output(self) -> str:
        """What it has logged so far."""
        return ''.join(self._lines)

    @property
    def port(self) -> int:
        """The port that a server listens on."""
        return self.port_of('.*')

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def usage(self) -> Usage:
        """What it holds now."""
        return usage_of(self._process.pid)

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more, which it should."""
        return self._process.poll() is not None

    def freeze(self) -> None:
        """Stop it until SIGCONT; it stands still when this returns."""
        self.send_signal(signal.SIGSTOP)
        stat = Path(f'/proc/{self._process.pid}/stat')
        wait_until(lambda: stat.read_text().rpartition(')')[2].split()[0] == 'T', 5.0, 'the stop')

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def port_of(self, connection: str) -> int:
        """Return the port that a connection of several listens on; an expression."""
        pattern = rf'{connection}: listening: .*:(\d+)'
        self.wait_for(pattern)
        match = re.search(pattern, self.output)
        assert match is not None  # waited for
        return int(match.group(1))

    def wait_for(self, pattern: str, timeout_s: float = 10.0) -> None:
        """Wait for a line of its log."""

        def found() -> bool:
            assert not self.has_ended, f'it has ended: {self.output}'
            return re.search(pattern, self.output) is not None

        wait_until(found, timeout_s, f'{pattern!r} in the log of {self._command[0]}')

    def _read(self) -> None:
        assert self._process.stderr is not None  # PIPE above
        with self._process.stderr as stream:
            for line in stream:
                self._lines.append(line)

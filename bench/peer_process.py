# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The measured programs as processes: builds, starts, queries and ends them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import pyigtl_environment
import reference_programs
from places import BUILD_FOLDER

FOLDER = Path(__file__).resolve().parent
CXX_PROGRAM = BUILD_FOLDER / 'bench' / 'bench'


class PeerError(RuntimeError):
    """A measured program refused a message, packed other bytes, or ended."""


class Peer:
    """
    A measured program: a context manager that ends it. peer.py describes its protocol.

    :param name: its name in errors.
    :param command: the program and its arguments.
    :param environment: its environment variables; those that tune malloc are left out.
    :param life_s: seconds after which it is killed in any case.
    """

    def __init__(
        self,
        name: str,
        *command: object,
        environment: Mapping[str, str] = os.environ,
        life_s: float = 1800.0,
    ) -> None:
        self.name = name
        self.operations: tuple[str, ...] = ()
        self._command = ['timeout', '--kill-after=1', str(life_s), *map(str, command)]
        # with-ros sets them for large messages; users of the other implementations do not
        self._environment = {
            name: text for name, text in environment.items() if not name.startswith('MALLOC_')
        }

    def __enter__(self) -> Peer:
        """Start it."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.terminate()  # timeout(1) passes it on
        self._process.communicate()

    def load(self, path: Path) -> None:
        """
        Let it load a message, which it unpacks, packs again and compares.

        :raises PeerError: it packs other bytes.
        """
        self.operations = tuple(self._ask(f'load {path}').split())

    def time(self, operation: str, count: int) -> float:
        """
        Return the nanoseconds of processor time that one of ``count`` operations takes.

        :raises PeerError: the program reports an error, or has ended.
        """
        return int(self._ask(f'time {operation} {count}')) / count

    def _ask(self, request: str) -> str:
        assert self._process.stdin is not None  # PIPE above
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request + '\n')
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(f'{self.name} has ended') from None
        answer = self._process.stdout.readline()
        if not answer or answer.startswith('error'):
            raise PeerError(f'{self.name}: {request}: {answer.strip() or "it ended"}')
        return answer.strip()


def codec_peer(*arguments: str) -> Peer:
    """Return the codec of this project, in the interpreter of this process."""
    name = ' '.join(('ros2_igtl', *arguments))
    return Peer(name, sys.executable, FOLDER / 'peer_codec.py', *arguments)


def cxx_peer() -> Peer:
    """
    Return a program with the reference library, compiled if necessary.

    :raises reference_programs.ReferenceProgramsUnavailableError: it cannot be built.
    """
    reference_programs.build_program(FOLDER / 'bench.cxx', CXX_PROGRAM)
    return Peer('C++ library', CXX_PROGRAM)


def pyigtl_peer() -> Peer:
    """
    Return a program with pyigtl, installed if necessary.

    :raises pyigtl_environment.PyigtlUnavailableError: it cannot be installed.
    """
    python = pyigtl_environment.find_pyigtl_python()
    environment = pyigtl_environment.environment()
    return Peer('pyigtl', python, FOLDER / 'peer_pyigtl.py', environment=environment)

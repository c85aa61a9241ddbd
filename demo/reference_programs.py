# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Programs that run beside this one, and the reference implementation's examples among them.

These are Debian's and Ubuntu's package openigtlink-examples (sources only), compiled on the spot:
the C++ library itself speaks at the other end. No codec and no ROS in here: the demo and the tests
share this module.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from places import BUILD_FOLDER

PACKAGES = ('libopenigtlink-dev', 'openigtlink-examples', 'cmake', 'g++', 'make')
INCLUDE_FOLDER = Path('/usr/include/openigtlink')
EXAMPLES = Path('usr/share/doc/openigtlink-examples/examples')
REFERENCE_FOLDER = BUILD_FOLDER / 'reference-programs'

# Outside the range the kernel hands out by itself (32768 to 60999), so that no outgoing
# connection of this machine takes the port between choosing it and listening on it.
PORTS = range(20000, 32000)


_P = TypeVar('_P', bound='Program')


class ReferenceProgramsUnavailableError(RuntimeError):
    """The reference programs cannot be had on this machine; the text says why."""


class ProgramError(RuntimeError):
    """A program did not do what was waited for; the text holds what it printed."""


def free_port() -> int:
    """
    Return a TCP port nobody listens on, on any address.

    The reference library sets no SO_REUSEADDR: a port that was used in the last minute is refused
    to it, so every run takes another one.
    """
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(('', port))
            return port
    raise OSError(f'no free TCP port between {PORTS.start} and {PORTS.stop}')


def build_reference_programs(*names: str, folder: Path = REFERENCE_FOLDER) -> Path:
    """
    Compile the named programs unless that is done, and return the folder they are in.

    What is missing is installed with apt-get where this process is root. Concurrent callers wait
    for each other; what an interrupted run left is taken up again.

    :param names: as in the package's CMake files, for example 'TrackerServer'.
    :raises ReferenceProgramsUnavailableError: it cannot be done on this machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / 'lock'):
        missing = [name for name in names if not _stamp(folder, name).exists()]
        if missing:
            sources = _find_sources(folder)
            _run(
                'cmake', '-S', str(sources), '-B', str(folder / 'build'),
                f'-DCMAKE_RUNTIME_OUTPUT_DIRECTORY={folder / "bin"}',
                '-DOpenIGTLink_DIR=/usr/lib/openigtlink',
                '-DCMAKE_POLICY_VERSION_MINIMUM=3.5',  # the package asks for 2.4, CMake 4 refuses
            )  # fmt: skip
            _run('cmake', '--build', str(folder / 'build'), '-j2', '--target', *missing)
            for name in missing:
                _stamp(folder, name).touch()
    return folder / 'bin'


def build_program(source: Path, program: Path) -> None:
    """
    Compile one C++ source against the reference library, unless that is done.

    What is missing is installed as for the reference programs.

    :raises ReferenceProgramsUnavailableError: it cannot be done on this machine.
    """
    program.parent.mkdir(parents=True, exist_ok=True)
    stamp = program.with_suffix('.built')
    text = source.read_text()
    with locked(program.with_suffix('.lock')):
        if not stamp.exists() or stamp.read_text() != text:
            stamp.unlink(missing_ok=True)
            _install_missing()
            _run(
                'g++', '-std=c++14', '-O2', '-Wall', '-I', str(INCLUDE_FOLDER), str(source),
                '-lOpenIGTLink', '-o', str(program),
            )  # fmt: skip
            stamp.write_text(text)


def find_test_images(folder: Path = REFERENCE_FOLDER) -> Path:
    """
    Return the folder with the pictures of a head that ImagerServer sends.

    igtlTestImage1.raw to igtlTestImage6.raw, 256 rows of 256 bytes each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / 'lock'):
        return _find_sources(folder) / 'Imager' / 'img'


class Program:
    """
    A program running beside this one: a context manager that ends it.

    Its output (both streams) is captured. It never outlives `life_s` seconds, even if this process
    is killed: it runs under timeout(1).

    :param command: the program and its arguments.
    :param life_s: seconds after which it is ended whatever happens.
    """

    def __init__(self, *command: object, life_s: float = 60.0) -> None:
        self.command = [str(word) for word in command]
        self.name = Path(self.command[0]).name
        self._life_s = life_s
        self._output = ''
        self._ended = False
        self._changed = threading.Condition()

    def __enter__(self: _P) -> _P:
        """Start it."""
        self._process = subprocess.Popen(
            ['timeout', '--kill-after=1', str(self._life_s), *self.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group to be ended as one, and no Ctrl-C for it
        )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it and all that belongs to it."""
        self.kill()

    @property
    def output(self) -> str:
        """What it has printed up to now; printed bytes outside UTF-8 are replaced."""
        with self._changed:
            return self._output

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a crash does: the kernel closes its sockets."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def interrupt(self, timeout_s: float = 5.0) -> int:
        """
        Ask it to end, as Ctrl-C does.

        :returns: its exit code; negative if a signal ended it.
        :raises ProgramError: it did not end within the time.
        """
        # timeout(1) would pass the signal on twice: to the program, and to the group it is in
        task = Path(f'/proc/{self._process.pid}/task/{self._process.pid}/children')
        with contextlib.suppress(OSError):  # it has ended by itself
            for process_id in task.read_text().split():
                os.kill(int(process_id), signal.SIGINT)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProgramError(
                f'{self.name} did not end in {timeout_s} s; it printed:\n{self.output[-4000:]}'
            ) from None

    def wait_for_output(self, pattern: str, timeout_s: float = 10.0) -> re.Match[str]:
        """
        Wait until it has printed something that the regular expression matches.

        :returns: the first match in all it has printed.
        :raises ProgramError: not within the time, or it ended before.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (match := re.search(pattern, self._output)) is None:
                left = deadline - time.monotonic()
                if self._ended or left <= 0.0:
                    why = 'ended' if self._ended else f'ran {timeout_s} s'
                    raise ProgramError(
                        f'{self.name} {why} and did not print {pattern!r}; '
                        f'it printed:\n{self._output[-4000:]}'
                    )
                self._changed.wait(left)
            return match

    def wait_until_listening(self, port: int, timeout_s: float = 10.0) -> None:
        """
        Wait until somebody listens on the port, without connecting to it.

        The example servers serve one client after the other: a connection made only to look would
        take the first client's place, and its hundred messages.

        :raises ProgramError: not within the time, or it ended before.
        """
        deadline = time.monotonic() + timeout_s
        while not _is_listening(port):
            if not self.running or time.monotonic() > deadline:
                raise ProgramError(
                    f'{self.name} does not listen on port {port}; it printed:\n{self.output}'
                )
            time.sleep(0.01)

    def _read_output(self) -> None:
        assert self._process.stdout is not None  # PIPE above
        with self._process.stdout as stream:
            while chunk := os.read(stream.fileno(), 65536):
                with self._changed:
                    self._output += chunk.decode(errors='replace')
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class ReferenceProgram(Program):
    """
    One of the reference programs, compiled first if need be.

    :param name: for example 'TrackerServer'.
    :param arguments: as its usage text has them; a server's first is its port.
    :param life_s: seconds after which it is ended whatever happens.
    """

    def __init__(self, name: str, *arguments: object, life_s: float = 60.0) -> None:
        super().__init__(REFERENCE_FOLDER / 'bin' / name, *arguments, life_s=life_s)

    def __enter__(self: _P) -> _P:
        """
        Start it.

        :raises ReferenceProgramsUnavailableError: it cannot be had on this machine.
        """
        build_reference_programs(self.name)
        return super().__enter__()


def _is_listening(port: int) -> bool:
    """Say whether an IPv4 socket of this machine listens on the port (Linux: proc(5))."""
    listen = '0A'  # TCP_LISTEN in include/net/tcp_states.h
    for line in Path('/proc/net/tcp').read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == listen and int(fields[1].split(':')[1], 16) == port:
            return True
    return False


def _stamp(folder: Path, name: str) -> Path:
    # a file of its own: an interrupted link leaves a program that looks complete
    return folder / f'{name}.built'


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock: one process at a time, given back even when it is killed."""
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _find_sources(folder: Path) -> Path:
    """Return the folder of the examples' sources, after installing what is missing."""
    unpacked = folder / 'package' / EXAMPLES
    _install_missing()
    for sources in (unpacked, Path('/') / EXAMPLES):
        if (sources / 'CMakeLists.txt').exists():
            return sources
    # Container images drop /usr/share/doc of every package they install (dpkg's path-exclude), and
    # that is where these sources are. Fetching the package needs no root.
    _run('apt-get', 'download', '-q', 'openigtlink-examples', cwd=folder)
    archives = sorted(folder.glob('openigtlink-examples_*.deb'))
    _run('dpkg-deb', '-x', str(archives[-1]), str(folder / 'package'))
    return unpacked


def _install_missing() -> None:
    needed = [INCLUDE_FOLDER, Path('/usr/lib/openigtlink')]
    tools = ['cmake', 'g++', 'make']
    if not all(path.exists() for path in needed) or not all(map(shutil.which, tools)):
        _install_packages()


def _install_packages() -> None:
    command = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', *PACKAGES]
    if os.geteuid() != 0 or shutil.which('apt-get') is None:
        raise ReferenceProgramsUnavailableError(
            f'the reference programs need: sudo {" ".join(command)}'
        )
    try:
        _run(*command)
    except ReferenceProgramsUnavailableError:
        # a fresh machine has no package lists
        _run('apt-get', 'update', '-q')
        _run(*command)


def _run(*command: str, cwd: Path | None = None) -> None:
    """Run a command to its end, quietly; what it printed is in the error if it fails."""
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive', 'LC_ALL': 'C'}
    try:
        subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
    except FileNotFoundError as error:
        raise ReferenceProgramsUnavailableError(f'{command[0]} is not installed') from error
    except subprocess.TimeoutExpired as error:
        raise ReferenceProgramsUnavailableError(f'{_text(command)} did not end') from error
    except subprocess.CalledProcessError as error:
        last_lines = '\n'.join(error.stdout.splitlines()[-5:])
        raise ReferenceProgramsUnavailableError(
            f'{_text(command)} failed with exit code {error.returncode}:\n{last_lines}'
        ) from error


def _text(command: Sequence[str]) -> str:
    return ' '.join(command)

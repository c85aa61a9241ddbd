# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Child processes, among them the example programs of the reference implementation.

The examples are the sources in the package openigtlink-examples of Debian and Ubuntu, compiled
here and linked with the C++ library. The demo and the tests share this module, which uses neither
the codec nor ROS.
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

# Outside the kernel's range of ephemeral ports (32768 to 60999), so that no outgoing connection
# takes a port between the choice and the listening.
PORTS = range(20000, 32000)


_P = TypeVar('_P', bound='Program')


class ReferenceProgramsUnavailableError(RuntimeError):
    """The reference programs cannot be built on this machine; the text says why."""


class ProgramError(RuntimeError):
    """A program did not do the expected; the text includes its output."""


def free_port() -> int:
    """
    Return a TCP port that is free on all addresses.

    The reference library does not set SO_REUSEADDR and cannot use a port that was used in the last
    minute, so every run takes another one.
    """
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(('', port))
            return port
    raise OSError(f'no free TCP port between {PORTS.start} and {PORTS.stop}')


def build_reference_programs(*names: str, folder: Path = REFERENCE_FOLDER) -> Path:
    """
    Compile the programs that are not compiled yet, and return their folder.

    If this process is root, it installs missing packages with apt-get. Concurrent callers wait for
    each other, and an interrupted build is continued.

    :param names: as in the package's CMake files, for example 'TrackerServer'.
    :raises ReferenceProgramsUnavailableError: they cannot be built on this machine.
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
    Compile one C++ source against the reference library, unless it is compiled already.

    Missing packages are installed as for the reference programs.

    :raises ReferenceProgramsUnavailableError: it cannot be built on this machine.
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
    Return the folder with the images of a head that ImagerServer sends.

    They are igtlTestImage1.raw to igtlTestImage6.raw, with 256 rows of 256 bytes each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / 'lock'):
        return _find_sources(folder) / 'Imager' / 'img'


class Program:
    """
    A child process: a context manager that ends it.

    Its standard output and standard error are captured together. It runs under timeout(1), so that
    it ends after `life_s` seconds even if this process is killed.

    :param command: the program and its arguments.
    :param life_s: seconds after which it is killed in any case.
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
            start_new_session=True,  # a process group of its own, which Ctrl-C does not reach
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
        """Kill it and its process group."""
        self.kill()

    @property
    def output(self) -> str:
        """Its output so far; bytes that are not UTF-8 are replaced."""
        with self._changed:
            return self._output

    @property
    def running(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it, as in a crash: the kernel closes its sockets."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def interrupt(self, timeout_s: float = 5.0) -> int:
        """
        Interrupt it, as Ctrl-C does, and wait for its end.

        :returns: its exit code; negative if a signal ended it.
        :raises ProgramError: it did not end within the time.
        """
        # timeout(1) would send the signal twice: to the program and to its process group
        task = Path(f'/proc/{self._process.pid}/task/{self._process.pid}/children')
        with contextlib.suppress(OSError):  # it has ended already
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
        Wait until the regular expression matches its output.

        :returns: the first match in the whole output.
        :raises ProgramError: there is no match within the time, or before it ended.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (match := re.search(pattern, self._output)) is None:
                left = deadline - time.monotonic()
                if self._ended or left <= 0.0:
                    state = 'ended' if self._ended else f'ran {timeout_s} s'
                    raise ProgramError(
                        f'{self.name} {state} and did not print {pattern!r}; '
                        f'it printed:\n{self._output[-4000:]}'
                    )
                self._changed.wait(left)
            return match

    def wait_until_listening(self, port: int, timeout_s: float = 10.0) -> None:
        """
        Wait until a process listens on the port, without connecting to it.

        The example servers serve one client after the other, with a hundred messages for each, so
        a test connection would take the place of the first client.

        :raises ProgramError: no process listens within the time, or this one ended.
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
    One of the reference programs, compiled first if necessary.

    :param name: for example 'TrackerServer'.
    :param arguments: as in its usage text; the first one of a server is its port.
    :param life_s: seconds after which it is killed in any case.
    """

    def __init__(self, name: str, *arguments: object, life_s: float = 60.0) -> None:
        super().__init__(REFERENCE_FOLDER / 'bin' / name, *arguments, life_s=life_s)

    def __enter__(self: _P) -> _P:
        """
        Start it.

        :raises ReferenceProgramsUnavailableError: it cannot be built on this machine.
        """
        build_reference_programs(self.name)
        return super().__enter__()


def _is_listening(port: int) -> bool:
    """Return whether an IPv4 socket of this machine listens on the port (Linux: proc(5))."""
    listen = '0A'  # TCP_LISTEN in include/net/tcp_states.h
    for line in Path('/proc/net/tcp').read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == listen and int(fields[1].split(':')[1], 16) == port:
            return True
    return False


def _stamp(folder: Path, name: str) -> Path:
    # a separate file, since an interrupted link leaves a program that looks complete
    return folder / f'{name}.built'


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which the kernel releases when the process ends, even if killed."""
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _find_sources(folder: Path) -> Path:
    """Return the folder of the examples' sources, after installing missing packages."""
    unpacked = folder / 'package' / EXAMPLES
    _install_missing()
    for sources in (unpacked, Path('/') / EXAMPLES):
        if (sources / 'CMakeLists.txt').exists():
            return sources
    # Container images exclude /usr/share/doc, which contains these sources, from all packages
    # (dpkg's path-exclude). Downloading the package does not need root.
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
        # a new machine has no package lists
        _run('apt-get', 'update', '-q')
        _run(*command)


def _run(*command: str, cwd: Path | None = None) -> None:
    """Run a command without output; if it fails, the error contains its last lines."""
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

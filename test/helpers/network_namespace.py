# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A host of its own behind a cable that can be cut or made bad: namespace, veth pair, netem."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

OUR_ADDRESS = '198.51.100.1'  # TEST-NET-2, RFC 5737: nobody's
THEIR_ADDRESS = '198.51.100.2'
TIMEOUT_S = 10.0


class Cable:
    """The two ends of a veth pair, one of them in a namespace."""

    def __init__(self, name: str) -> None:
        """Take the names of the namespace and, with a digit, of the ends."""
        self.namespace = name
        self.ends = (f'{name}a', f'{name}b')
        self.inside = ('ip', 'netns', 'exec', name)

    def cut(self) -> None:
        """Let the other host be gone: it answers nothing, not even with a refusal."""
        _run(*self.inside, 'ip', 'address', 'flush', 'dev', self.ends[1])

    def degrade(self, *netem: str) -> None:
        """
        Make both directions bad.

        :param netem: as to ``tc qdisc ... netem``, for example 'delay', '20ms'.
        :raises subprocess.SubprocessError: the kernel has no netem.
        """
        _run('tc', 'qdisc', 'replace', 'dev', self.ends[0], 'root', 'netem', *netem)
        _run(*self.inside, 'tc', 'qdisc', 'replace', 'dev', self.ends[1], 'root', 'netem', *netem)

    @contextlib.contextmanager
    def run(self, script: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a Python script at the other end, with pipes, until the end of the ``with``."""
        command = [*self.inside, sys.executable, '-c', script]
        with subprocess.Popen(
            [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def why_not() -> str:
    """Return why there can be no namespaces here, or ''."""
    if os.geteuid() != 0:
        return 'needs root'
    if not (shutil.which('ip') and shutil.which('tc')):
        return 'needs ip and tc (iproute2)'
    try:
        with cable():
            return ''
    except (OSError, subprocess.SubprocessError) as error:
        return f'no network namespaces here: {error}'


@contextlib.contextmanager
def cable() -> Iterator[Cable]:
    """
    Lay a cable from OUR_ADDRESS to THEIR_ADDRESS, which is in a namespace.

    :raises subprocess.SubprocessError: the system does not do it.
    """
    made = Cable(f'igtl{os.getpid()}')
    ours, theirs = made.ends
    _run('ip', 'netns', 'add', made.namespace)
    try:
        _run(
            'ip', 'link', 'add', ours, 'type', 'veth',
            'peer', 'name', theirs, 'netns', made.namespace,
        )  # fmt: skip
        try:
            _run('ip', 'address', 'add', f'{OUR_ADDRESS}/30', 'dev', ours)
            _run('ip', 'link', 'set', ours, 'up')
            _run(*made.inside, 'ip', 'address', 'add', f'{THEIR_ADDRESS}/30', 'dev', theirs)
            _run(*made.inside, 'ip', 'link', 'set', theirs, 'up')
            yield made
        finally:
            _run('ip', 'link', 'delete', ours)
    finally:
        _run('ip', 'netns', 'delete', made.namespace)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)

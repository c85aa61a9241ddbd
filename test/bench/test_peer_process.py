# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The measured programs do the same work, and say so when they do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import peer_process
import pyigtl_environment
import pytest
import reference_programs

from helpers.pyigtl_peer import find_pyigtl_python
from helpers.reference_programs import build_program
from ros2_igtl import codec

MATRIX = np.diag([1.0, -1.0, -1.0, 1.0])
TRANSFORM = codec.pack(codec.Message(codec.Transform.from_matrix(MATRIX), 'Probe', 12 << 32))
TRACKING_DATA = codec.pack(codec.Message(codec.TrackingData.from_tools([('Tool', 2, MATRIX)])))


def cxx_peer() -> peer_process.Peer:
    """Return the peer of the C++ library, or skip the test."""
    build_program(peer_process.FOLDER / 'bench.cxx', peer_process.CXX_PROGRAM)
    return peer_process.cxx_peer()


def pyigtl_peer() -> peer_process.Peer:
    """Return the peer of pyigtl, or skip the test."""
    find_pyigtl_python()
    return peer_process.pyigtl_peer()


PEERS: dict[str, Callable[[], peer_process.Peer]] = {
    'cxx': cxx_peer,
    'pyigtl': pyigtl_peer,
    'codec': peer_process.codec_peer,
    'without-fastcrc': lambda: peer_process.codec_peer('without-fastcrc'),
}


@pytest.fixture
def message_file(tmp_path: Path) -> Callable[[bytes], Path]:
    """Return what writes bytes to a file."""

    def write(data: bytes) -> Path:
        path = tmp_path / 'message'
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize('name', PEERS)
def test_every_operation_of_a_message_takes_time(
    name: str, message_file: Callable[[bytes], Path]
) -> None:
    with PEERS[name]() as peer:
        peer.load(message_file(TRANSFORM))
        assert {'pack', 'unpack'} <= set(peer.operations)
        for operation in peer.operations:
            assert 0.0 < peer.time(operation, 100) < 1e7  # nanoseconds


@pytest.mark.parametrize(
    ('name', 'why'),
    [
        ('cxx', 'rejects the message'),
        ('pyigtl', 'other bytes'),  # it checks no CRC, and writes the right one
        ('codec', 'CrcError'),
        ('without-fastcrc', 'CrcError'),
    ],
)
def test_a_message_with_a_wrong_crc_is_not_measured(
    name: str, why: str, message_file: Callable[[bytes], Path]
) -> None:
    damaged = TRANSFORM[:-1] + bytes([TRANSFORM[-1] ^ 1])
    with PEERS[name]() as peer, pytest.raises(peer_process.PeerError, match=why):
        peer.load(message_file(damaged))


# pyigtl keeps what stands behind the NUL
@pytest.mark.parametrize('name', ['cxx', 'codec', 'without-fastcrc'])
def test_a_message_that_would_be_packed_into_other_bytes_is_not_measured(
    name: str, message_file: Callable[[bytes], Path]
) -> None:
    behind_the_nul = TRANSFORM[:32] + b'xx' + TRANSFORM[34:]  # of the device name
    with PEERS[name]() as peer, pytest.raises(peer_process.PeerError, match='other bytes'):
        peer.load(message_file(behind_the_nul))


def test_a_type_that_pyigtl_does_not_have_has_no_operations(
    message_file: Callable[[bytes], Path],
) -> None:
    with pyigtl_peer() as peer:
        peer.load(message_file(TRACKING_DATA))
        assert peer.operations == ()


def test_a_peer_that_has_ended_is_an_error(message_file: Callable[[bytes], Path]) -> None:
    with (
        peer_process.Peer('nobody', 'true') as peer,
        pytest.raises(peer_process.PeerError, match='nobody'),
    ):
        peer.load(message_file(TRANSFORM))


def test_without_fastcrc_another_implementation_of_the_crc_runs() -> None:
    program = (
        f'import sys; sys.path.insert(0, {str(peer_process.FOLDER)!r}); import peer_codec; '
        'from ros2_igtl.codec import crc; print(crc.IMPLEMENTATION)'
    )
    command = [sys.executable, '-c', program, 'without-fastcrc']
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30.0)
    assert run.stdout.strip() in ('compiled', 'liblzma', 'numpy')


def test_a_program_that_does_not_compile_is_an_error_with_what_the_compiler_says(
    tmp_path: Path,
) -> None:
    cxx_peer()  # or skip
    source = tmp_path / 'wrong.cxx'
    source.write_text('int main() { return undeclared; }')
    with pytest.raises(
        reference_programs.ReferenceProgramsUnavailableError, match=r'(?s)g\+\+.*undeclared'
    ):
        reference_programs.build_program(source, tmp_path / 'wrong')


def test_a_machine_that_cannot_install_pyigtl_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    with pytest.raises(pyigtl_environment.PyigtlUnavailableError, match='pyigtl'):
        pyigtl_environment.find_pyigtl_python(tmp_path / 'venv')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The reference programs are built, watched and ended as they should."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path

import pytest

from helpers.reference_programs import (
    ProgramError,
    ReferenceProgram,
    find_test_images,
    free_port,
)


def test_a_free_port_can_be_listened_on_by_those_who_do_not_reuse_addresses() -> None:
    port = free_port()
    with socket.socket() as listening:
        listening.bind(('', port))
        listening.listen()


def test_an_ended_program_leaves_nobody_on_its_port() -> None:
    port = free_port()
    with ReferenceProgram('StatusServer', port) as program:
        program.wait_until_listening(port)
        assert program.running
    assert not program.running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', port))


def test_a_program_never_outlives_its_time() -> None:
    port = free_port()
    with ReferenceProgram('StatusServer', port, life_s=0.5) as program:
        began = time.monotonic()
        with pytest.raises(ProgramError, match='StatusServer ended'):
            program.wait_for_output('never printed', timeout_s=20.0)
        assert time.monotonic() - began < 15.0


def test_what_a_program_printed_is_in_the_error_of_who_waits_in_vain() -> None:
    with (
        ReferenceProgram('ReceiveServer') as program,  # no port: it prints its usage and ends
        pytest.raises(ProgramError, match=r'(?s)ended.*Usage: .*ReceiveServer <port>'),
    ):
        program.wait_for_output('Receiving')


def test_the_test_images_are_six_slices_of_256_by_256_bytes() -> None:
    images = sorted(find_test_images().glob('igtlTestImage*.raw'))
    assert [path.name for path in images] == [f'igtlTestImage{n}.raw' for n in range(1, 7)]
    assert [path.stat().st_size for path in images] == [65536] * 6


def test_a_machine_without_the_packages_and_without_root_is_told_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import reference_programs

    monkeypatch.setattr(shutil, 'which', lambda name: None)
    monkeypatch.setattr(os, 'geteuid', lambda: 1000)
    with pytest.raises(
        reference_programs.ReferenceProgramsUnavailableError,
        match=r'sudo apt-get install .*openigtlink-examples',
    ):
        reference_programs.build_reference_programs('StatusServer', folder=tmp_path)

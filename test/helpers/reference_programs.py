# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The reference C++ programs as the tests use them: skipped, with the reason, where they cannot be.

How they are built and run is in demo/reference_programs.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import reference_programs as _reference_programs
from reference_programs import (
    ProgramError,
    ReferenceProgramsUnavailableError,
    free_port,
)
from reference_programs import (
    ReferenceProgram as _ReferenceProgram,
)

from helpers.scripted_peer import ScriptedPeer, ScriptedServer

__all__ = [
    'ProgramError',
    'ReferenceProgram',
    'build_program',
    'build_reference_programs',
    'connected_program',
    'find_test_images',
    'free_port',
]


class ReferenceProgram(_ReferenceProgram):
    """A reference program for the length of a test; the test is skipped where there is none."""

    def __enter__(self) -> ReferenceProgram:
        """Start it, or skip the test."""
        try:
            super().__enter__()
        except ReferenceProgramsUnavailableError as error:
            pytest.skip(f'no reference programs: {error}')
        return self


@contextlib.contextmanager
def connected_program(
    name: str, *arguments: object
) -> Iterator[tuple[ReferenceProgram, ScriptedPeer]]:
    """
    Run a reference program and connect with it: a server is dialled, a client dials.

    :param arguments: those behind the port.
    """
    if 'Server' in name:
        port = free_port()
        with ReferenceProgram(name, port, *arguments) as program:
            program.wait_until_listening(port)
            with ScriptedPeer.dial(port) as peer:
                yield program, peer
    else:
        with (
            ScriptedServer() as server,
            ReferenceProgram(name, '127.0.0.1', server.port, *arguments) as program,
        ):
            yield program, server.accept()


def build_reference_programs(*names: str) -> None:
    """Compile programs; skip the test where that cannot be."""
    try:
        _reference_programs.build_reference_programs(*names)
    except ReferenceProgramsUnavailableError as error:
        pytest.skip(f'no reference programs: {error}')


def find_test_images() -> Path:
    """Return the folder of the reference's test images; skip the test where there is none."""
    try:
        return _reference_programs.find_test_images()
    except ReferenceProgramsUnavailableError as error:
        pytest.skip(f'no reference programs: {error}')


def build_program(source: Path, program: Path) -> None:
    """Compile a program against the reference library; skip the test where there is none."""
    try:
        _reference_programs.build_program(source, program)
    except ReferenceProgramsUnavailableError as error:
        pytest.skip(f'no reference library: {error}')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The reference library of C++ in a process of its own, which says what it reads in a message."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import reference_programs

from helpers.reference_programs import build_program

SOURCE = Path(__file__).with_suffix('.cxx')
PROGRAM = reference_programs.REFERENCE_FOLDER / 'reference-reader'


class ReferenceReader:
    """
    The library at work: a context manager that ends it.

    The test is skipped where there is no library. One process reads any number of messages, one
    behind the other, so that it also shows whether they leave it in step.
    """

    def __enter__(self) -> ReferenceReader:
        """Compile it unless that is done, and start it."""
        build_program(SOURCE, PROGRAM)
        self._process = subprocess.Popen(
            [str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it at once."""
        self._process.kill()
        self._process.communicate()

    def read(self, data: bytes) -> dict[str, Any]:
        """
        Return what the library says of a message of header version 1.

        :returns: type_name, device_name, timestamp and content as ``codec.describe`` has them,
            but for texts with an encoding, which are the bytes that came, and for units, which
            are taken apart; and packs_to_the_same, None where that is not asked of the library.
            Bytes that are no UTF-8 are surrogates.
        """
        assert self._process.stdin is not None  # PIPE above
        assert self._process.stdout is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f'the library ended with {self._process.wait()} over {data!r}'
        said: dict[str, Any] = json.loads(line.decode('utf-8', 'surrogateescape'))
        assert 'error' not in said, f'{said["error"]}: {data!r}'
        return said

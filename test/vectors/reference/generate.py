# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Make the messages of this folder anew, and their index: ``make vectors``.

The reference library writes them, see generate.cxx. It is asked twice, with memory of zeros and
with memory of ones: the bytes that differ are those that it never writes. No codec in here.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[2] / 'demo'))

import reference_programs

SOURCE = FOLDER / 'generate.cxx'
PROGRAM = reference_programs.REFERENCE_FOLDER / 'vectors'
CONFIGURATION = Path('/usr/lib/openigtlink/OpenIGTLinkConfig.cmake')
HEADER_SIZE = 58
CRC = range(50, 58)  # changes with the body


def find_library() -> str:
    """Return the name and the version of the library that is installed."""
    text = CONFIGURATION.read_text()
    parts = [
        re.findall(rf'SET\(OpenIGTLink_VERSION_{part} "(\d+)"\)', text)[0]
        for part in ('MAJOR', 'MINOR', 'PATCH')
    ]
    return f'libOpenIGTLink {".".join(parts)}'


def generate(program: Path, folder: Path) -> None:
    """
    Write the messages and index.json into a folder, in place of those that are there.

    :param program: generate.cxx, compiled.
    """
    for old in folder.glob('*.bin'):
        old.unlink()
    library = find_library()
    lines = _run(program, folder, 0)
    with tempfile.TemporaryDirectory() as other:
        _run(program, Path(other), 255)
        index = [_entry(line, library, folder, Path(other)) for line in sorted(lines)]
    text = json.dumps(index, indent=1)
    short = re.sub(r'\[\s+(\d+),\s+(\d+)\s+\]', r'[\1, \2]', text)  # a range takes one line
    (folder / 'index.json').write_text(short + '\n')


def _run(program: Path, folder: Path, fill: int) -> list[str]:
    """
    Return what the program says of each message that it has written into a folder.

    :param fill: the byte that the library finds in its memory.
    """
    command = [str(program), str(folder), str(fill)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    return done.stdout.splitlines()


def _entry(line: str, library: str, folder: Path, other: Path) -> dict[str, Any]:
    """Return what the index says of a message."""
    name, source, packs_to, shows = line.split('\t')
    data = (folder / f'{name}.bin').read_bytes()
    pairs = zip(data, (other / f'{name}.bin').read_bytes(), strict=True)
    unwritten = [at for at, (one, two) in enumerate(pairs) if one != two and at not in CRC]
    entry: dict[str, Any] = {
        'name': name,
        'file': f'{name}.bin',
        'size': len(data),
        'sha256': hashlib.sha256(data).hexdigest(),
        'type': _text(data[2:14]),
        'header_version': int.from_bytes(data[:2], 'big'),
        'device_name': _text(data[14:34]),
        'timestamp': f'0x{data[34:42].hex()}',
        'body_size': int.from_bytes(data[42:50], 'big'),
        'crc_stored': f'0x{data[50:58].hex()}',
        'source': f'{source}, {library}',
        'shows': shows,
    }
    if packs_to:
        entry['packs_to'] = None if packs_to == '-' else packs_to
    if unwritten:
        entry['unwritten'] = _ranges(unwritten)
    return entry


def _text(field: bytes) -> str:
    return field.partition(b'\0')[0].decode('utf-8', 'surrogateescape')


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Return first and last number of each run of numbers without a gap."""
    runs = itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ends = [[number for _, number in run] for _, run in runs]
    return [[run[0], run[-1]] for run in ends]


def main() -> int:
    """Make them in the checkout."""
    try:
        reference_programs.build_program(SOURCE, PROGRAM)
    except reference_programs.ReferenceProgramsUnavailableError as error:
        print(f'make vectors: {error}', file=sys.stderr)
        return 1
    generate(PROGRAM, FOLDER)
    print(f'wrote {len(list(FOLDER.glob("*.bin")))} messages of {find_library()} to {FOLDER}')
    return 0


if __name__ == '__main__':
    sys.exit(main())

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of ``vectors/refused`` and ``vectors/odd``, and what their heads say of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from helpers.annotated_bytes import parse_bytes, parse_head
from helpers.vectors import FOLDER
from ros2_igtl import codec

_ROW = re.compile(r'([BF]\d+): .+')
_ERROR = re.compile(r'(unpack: )?(\w+Error): (.+)')
_STREAM = re.compile('the stream (goes on|is lost|waits)')
_SAID = re.compile(r'([\w.]+) = (.+)')
_PACKED = re.compile(r'packs to (other bytes)|does not pack: (\w+Error)')


class Refusal(NamedTuple):
    """An error class and a part of its text."""

    error: type[codec.DecodeError]
    text: str

    def is_met_by(self, error: object) -> bool:
        """Return whether an error is of this very class and says this."""
        return type(error) is self.error and self.text in str(error)


class Refused(NamedTuple):
    """
    Bytes with one fault.

    :ivar row: of the fault in the matrix of bad inputs.
    :ivar by_unpack: what ``unpack`` raises, which is told at once that there is no more to come.
    :ivar by_connection: what a connection raises.
    :ivar stream: whether it 'goes on' with the next message, 'is lost', or 'waits' for more bytes,
        so that ``close`` raises.
    """

    name: str
    row: str
    by_unpack: Refusal
    by_connection: Refusal
    stream: str
    data: bytes


class Odd(NamedTuple):
    """
    A message that nobody expects and that is read.

    :ivar said: by path into its description, what is said there.
    :ivar packs_to: what it packs to: 'the same bytes', 'other bytes', or an error class.
    """

    name: str
    row: str
    said: dict[str, Any]
    packs_to: str
    data: bytes


def _found(pattern: re.Pattern[str], lines: list[str]) -> list[re.Match[str]]:
    """Return what lines match a pattern, and take them out."""
    found = [(line, pattern.fullmatch(line)) for line in lines]
    lines[:] = [line for line, match in found if match is None]
    return [match for _, match in found if match is not None]


def _read(path: Path) -> tuple[str, list[str], bytes]:
    """Return the row, the other lines of the head, and the bytes."""
    text = path.read_text(encoding='utf-8')
    head = parse_head(text)
    (row,) = _found(_ROW, head[:1])
    return row[1], head[1:], parse_bytes(text)


def read_refused(path: Path) -> Refused:
    """Return the bytes of a file and what its head says of their refusal."""
    row, head, data = _read(path)
    (stream,) = _found(_STREAM, head)
    refusals = {
        by or '': Refusal(getattr(codec, error), text)
        for by, error, text in (match.groups() for match in _found(_ERROR, head))
    }
    assert not head, head
    by_connection = refusals['']
    by_unpack = refusals.get('unpack: ', by_connection)
    return Refused(path.stem, row, by_unpack, by_connection, stream[1], data)


def read_odd(path: Path) -> Odd:
    """Return the bytes of a file and what its head says that comes out."""
    row, head, data = _read(path)
    packed = _found(_PACKED, head)
    said = {match[1]: json.loads(match[2]) for match in _found(_SAID, head)}
    assert not head, head
    packs_to = packed[0][1] or packed[0][2] if packed else 'the same bytes'
    return Odd(path.stem, row, said, packs_to, data)


REFUSED = [read_refused(path) for path in sorted((FOLDER / 'refused').glob('*.txt'))]
ODD = [read_odd(path) for path in sorted((FOLDER / 'odd').glob('*.txt'))]

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl pack`: turn what `igtl dump --json` prints back into messages."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

from ros2_igtl import codec
from ros2_igtl.cli.errors import UsageError

HELP = 'turn what `igtl dump --json` prints back into messages'
DESCRIPTION = (
    'Write the messages that a file describes, raw bytes, one message after the other. The file '
    'has a JSON object a line, as `igtl dump --json --data` prints them; what is not said has its '
    'default, and content_base64 may stand instead of a content. Nothing is written from the '
    'first line on that is no message.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('file', metavar='FILE', help='the file, or - for standard input')
    parser.add_argument(
        '--output',
        metavar='FILE',
        default='-',
        help='where to write; standard output if not given',
    )


def run(arguments: argparse.Namespace) -> int:
    """Write all messages."""
    with contextlib.ExitStack() as stack:
        output: BinaryIO = sys.stdout.buffer
        if arguments.output != '-':
            output = stack.enter_context(open(arguments.output, 'wb'))
        for data in pack_file(arguments.file):
            output.write(data)
        output.flush()
    return 0


def pack_file(name: str) -> Iterator[bytes]:
    """
    Yield the bytes of each message that a file describes.

    :param name: of the file, or - for standard input.
    :raises UsageError: a line describes no message.
    :raises OSError: the file cannot be read.
    """
    with contextlib.ExitStack() as stack:
        lines: BinaryIO = sys.stdin.buffer
        if name != '-':
            lines = stack.enter_context(open(name, 'rb'))
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield pack_line(line, f'{name}:{number}')


def pack_line(line: bytes, where: str) -> bytes:
    """
    Return the bytes of the message that a line describes.

    :param where: file and line, for the error.
    :raises UsageError: it describes none.
    """
    try:
        described = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f'{where}: {error}') from None
    if not isinstance(described, dict):
        raise UsageError(f'{where}: a JSON object is needed')
    if 'rejected' in described:
        raise UsageError(f'{where}: a message that was rejected ({described["rejected"]})')
    try:
        return codec.pack(codec.compose(described))
    except codec.EncodeError as error:
        raise UsageError(f'{where}: {error}') from None

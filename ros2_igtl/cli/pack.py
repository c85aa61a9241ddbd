# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl pack`: turn the output of `igtl dump --json` back into messages."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

from ros2_igtl import codec
from ros2_igtl.cli.errors import UsageError

HELP = 'turn the output of `igtl dump --json` back into messages'
DESCRIPTION = (
    'Write the bytes of the messages that a file describes, one message after the other. Each '
    'line of the file is a JSON object as printed by `igtl dump --json --data`. Missing fields '
    'get their defaults, and content_base64 can replace the content. Packing stops at the first '
    'line that is not a message.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('file', metavar='FILE', help='the file, or - for standard input')
    parser.add_argument(
        '--output',
        metavar='FILE',
        default='-',
        help='the file to write (default: standard output)',
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
    :raises UsageError: a line does not describe a message.
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
    :raises UsageError: it does not describe a message.
    """
    try:
        described = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f'{where}: {error}') from None
    if not isinstance(described, dict):
        raise UsageError(f'{where}: a JSON object is allowed')
    if 'rejected' in described:
        raise UsageError(
            f'{where}: this message was rejected ({described["rejected"]}) and cannot be packed'
        )
    try:
        return codec.pack(codec.compose(described))
    except codec.EncodeError as error:
        raise UsageError(f'{where}: {error}') from None

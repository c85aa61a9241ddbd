# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl dump`: print the messages of a file."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

from ros2_igtl import codec
from ros2_igtl.cli import text
from ros2_igtl.cli.errors import UsageError
from ros2_igtl.codec.header import HEADER, HEADER_SIZE, Header
from ros2_igtl.codec.stream import NeedData

HELP = 'print the messages of a file'
DESCRIPTION = (
    'Print the messages of a file that contains the bytes of the wire, one message after the '
    'other. Each line has offset and size in bytes, type, device name, time stamp in seconds (- '
    'if unset) and a summary. Lengths are in millimetres. The exit code is 1 if a message was '
    'rejected.'
)


class Found(NamedTuple):
    """One message of a file, or the error that rejected it."""

    offset: int  # of its header, bytes
    size: int  # header and body, bytes; less if the file ends within the message
    result: codec.Message | codec.DecodeError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('file', metavar='FILE', help='the file, or - for standard input')
    parser.add_argument('--json', action='store_true', help='print JSON, one object a line')
    parser.add_argument(
        '--data',
        action='store_true',
        help='with --json: also print bulk data such as pixels, and bytes that the fields do not '
        'determine, so that `igtl pack` can restore the same bytes',
    )


def run(arguments: argparse.Namespace) -> int:
    """Print all messages; return 1 if one was rejected."""
    if arguments.data and not arguments.json:
        raise UsageError('--data is allowed only with --json')
    exit_code = 0
    with contextlib.ExitStack() as stack:
        if arguments.file == '-':
            file: BinaryIO = sys.stdin.buffer
        else:
            file = stack.enter_context(open(arguments.file, 'rb'))
        for offset, size, result in read_messages(file):
            if isinstance(result, codec.DecodeError):
                exit_code = 1
            if arguments.json:
                line = text.json_line(result, data=arguments.data, offset=offset, size=size)
                print(line, flush=True)
            else:
                print(f'{offset:10} {size:9} {text.line(result)}', flush=True)
    return exit_code


def read_messages(file: BinaryIO) -> Iterator[Found]:
    """
    Yield the messages of a file, including the rejected ones.

    A FramingError ends the iteration, since no message after it can be found. At most one message
    is in memory, and bodies beyond the codec's limits are not read.
    """
    connection = codec.Connection()
    offset = 0
    while header := file.read(HEADER_SIZE):
        size = len(header)
        result = _receive(connection, header)
        if result is codec.NEED_DATA and size == HEADER_SIZE:
            body = file.read(Header._make(HEADER.unpack(header)).body_size)
            size += len(body)
            result = _receive(connection, body)
        if result is codec.NEED_DATA:
            result = _end(connection)
        yield Found(offset, size, result)
        if isinstance(result, codec.FramingError):
            return
        offset += size


def _receive(
    connection: codec.Connection, data: bytes
) -> codec.Message | codec.DecodeError | Literal[NeedData.NEED_DATA]:
    try:
        connection.receive_data(data)
        return connection.next_message()
    except codec.DecodeError as error:
        return error


def _end(connection: codec.Connection) -> codec.FramingError:
    try:
        connection.close()
    except codec.FramingError as error:
        return error
    raise AssertionError('closing a connection within a message raised no error')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl listen`: dial a server and print what it sends."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime

from ros2_igtl.cli import arguments as common
from ros2_igtl.cli import stream, text
from ros2_igtl.codec import DecodeError

HELP = 'print what a server sends'
DESCRIPTION = (
    'Dial an OpenIGTLink server and print what it sends, one line a message: time of arrival, '
    'type, device name, time stamp in seconds (- if it has none), summary. Lengths are in '
    'millimetres. Exit code 1 if a message was rejected, or if fewer came than --count.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_peer(parser)
    parser.add_argument('--json', action='store_true', help='print JSON, one object a line')
    parser.add_argument(
        '--count',
        type=common.positive_int,
        help='end after so many messages (of --type, if given)',
    )
    parser.add_argument('--seconds', type=common.positive_float, help='end after this time')
    parser.add_argument(
        '--type',
        dest='type_names',
        action='append',
        metavar='TYPE',
        help='print this type only, e.g. TRANSFORM; may be given several times',
    )


def run(arguments: argparse.Namespace) -> int:
    """Print until the peer closes or enough is seen."""
    seconds, count = arguments.seconds, arguments.count
    deadline = None if seconds is None else time.monotonic() + seconds
    seen = rejected = 0
    with stream.connect(arguments.host, arguments.port) as peer:
        for result in stream.receive(peer, deadline):
            now_ns = time.time_ns()
            if isinstance(result, DecodeError):
                rejected += 1
            elif arguments.type_names and result.type_name not in arguments.type_names:
                continue
            else:
                seen += 1
            if arguments.json:
                print(text.json_line(result, receive_time_ns=now_ns), flush=True)
            else:
                clock = datetime.fromtimestamp(now_ns / 1e9).time().isoformat('milliseconds')
                print(clock, text.line(result), flush=True)
            if seen == count:
                break
    if count is not None and seen < count:
        print(f'igtl listen: {seen} messages came, {count} were asked for', file=sys.stderr)
        return 1
    return 1 if rejected else 0

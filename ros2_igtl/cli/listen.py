# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl listen`: print the messages of a peer."""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from ros2_igtl import codec
from ros2_igtl.cli import arguments as common
from ros2_igtl.cli import stream, text

HELP = 'print the messages of a peer'
DESCRIPTION = (
    'Dial an OpenIGTLink server, or become one with --server, and print the messages of the peer. '
    'Each line has time of arrival, type, device name, time stamp in seconds (- if unset) and a '
    'summary. Lengths are in millimetres. The exit code is 1 if a message was rejected, or if '
    'fewer than --count arrived.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_peer(parser, common.tcp_port_or_any)
    parser.add_argument(
        '--server',
        action='store_true',
        help='instead of dialling, listen on HOST and PORT (0: a free one), and serve clients one '
        'after the other',
    )
    parser.add_argument('--json', action='store_true', help='print JSON, one object a line')
    parser.add_argument(
        '--count',
        type=common.positive_int,
        help='end after this number of messages (of --type, if given)',
    )
    parser.add_argument('--seconds', type=common.positive_float, help='end after this time')
    parser.add_argument(
        '--type',
        dest='type_names',
        action='append',
        metavar='TYPE',
        help='print only this type, e.g. TRANSFORM; can be repeated',
    )


def run(arguments: argparse.Namespace) -> int:
    """Print messages until the peer closes the connection or a limit is reached."""
    deadline = None if arguments.seconds is None else time.monotonic() + arguments.seconds
    receive = _serve if arguments.server else _dial
    seen = rejected = 0
    for result in receive(arguments.host, arguments.port, deadline):
        now_ns = time.time_ns()
        if isinstance(result, codec.DecodeError):
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
        if seen == arguments.count:
            break
    if arguments.count is not None and seen < arguments.count:
        print(f'igtl listen: {seen} of {arguments.count} messages arrived', file=sys.stderr)
        return 1
    return 1 if rejected else 0


def _dial(
    host: str, port: int, deadline: float | None
) -> Iterator[codec.Message | codec.MessageError]:
    with stream.connect(host, port) as peer:
        yield from stream.receive(peer, deadline)


def _serve(
    host: str, port: int, deadline: float | None
) -> Iterator[codec.Message | codec.DecodeError]:
    """Receive from one client after the other; an interrupted message ends with its client."""
    try:
        server = socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        raise OSError(f'{host}:{port}: {error.strerror or error}') from error
    with server:
        print(f'igtl listen: listening on {host}:{server.getsockname()[1]}', file=sys.stderr)
        while deadline is None or time.monotonic() < deadline:
            server.settimeout(
                None if deadline is None else max(deadline - time.monotonic(), 0.001)
            )
            try:
                peer, _ = server.accept()
            except TimeoutError:
                return
            with peer:
                try:
                    yield from stream.receive(peer, deadline)
                except codec.FramingError as error:
                    yield error
                except ConnectionError:
                    continue

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl config`: write the mapping file that equals the default behaviour of a node."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from ros2_igtl import codec
from ros2_igtl.cli import arguments as common
from ros2_igtl.cli import stream
from ros2_igtl.cli.table import load_table
from ros2_igtl.config import ConfigError, parse_config
from ros2_igtl.convert import naming

HELP = 'write a mapping file for the devices of a server'
DESCRIPTION = (
    'Dial a server, receive from it for some seconds, and print a mapping file with which '
    'igtl_client publishes the received devices just as it does without a mapping file. Use it as '
    'a start for your own. The exit code is 1 if no message arrived that can be published.'
)
MAX_DEVICES = 500  # a peer can use a new name in every message


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_peer(parser)
    parser.add_argument(
        '--seconds',
        type=common.positive_float,
        default=5.0,
        help='how long to receive (%(default)s)',
    )
    parser.add_argument(
        '--name', default='igtl_client', help='name of the connection (%(default)s, like the node)'
    )


def run(arguments: argparse.Namespace) -> int:
    """Receive messages, and print the mapping file."""
    table = load_table()
    deadline = time.monotonic() + arguments.seconds
    rows: dict[str, dict[str, str]] = {}  # by topic
    refused: list[str] = []
    seen: set[tuple[Any, ...]] = set()
    with stream.connect(arguments.host, arguments.port) as peer:
        for message in _all_messages(stream.receive(peer, deadline), table):
            defaults = table.conversions_for(message.type_name, message.content)
            device = (message.type_name, message.device_name, defaults)
            if device in seen:
                continue
            seen.add(device)
            if len(seen) > MAX_DEVICES:
                refused.append(f'more than {MAX_DEVICES} devices')
                break
            refused += _add_rows(rows, arguments.name, message, defaults)
    connection = {
        'name': arguments.name,
        'mode': 'client',
        'address': arguments.host,
        'port': arguments.port,
        'mappings': list(rows.values()),
    }
    for text in refused:
        print(f'# left out: {text}')
    document = {'version': 1, 'connections': [connection]}
    print(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), end='')
    if not rows:
        print(
            f'igtl config: no message that can be published arrived in {arguments.seconds:g} s',
            file=sys.stderr,
        )
    return 0 if rows else 1


def _all_messages(
    received: Iterable[codec.Message | codec.MessageError], table: Any
) -> Iterator[codec.Message]:
    """Yield the readable messages, and those that a BIND contains in its place."""
    for message in received:
        if isinstance(message, codec.Message):
            if message.type_name in table.CONTAINERS:
                parts = table.CONTAINERS[message.type_name](message)
                yield from _all_messages(parts, table)
            else:
                yield message


def _add_rows(
    rows: dict[str, dict[str, str]], name: str, message: codec.Message, defaults: Iterable[Any]
) -> Iterator[str]:
    """Add the rows of a device; yield the reason for each that a file cannot contain."""
    for default in defaults:
        topic = naming.default_topic(name, message.type_name, message.device_name, default.sibling)
        row = {
            'igtl_device_name': message.device_name,
            'igtl_type_name': message.type_name,
            'direction': 'IGTL_TO_ROS',
            'ros_topic_name': topic,
            'ros_type_name': default.ros_type_name,
        }
        device = f"{message.type_name} '{naming.escape(message.device_name)}'"
        if topic in rows:
            yield f'{device}: {topic} belongs to another device or type'
        elif (reason := _refusal(row)) is not None:
            yield f'{device}: {reason}'
        else:
            rows[topic] = row


def _refusal(row: dict[str, str]) -> str | None:
    """Return why a mapping file cannot contain a row, or None."""
    document = {'version': 1, 'connections': [{'mappings': [row]}]}
    try:
        parse_config(yaml.safe_dump(document).encode(), 'row')
    except ConfigError as error:
        return error.problems[0].text
    except UnicodeEncodeError:
        return 'its name is not UTF-8'
    return None

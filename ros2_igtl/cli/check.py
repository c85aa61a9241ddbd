# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl check`: say all that is wrong with a mapping file."""

from __future__ import annotations

import argparse
import sys

from ros2_igtl.cli.table import load_table
from ros2_igtl.config import ConfigError, load_config

HELP = 'say all that is wrong with a mapping file'
DESCRIPTION = (
    'Read a mapping file as a node does, and print what is wrong with it, a line each: '
    'file:line: key: what, and what is allowed. Exit code 1 if anything is.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('file', metavar='FILE', help='the mapping file')


def run(arguments: argparse.Namespace) -> int:
    """Print what is wrong, or what the file has."""
    try:
        config = load_config(
            arguments.file, load_table().pairs(), load_table('companions').requests()
        )
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    rows = sum(len(connection.mappings) for connection in config.connections)
    print(f'{arguments.file}: {len(config.connections)} connections, {rows} rows, all right')
    return 0

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl check`: list the problems of a mapping file."""

from __future__ import annotations

import argparse
import sys

from ros2_igtl.cli.table import load_table
from ros2_igtl.config import ConfigError, load_config

HELP = 'check a mapping file and list its problems'
DESCRIPTION = (
    'Read a mapping file as a node does, and print its problems, one a line: '
    '`file:line: key: problem; allowed: values`. The exit code is 1 if there are any.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('file', metavar='FILE', help='the mapping file')


def run(arguments: argparse.Namespace) -> int:
    """Print the problems, or the number of connections and rows."""
    try:
        config = load_config(
            arguments.file, load_table().pairs(), load_table('companions').requests()
        )
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    rows = sum(len(connection.mappings) for connection in config.connections)
    print(f'{arguments.file}: {len(config.connections)} connections, {rows} rows, no problems')
    return 0

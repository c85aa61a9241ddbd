# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl pairs`: list the conversions between OpenIGTLink and ROS types."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

from ros2_igtl.cli.table import load_table

HELP = 'list the conversions between OpenIGTLink and ROS types'
DESCRIPTION = (
    'List the conversions between OpenIGTLink and ROS types: -> to ROS, <- from ROS, <-> both. '
    'Default: published unless a mapping file selects otherwise. *: all types without a line of '
    'their own.'
)

MARKDOWN = """\
# What becomes what

`igtl pairs --markdown` generates this page from the table of conversions. `->` is from OpenIGTLink
to ROS, `<-` from ROS to OpenIGTLink.

* *default*: published unless a mapping file selects otherwise, on `<connection>/<type>/<device>`
  with the suffix given here. Poses are on `/tf` as well.
* *latched*: late subscribers receive the last message.
* *event*: a slow peer receives every message; of all other types it receives the newest.
* `*`: all types without a line of their own. A mapping file can select `RawMessage` for any type.

The children of a BIND are published by their own conversions.

| OpenIGTLink | | ROS 2 | |
| --- | --- | --- | --- |
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--json', action='store_true', help='print JSON, one object a line')
    form.add_argument('--markdown', action='store_true', help='print doc/mappings.md')


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each pair."""
    pairs = [_describe(table_row) for table_row in load_table().CONVERSIONS]
    if arguments.markdown:
        print(MARKDOWN + '\n'.join(map(_markdown_row, pairs)) + '\n')
        print('\n'.join(_losses(pairs)))
        return 0
    width = max(len(pair['ros_type_name']) for pair in pairs)
    for pair in pairs:
        if arguments.json:
            print(json.dumps(pair))
        else:
            notes = ', '.join(_notes(pair))
            ros_type_name = pair['ros_type_name']
            print(
                f'{pair["type_name"]:10} {_arrow(pair):3} {ros_type_name:{width}} {notes}'.rstrip()
            )
    return 0


def _describe(row: Any) -> dict[str, Any]:
    return {
        'type_name': row.type_name,
        'ros_type_name': row.ros_type_name,
        'igtl_to_ros': row.to_ros is not None,
        'ros_to_igtl': row.from_ros is not None,
        'default': row.default,
        'sibling': row.sibling,
        'latched': row.latched,
        'traffic': row.traffic,
        'lost_to_ros': _lost(row.to_ros),
        'lost_from_ros': _lost(row.from_ros),
    }


def _lost(convert: Any) -> str:
    """Return the paragraph `Lost:` of a conversion's docstring as one line."""
    docstring = inspect.getdoc(convert) or '' if convert is not None else ''
    found = re.search(r'^Lost: (.*?)(?=\n\n|\Z)', docstring, re.S | re.M)
    return ' '.join(found[1].split()) if found else ''


def _arrow(pair: dict[str, Any]) -> str:
    return ('<' if pair['ros_to_igtl'] else '') + '-' + ('>' if pair['igtl_to_ros'] else '')


def _notes(pair: dict[str, Any]) -> Iterator[str]:
    if pair['default']:
        suffix = pair['sibling']
        yield f'default on .../{suffix}' if suffix else 'default'
    if pair['latched']:
        yield 'latched'
    if pair['traffic'] == 'event':
        yield 'event'


def _markdown_row(pair: dict[str, Any]) -> str:
    type_name = pair['type_name'].replace('*', r'\*')
    return (
        f'| {type_name} | `{_arrow(pair)}` | `{pair["ros_type_name"]}` '
        f'| {", ".join(_notes(pair))} |'
    )


def _losses(pairs: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a section about lost information, with a line for each pair and direction."""
    yield '## Lost information\n'
    yield 'A round trip preserves everything else, poses to the precision of float32.\n'
    for key, arrow in (('lost_to_ros', '->'), ('lost_from_ros', '<-')):
        alike: dict[tuple[str, str], list[str]] = {}
        for pair in pairs:
            if pair[key]:
                name = f'`{pair["ros_type_name"]}`'
                alike.setdefault((pair['type_name'], pair[key]), []).append(name)
        for (type_name, lost), names in alike.items():
            yield f'* {type_name} `{arrow}` {", ".join(names)}: {lost}'.replace('* *', r'* \*')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl types`: list the known message types."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from ros2_igtl import codec

HELP = 'list the known message types'
DESCRIPTION = (
    'List the known OpenIGTLink message types: type name, bytes of the content (n: any number of '
    'elements), version of the protocol that introduced it (- if it is not part of the protocol) '
    'and a description. Messages of other types are kept as bytes.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--json', action='store_true', help='print JSON, one object a line')


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each type."""
    types = [_describe(*known) for known in sorted(codec.MESSAGE_TYPES.items())]
    width = max(len(known['content_size']) for known in types)
    for known in types:
        if arguments.json:
            print(json.dumps(known))
        else:
            version = known['protocol_version'] or '-'
            print(
                f'{known["type_name"]:12} {known["content_size"]:{width}} {version} '
                f'{known["description"]}'
            )
    return 0


def _describe(type_name: str, content_class: type[codec.Content]) -> dict[str, Any]:
    alias_of = content_class.type_name if content_class.type_name != type_name else None
    description = _first_sentence(content_class.__doc__ or '')
    return {
        'type_name': type_name,
        'alias_of': alias_of,
        'content_size': content_class.sizes,
        'protocol_version': content_class.protocol_version,
        'description': f'another name of {alias_of}' if alias_of else description,
    }


def _first_sentence(docstring: str) -> str:
    first_paragraph = ' '.join(docstring.strip().split('\n\n')[0].split())
    words = re.sub(r'(:\w+:)?`+([^`]*)`+', r'\2', first_paragraph)  # quotes of reStructuredText
    words = re.sub(r'^[A-Z_]+: ', '', words)  # the type name has its own column
    return words.split('. ')[0].rstrip('.')

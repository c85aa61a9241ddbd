# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl types`: list the message types that are known here."""

from __future__ import annotations

import argparse
import re

from ros2_igtl import codec

HELP = 'list the message types that are known here'
DESCRIPTION = (
    'List the OpenIGTLink message types that are known here, with what they are. Messages of any '
    'other type are passed on as they are.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print a line a type."""
    for type_name, content_class in sorted(codec.MESSAGE_TYPES.items()):
        print(f'{type_name:12} {_first_sentence(content_class.__doc__ or "")}')
    return 0


def _first_sentence(docstring: str) -> str:
    first_paragraph = ' '.join(docstring.strip().split('\n\n')[0].split())
    words = re.sub(r'(:\w+:)?`+([^`]*)`+', r'\2', first_paragraph)  # reStructuredText's quotes
    words = re.sub(r'^[A-Z_]+: ', '', words)  # the type name, which is there already
    return words.split('. ')[0].rstrip('.')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bytes as text: one field and one comment a line.

::

    # what the bytes are: the head, comments before the first bytes
    53 54 52 49 4e 47   # type name STRING
    00 * 6              # repeated

A line holds pairs of hexadecimal digits, how often they are repeated, and a comment; each of the
three may be missing, and so may the spaces between the pairs.
"""

from __future__ import annotations

import re

_LINE = re.compile(r'((?:[0-9a-fA-F]{2} *)*)(?:\* (\d+))?')


def parse_bytes(text: str) -> bytes:
    """
    Return the bytes of a text.

    :raises ValueError: a line is none; its number is told.
    """
    data = b''
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.fullmatch(line.partition('#')[0].strip())
        if found is None:
            raise ValueError(f'line {number}: {line!r} is not pairs of hex digits, * times')
        data += bytes.fromhex(found[1]) * int(found[2] or 1)
    return data


def parse_head(text: str) -> list[str]:
    """Return the comments that stand before the first bytes, without those on the licence."""
    head = []
    for line in text.splitlines():
        code, _, comment = line.partition('#')
        if code.strip():
            break
        head.append(comment.strip())
    return [comment for comment in head if comment and not _LICENCE.match(comment)]


_LICENCE = re.compile('Copyright |SPDX-License-Identifier:')

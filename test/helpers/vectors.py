# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of ``vectors``, from all its folders; what they mean is not judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from helpers.annotated_bytes import parse_bytes

FOLDER = Path(__file__).parents[1] / 'vectors'


class Vector(NamedTuple):
    """
    One message and what is known of it.

    :ivar facts: what its index says of it; of one made by hand, what ``codec.describe`` has to.
    :ivar packs_to: the name of the vector that it packs to, mostly its own; None for a message
        with a name that fills its field, which the codec reads and does not write.
    """

    name: str
    data: bytes
    facts: dict[str, Any]
    packs_to: str | None


def read_index(folder: Path) -> list[Vector]:
    """Return the vectors of a folder that has an index.json."""
    return [
        Vector(
            facts['name'],
            (folder / facts['file']).read_bytes(),
            facts,
            facts.get('packs_to', facts['name']),
        )
        for facts in json.loads((folder / 'index.json').read_text())
    ]


def split_hand(text: str) -> tuple[list[str], str]:
    """Return the lines with the bytes of a vector made by hand, and the JSON behind them."""
    head, _, tail = text.partition('\n\n')
    return head.splitlines(), tail


def read_hand(path: Path) -> Vector:
    """Return a vector made by hand: hex bytes, # and their field in each line, then JSON."""
    lines, text = split_hand(path.read_text(encoding='utf-8'))
    data = parse_bytes('\n'.join(lines))
    facts = json.loads(text)
    return Vector(path.stem, data, facts, facts.pop('packs_to', path.stem))


GOLDEN = read_index(FOLDER / 'golden')
REFERENCE = read_index(FOLDER / 'reference')
HAND = [read_hand(path) for path in sorted((FOLDER / 'hand').glob('*.txt'))]

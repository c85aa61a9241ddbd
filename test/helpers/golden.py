# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The golden messages of ``vectors/golden``; what they mean is not judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[1] / 'vectors' / 'golden'


class Golden(NamedTuple):
    """One message of the reference library and what its index says of it."""

    name: str
    data: bytes
    facts: dict[str, Any]


GOLDENS = [
    Golden(facts['name'], (FOLDER / facts['file']).read_bytes(), facts)
    for facts in json.loads((FOLDER / 'index.json').read_text())
]


def golden(name: str) -> bytes:
    """Return the bytes of one golden message."""
    return next(case.data for case in GOLDENS if case.name == name)

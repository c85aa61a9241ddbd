# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a module imports, for the tests that hold the package to its rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the full name of each module that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ''
            if node.level:
                package = path.relative_to(ROOT).parts[: -node.level]
                module = '.'.join([*package, *filter(None, [module])])
            yield from ((node.lineno, f'{module}.{alias.name}') for alias in node.names)

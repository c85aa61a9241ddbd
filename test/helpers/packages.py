# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Packages with an entry point, as pip would install them, for the tests of what they add."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def add_package(
    folder: Path,
    name: str,
    source: str,
    value: str | None = None,
    group: str = 'ros2_igtl.messages',
) -> None:
    """Put a package with one module and one entry point into a folder, as pip would."""
    (folder / f'{name}.py').write_text(source)
    information = folder / f'{name}-1.0.dist-info'
    information.mkdir()
    (information / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n')
    (information / 'entry_points.txt').write_text(f'[{group}]\n{name}_point = {value or name}\n')
    importlib.invalidate_caches()


@contextmanager
def forgotten_modules() -> Iterator[None]:
    """Forget the modules that are imported meanwhile."""
    modules = {*sys.modules}
    yield
    for name in sys.modules.keys() - modules:
        del sys.modules[name]

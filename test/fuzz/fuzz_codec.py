# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is asked of the codec by atheris, which makes bytes that reach what none before has reached.

Run by ``start.py`` with the interpreter of atheris' own environment.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def check(data: bytes) -> None:
    """Ask the promise of bytes as they are, and again with the size and the CRC of their body."""
    from helpers.mutation import HEADER_SIZE, repaired
    from helpers.promise import check_bytes

    check_bytes(data)
    if len(data) >= HEADER_SIZE and repaired(data) != data:
        check_bytes(repaired(data))


def main() -> None:
    """Ask of one input after the other until the time is over or the promise is broken."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    sys.path[:0] = [str(ROOT / 'test'), str(ROOT)]
    warnings.simplefilter('error', RuntimeWarning)  # which numpy gives where a number is lost
    with atheris.instrument_imports(include=['ros2_igtl.codec']):
        import ros2_igtl.codec  # noqa: F401
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == '__main__':
    main()

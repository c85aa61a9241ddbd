# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several verbs share. Their parsers report wrong values."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def tcp_port(text: str) -> int:
    """Return a TCP port to dial: 1 to 65535."""
    return _whole_number(text, 1, 65535)


def tcp_port_or_any(text: str) -> int:
    """Return a TCP port to listen on: 0 to 65535; 0 selects a free one."""
    return _whole_number(text, 0, 65535)


def positive_int(text: str) -> int:
    """Return a whole number above 0."""
    return _whole_number(text, 1, None)


def positive_float(text: str) -> float:
    """Return a finite number above 0."""
    value = number(text)
    if value <= 0.0:
        raise argparse.ArgumentTypeError(f'{text}: a number above 0 is allowed')
    return value


def number(text: str) -> float:
    """Return a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'{text!r}: a number is allowed')
    return value


def _whole_number(text: str, lowest: int, highest: int | None) -> int:
    allowed = f'from {lowest} to {highest}' if highest is not None else f'of {lowest} or more'
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if value < lowest or (highest is not None and value > highest):
        raise argparse.ArgumentTypeError(f'{text!r}: a whole number {allowed} is allowed')
    return value


def add_peer(parser: argparse.ArgumentParser, parse_port: Callable[[str], int] = tcp_port) -> None:
    """Declare the arguments HOST and PORT of a server."""
    parser.add_argument('host', metavar='HOST', help='name or address of the server')
    parser.add_argument('port', metavar='PORT', type=parse_port, help='its TCP port, often 18944')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What one value may be: functions from a YAML node to a value, or `Refused` with a reason.

They know nothing of other values. Plain scalars are read as YAML 1.2 reads them; where YAML 1.1
reads them otherwise (`yes`, `no`, `on`, `off`), quotes are asked for.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from ros2_igtl.config.errors import Refused

Check = Callable[[yaml.Node], Any]

MAX_DEVICE_NAME_BYTES = 20  # the field of the message header
# Names inside contents end with a NUL: 19 of 20 bytes.
MAX_TOOL_NAME_BYTES = 19
MAX_COORDINATE_NAME_BYTES = 31
MAX_COMMAND_NAME_BYTES = 127  # as well, of 128
# 255 bytes in DDS, less the prefix that ROS adds (RMW_TOPIC_MAX_NAME_LENGTH).
MAX_TOPIC_NAME_LENGTH = 247
MAX_TEXT_LENGTH = 255

_INTEGER = re.compile(r'[-+]?(?:0|[1-9][0-9]*)')
_NUMBER = re.compile(r'[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan')
_WORDS = {
    **dict.fromkeys(('', '~', 'null', 'Null', 'NULL'), 'nothing'),
    **dict.fromkeys(('true', 'True', 'TRUE', 'false', 'False', 'FALSE'), 'a truth value'),
    **dict.fromkeys(('yes', 'no', 'on', 'off', 'y', 'n'), 'ambiguous'),
}
_TOPIC_NAME = re.compile(r'(?:~/|/)?[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*')
_ROS_TYPE_NAME = re.compile(r'[a-z][a-z0-9_]*/msg/[A-Z][A-Za-z0-9]*')
_HOST_NAME = re.compile(r'(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?')


def kind(node: yaml.Node) -> str:
    """Return what a node is, in a word that fits into a message."""
    if isinstance(node, yaml.MappingNode):
        return 'a mapping'
    if isinstance(node, yaml.SequenceNode):
        return 'a list'
    value: str = node.value
    if _is_quoted(node):
        return 'text'
    if word := _WORDS.get(value) or _WORDS.get(value.lower()):
        return word
    if _INTEGER.fullmatch(value):
        return 'a whole number'
    return 'a number' if _NUMBER.fullmatch(value) else 'text'


def _is_quoted(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is not None


def show(node: yaml.Node) -> str:
    """Return a node as a message names it: its value, cut off, and what it is."""
    found = kind(node)
    if not isinstance(node, yaml.ScalarNode) or found == 'nothing':
        return found
    if found in ('text', 'ambiguous'):
        return f'text {clip(node.value)!r}'
    return f'{found}, {clip(node.value)}'


def clip(text: str) -> str:
    """Return text short enough for a message."""
    return text if len(text) <= 60 else f'{text[:57]}...'


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)`, or nothing when no allowed word is near."""
    folded = {each.lower(): each for each in allowed}
    # Of long words only the start is looked at: the search takes quadratic time.
    near = difflib.get_close_matches(word[:64].lower(), folded, n=1)
    return f' (did you mean {folded[near[0]]!r}?)' if near else ''


def truth(node: yaml.Node) -> bool:
    """Return true or false."""
    if kind(node) != 'a truth value':
        raise Refused(f'is {show(node)}; allowed: true or false')
    return bool(node.value.lower() == 'true')


def whole_number(low: int, high: int) -> Check:
    """Return a check for a whole number from `low` to `high`."""
    allowed = f'a whole number from {low} to {high}' if low < high else f'{low}'

    def check(node: yaml.Node) -> int:
        if kind(node) != 'a whole number':
            quotes = ' without quotes' if _is_quoted(node) else ''
            raise Refused(f'is {show(node)}; allowed: {allowed}{quotes}')
        # A number of a million digits is refused by its first ones.
        value = int(node.value[:30])
        if not low <= value <= high:
            raise Refused(f'is {clip(node.value)}; allowed: {allowed}')
        return value

    return check


def number(low: float, high: float, unit: str, *, above: bool = False) -> Check:
    """Return a check for a finite number from `low` (or, if `above`, above it) to `high`."""
    start = f'above {low:g}, up to' if above else f'from {low:g} to'
    allowed = f'a number {start} {high:g} {unit}'

    def check(node: yaml.Node) -> float:
        if kind(node) not in ('a whole number', 'a number'):
            raise Refused(f'is {show(node)}; allowed: {allowed}')
        value = float(node.value.replace('.inf', 'inf').replace('.nan', 'nan'))
        if not (math.isfinite(value) and low <= value <= high) or (above and value == low):
            raise Refused(f'is {clip(node.value)}; allowed: {allowed}')
        return value

    return check


def numbers(count: int, limit: float, unit: str) -> Check:
    """Return a check for a list of `count` finite numbers from `-limit` to `limit`."""
    check_one = number(-limit, limit, unit)

    def check(node: yaml.Node) -> tuple[float, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise Refused(f'is {show(node)}; allowed: a list of {count} numbers')
        if len(node.value) != count:
            raise Refused(f'has {len(node.value)} items; allowed: {count} numbers')
        return tuple(map(check_one, node.value))

    return check


def text(node: yaml.Node) -> str:
    """Return printable text, which may be empty."""
    found = kind(node)
    if found != 'text':
        quotes = '; put it in quotes' if isinstance(node, yaml.ScalarNode) else ''
        if found == 'ambiguous':
            raise Refused(f'is {node.value}, which YAML 1.1 reads as true or false{quotes}')
        raise Refused(f'is {show(node)}; allowed: text{quotes if found != "nothing" else ""}')
    value: str = node.value
    if len(value) > MAX_TEXT_LENGTH:
        raise Refused(f'has {len(value)} characters; allowed: {MAX_TEXT_LENGTH}')
    if not value.isprintable():  # "\0", "\x1B[2J", "\uD800" in double quotes
        raise Refused(f'is {clip(value)!r}; allowed: printable characters')
    return value


def word(*allowed: str) -> Check:
    """Return a check for one of the words."""

    def check(node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.value not in allowed:
            near = suggest(node.value, allowed) if isinstance(node, yaml.ScalarNode) else ''
            raise Refused(f'is {show(node)}; allowed: {" or ".join(allowed)}{near}')
        return str(node.value)

    return check


def device_name(node: yaml.Node) -> str:
    """Return a device name of at most 20 bytes of UTF-8; '' is a device without a name."""
    return limit_device_name(text(node))


def limit_device_name(value: str) -> str:
    """Return a device name of at most 20 bytes of UTF-8."""
    return _limited(value, MAX_DEVICE_NAME_BYTES)


def tool_name(node: yaml.Node) -> str:
    """Return a tool's name of 1 to 19 bytes of UTF-8."""
    return _limited(_name(node), MAX_TOOL_NAME_BYTES)


def command_name(node: yaml.Node) -> str:
    """Return a command's name of 1 to 127 bytes of UTF-8."""
    return _limited(_name(node), MAX_COMMAND_NAME_BYTES)


def _name(node: yaml.Node) -> str:
    value = text(node)
    if not value:
        raise Refused('is empty; allowed: a name')
    return value


def coordinate_name(node: yaml.Node) -> str:
    """Return the name of a coordinate system of at most 31 bytes of UTF-8; '' is no name."""
    return _limited(text(node), MAX_COORDINATE_NAME_BYTES)


def _limited(value: str, limit: int) -> str:
    length = len(value.encode())
    if length > limit:
        raise Refused(f'{clip(value)!r} has {length} bytes; allowed: {limit}')
    return value


def type_name(node: yaml.Node) -> str:
    """Return an OpenIGTLink type name: 1 to 12 ASCII characters, none of them a space."""
    value = text(node)
    if not (1 <= len(value) <= 12 and value.isascii()) or ' ' in value:
        raise Refused(f'is {clip(value)!r}; allowed: 1 to 12 ASCII characters, as TRANSFORM')
    return value


def ros_type_name(node: yaml.Node) -> str:
    """Return the full name of a ROS message type."""
    value = text(node)
    if not _ROS_TYPE_NAME.fullmatch(value):
        full = re.sub(r'^([a-z][a-z0-9_]*)/([A-Z][A-Za-z0-9]*)$', r'\1/msg/\2', value)
        near = f' (did you mean {clip(full)!r}?)' if full != value else ''
        raise Refused(f'is {clip(value)!r}; allowed: package/msg/Type{near}')
    return value


def topic_name(node: yaml.Node) -> str:
    """Return a ROS topic name: absolute, relative or private (`~/`)."""
    value = text(node)
    if not _TOPIC_NAME.fullmatch(value):
        raise Refused(
            f'is {clip(value)!r}; allowed: words of letters, digits and _ that start with no '
            'digit, joined by /, after nothing, / or ~/'
        )
    if len(value) > MAX_TOPIC_NAME_LENGTH:
        raise Refused(f'has {len(value)} characters; allowed: {MAX_TOPIC_NAME_LENGTH}')
    return value


def connection_name(node: yaml.Node) -> str:
    """Return a name that can be a part of a topic name."""
    value = text(node)
    if '/' in value or not _TOPIC_NAME.fullmatch(value):
        raise Refused(
            f'is {clip(value)!r}; allowed: letters, digits and _, the first of them no digit'
        )
    return value


def frame_id(node: yaml.Node) -> str:
    """Return the name of a tf frame."""
    value = text(node)
    if not value or value.startswith('/') or ' ' in value:
        raise Refused(f'is {clip(value)!r}; allowed: a name without a space or a leading /')
    return value


def frame_prefix(node: yaml.Node) -> str:
    """Return what frames' names begin with; '' is no prefix."""
    value = text(node)
    if value.startswith('/') or ' ' in value:
        raise Refused(f'is {clip(value)!r}; allowed: text without a space or a leading /')
    return value


def address(node: yaml.Node) -> str:
    """Return an IPv4 or IPv6 address or a host name."""
    value = text(node)
    try:
        ipaddress.ip_address(value)
    except ValueError:
        # 300.1.1.1 is no host name either: the last label of one is not all digits.
        if not _HOST_NAME.fullmatch(value) or value.rpartition('.')[2].isdigit():
            near = '; the port has a key of its own' if ':' in value else ''
            raise Refused(
                f'is {clip(value)!r}; allowed: an IPv4 or IPv6 address or a host name{near}'
            ) from None
    return value


def network(node: yaml.Node) -> str:
    """Return a network in CIDR notation, or one address."""
    value = text(node)
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise Refused(
            f'is {clip(value)!r}, {clip(str(error))}; allowed: CIDR, as 192.168.0.0/24'
        ) from None
    return value

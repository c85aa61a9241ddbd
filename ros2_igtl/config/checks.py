# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checks of single values: functions that turn a YAML node into a value, or raise `Refused`.

Plain scalars are read as in YAML 1.2. Words that YAML 1.1 reads as true or false (`yes`, `no`,
`on`, `off`) must be in quotes.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from ros2_igtl import options
from ros2_igtl.config.device_regex import (
    compile_command_regex,
    compile_device_regex,
    compile_topic_regex,
)
from ros2_igtl.config.errors import Refused

Check = Callable[[yaml.Node], Any]

_INTEGER = re.compile(r'[-+]?(?:0|[1-9][0-9]*)')
_NUMBER = re.compile(r'[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan')
_WORDS = {
    **dict.fromkeys(('', '~', 'null', 'Null', 'NULL'), 'nothing'),
    **dict.fromkeys(('true', 'True', 'TRUE', 'false', 'False', 'FALSE'), 'a truth value'),
    **dict.fromkeys(('yes', 'no', 'on', 'off', 'y', 'n'), 'ambiguous'),
}
_HOST_NAME = re.compile(r'(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?')


def kind(node: yaml.Node) -> str:
    """Return the kind of a node in words for an error."""
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
    """Return a node in words for an error: its kind, and its value shortened by `clip`."""
    found = kind(node)
    if not isinstance(node, yaml.ScalarNode) or found == 'nothing':
        return found
    if found in ('text', 'ambiguous'):
        return f'text {clip(node.value)!r}'
    return f'{found}, {clip(node.value)}'


def clip(text: str) -> str:
    """Return text shortened to at most 60 characters for an error."""
    return text if len(text) <= 60 else f'{text[:57]}...'


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)`, or an empty text if no allowed word is similar."""
    folded = {each.lower(): each for each in allowed}
    # Compare only the start of long words, since the search takes quadratic time.
    near = difflib.get_close_matches(word[:64].lower(), folded, n=1)
    return f' (did you mean {folded[near[0]]!r}?)' if near else ''


def truth(node: yaml.Node) -> bool:
    """Return true or false."""
    if kind(node) != 'a truth value':
        raise Refused(f'is {show(node)}; allowed: true or false')
    return bool(node.value.lower() == 'true')


def whole_number(option: options.Option) -> Check:
    """Return a check for a whole number in the range of an option."""

    def check(node: yaml.Node) -> int:
        if kind(node) != 'a whole number':
            quotes = ' without quotes' if _is_quoted(node) else ''
            raise Refused(f'is {show(node)}; allowed: {option.range_text}{quotes}')
        # The first digits suffice to refuse a number of a million digits.
        value = int(node.value[:30])
        if not option.allows(value):
            raise Refused(f'is {clip(node.value)}; allowed: {option.range_text}')
        return value

    return check


def number(option: options.Option) -> Check:
    """Return a check for a finite number in the range of an option."""

    def check(node: yaml.Node) -> float:
        if kind(node) not in ('a whole number', 'a number'):
            raise Refused(f'is {show(node)}; allowed: {option.range_text}')
        value = float(node.value.replace('.inf', 'inf').replace('.nan', 'nan'))
        if not option.allows(value):
            raise Refused(f'is {clip(node.value)}; allowed: {option.range_text}')
        return value

    return check


def numbers(option: options.Option) -> Check:
    """Return a check for a list of finite numbers, of the length that the option declares."""
    check_one = number(option)

    def check(node: yaml.Node) -> tuple[float, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise Refused(f'is {show(node)}; allowed: a list of {option.count} numbers')
        if len(node.value) != option.count:
            raise Refused(f'has {len(node.value)} items; allowed: {option.count} numbers')
        return tuple(map(check_one, node.value))

    return check


def text(node: yaml.Node) -> str:
    """Return printable text, possibly empty."""
    found = kind(node)
    if found != 'text':
        quotes = '; put it in quotes' if isinstance(node, yaml.ScalarNode) else ''
        if found == 'ambiguous':
            raise Refused(f'is {node.value}, which YAML 1.1 reads as true or false{quotes}')
        raise Refused(f'is {show(node)}; allowed: text{quotes if found != "nothing" else ""}')
    value: str = node.value
    if len(value) > options.MAX_TEXT_LENGTH:
        raise Refused(f'has {len(value)} characters; allowed: {options.MAX_TEXT_LENGTH}')
    if not value.isprintable():  # "\0", "\x1B[2J", "\uD800" in double quotes
        raise Refused(f'is {clip(value)!r}; allowed: printable characters')
    return value


def word(option: options.Option) -> Check:
    """Return a check for one of the words that an option allows."""

    def check(node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.value not in option.allowed:
            near = suggest(node.value, option.allowed) if isinstance(node, yaml.ScalarNode) else ''
            raise Refused(f'is {show(node)}; allowed: {option.range_text}{near}')
        return str(node.value)

    return check


def limit_device_name(value: str) -> str:
    """Return the device name if it fits its field in the message header."""
    return _limited(value, options.DEVICE_NAME)


def _limited(value: str, form: options.Form) -> str:
    if not value and form.min_bytes:
        raise Refused('is empty; allowed: a name')
    length = len(value.encode())
    if length > form.max_bytes:
        raise Refused(f'{clip(value)!r} has {length} bytes; allowed: {form.max_bytes}')
    return value


def text_of(form: options.Form) -> Check:
    """Return a check for a text of this form."""
    special = _SPECIAL.get(form)

    def check(node: yaml.Node) -> Any:
        value = text(node)
        if special is not None:
            return special(value)
        if form.max_bytes:
            return _limited(value, form)
        if not form.fits(value):
            near = f' (did you mean {clip(near)!r}?)' if (near := _near(form, value)) else ''
            raise Refused(f'is {clip(value)!r}; allowed: {form.allowed}{near}')
        if len(value) > form.max_length:
            raise Refused(f'has {len(value)} characters; allowed: {form.max_length}')
        return value

    return check


def _near(form: options.Form, value: str) -> str | None:
    """Return the full name of a ROS type if only `msg` is missing, else None."""
    package, slash, name = value.partition('/')
    full = f'{package}/msg/{name}'
    return full if form is options.ROS_TYPE_NAME and slash and form.fits(full) else None


def _address(value: str) -> str:
    """Return an IPv4 or IPv6 address or a host name."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        # 300.1.1.1 is not a host name either: its last label has only digits.
        if not _HOST_NAME.fullmatch(value) or value.rpartition('.')[2].isdigit():
            near = '; the port has a key of its own' if ':' in value else ''
            raise Refused(
                f'is {clip(value)!r}; allowed: {options.ADDRESS.allowed}{near}'
            ) from None
    return value


def _network(value: str) -> str:
    """Return a network in CIDR notation, or one address."""
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise Refused(
            f'is {clip(value)!r}, {clip(str(error))}; allowed: {options.NETWORK.allowed}'
        ) from None
    return value


def nested(node: yaml.Node) -> yaml.Node:
    """Return the node itself, which another function reads."""
    return node


# The functions from text to value of the forms that need more than a pattern.
_SPECIAL: dict[options.Form, Callable[[str], Any]] = {
    options.ADDRESS: _address,
    options.NETWORK: _network,
    options.DEVICE_REGEX: compile_device_regex,
    options.COMMAND_REGEX: compile_command_regex,
    options.TOPIC_REGEX: compile_topic_regex,
}


def check_of(option: options.Option) -> Check:
    """Return the check of a key."""
    if option.kind == 'text':
        return text_of(option.form)
    makers = {'integer': whole_number, 'number': number, 'numbers': numbers, 'word': word}
    if option.kind in makers:
        return makers[option.kind](option)
    return truth if option.kind == 'truth' else nested


def checks_of(declared: Mapping[str, options.Option]) -> dict[str, Check]:
    """Return the check of each key of a section; nested sections and lists are read later."""
    return {name: check_of(option) for name, option in declared.items()}

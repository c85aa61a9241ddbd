# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Regular expressions for names: compiled, and refused if a match could take long.

The names of devices and commands come from a peer, and those of topics from any node. With an
expression that backtracks, such a name could stall this node. So this module computes an upper
bound of the number of ways to match a name: the ways of consecutive items multiply, and those of
alternatives add up.
"""

from __future__ import annotations

import re
import warnings

from ros2_igtl.codec import DEVICE_NAME_SIZE
from ros2_igtl.config.errors import Refused
from ros2_igtl.convert.command_text import COMMAND_NAME_SIZE

MAX_REGEX_LENGTH = 200
# Allows `.*` four times in an expression; the slowest match of 20 characters takes about 30 ms.
MAX_WAYS = 300_000
TOPIC_NAME_LENGTH = 247  # RMW_TOPIC_MAX_NAME_LENGTH

_TOKEN = re.compile(
    r'(?P<open>\((?:\?(?P<extension>.))?)'
    r'|(?P<close>\))'
    r'|(?P<bar>\|)'
    r'|(?P<repeat>[*+?]|\{(?=[0-9,])(?P<low>[0-9]*)(?P<comma>,?)(?P<high>[0-9]*)\})[?+]?'
    r'|\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|.'
)


def compile_device_regex(pattern: str) -> re.Pattern[str]:
    """
    Return the compiled expression for device names, which have to match in full.

    :raises Refused: it is too long, does not compile, or can take too long on 20 characters.
    """
    return _compile(pattern, DEVICE_NAME_SIZE, 4)


def compile_command_regex(pattern: str) -> re.Pattern[str]:
    """
    Return the compiled expression for names of commands, which have to match in full.

    :raises Refused: it is too long, does not compile, or can take too long on 127 characters.
    """
    return _compile(pattern, COMMAND_NAME_SIZE, 2)


def compile_topic_regex(pattern: str) -> re.Pattern[str]:
    """
    Return the compiled expression for full names of topics, which have to match in full.

    :raises Refused: it is too long, does not compile, or can take too long on 247 characters.
    """
    return _compile(pattern, TOPIC_NAME_LENGTH, 2)


def _compile(pattern: str, length: int, repetitions: int) -> re.Pattern[str]:
    """
    Compile an expression for names.

    :param length: the length of the longest name.
    :param repetitions: the number of consecutive repetitions that the error calls allowed.
    """
    if len(pattern) > MAX_REGEX_LENGTH:
        raise Refused(f'the expression has {len(pattern)} characters; allowed: {MAX_REGEX_LENGTH}')
    try:
        with warnings.catch_warnings():
            # Python warns of `[[`, whose meaning may change, and before 3.11 of a misplaced flag.
            warnings.simplefilter('error')
            compiled = re.compile(pattern)
    except (re.error, OverflowError, Warning) as error:
        raise Refused(f'{pattern!r} is not a regular expression: {error}') from None
    if _count_ways(pattern.removeprefix('(?i)'), length + 1) > MAX_WAYS:
        raise Refused(
            f'{pattern!r} can take too long to match; allowed: at most {repetitions} consecutive '
            'repetitions, and no repetition of a choice, as in (a+)* and (a|b)*'
        )
    return compiled


def _count_ways(pattern: str, most: int) -> int:
    """
    Return an upper bound, limited to MAX_WAYS + 1, of the ways to match a valid pattern.

    :param most: the largest number of repetitions that can match.
    """
    # For the innermost open group: the ways of its branches before the last `|`, of the last
    # branch without its last item, and of that item, to which a repetition applies.
    alternatives, branch, item = 0, 1, 1
    outer: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(pattern):
        if token['repeat']:
            item = _repeat(item, *_repeats(token, most), most)
            continue
        branch = min(branch * item, MAX_WAYS + 1)
        item = 1
        if token['open']:
            if token['extension'] not in (None, ':'):
                raise Refused(
                    f'{token["open"]!r} in {pattern!r} is not allowed; '
                    'allowed: (...), (?:...) and (?i) at the start'
                )
            outer.append((alternatives, branch))
            alternatives, branch = 0, 1
        elif token['bar']:
            alternatives, branch = alternatives + branch, 1
        elif token['close']:
            item = alternatives + branch
            alternatives, branch = outer.pop()
    return alternatives + branch * item


def _repeats(token: re.Match[str], most: int) -> tuple[int, int]:
    """Return the smallest and the largest number of repetitions of the last item."""
    if token['low'] is None:
        return {'*': (0, most), '+': (1, most), '?': (0, 1)}[token['repeat'][0]]
    low = int(token['low'] or 0)
    if not token['comma']:
        return low, low
    return low, int(token['high'] or max(low, most))


def _repeat(ways: int, low: int, high: int, most: int) -> int:
    if low > most:  # such a repetition of an empty group takes long
        return MAX_WAYS + 1
    high = min(high, most)
    ways_of_each_count: list[int] = [ways**count for count in range(low, high + 1)]
    return max(low, sum(ways_of_each_count))

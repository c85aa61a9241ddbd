# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Expressions for device names: what people need compiles, what could stall a node does not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ros2_igtl.config.device_regex import (
    MAX_REGEX_LENGTH,
    compile_command_regex,
    compile_device_regex,
    compile_topic_regex,
)
from ros2_igtl.config.errors import Refused


@pytest.mark.parametrize(
    ('pattern', 'match', 'no_match'),
    [
        ('Probe', 'Probe', 'Probe1'),
        ('Probe.*', 'ProbeToTracker', 'AProbe'),
        ('', '', 'a'),
        ('(Left|Right)?Probe[0-9]+To(Tracker|Reference)(_.*)?', 'LeftProbe12ToTracker_a', 'Probe'),
        ('|'.join(f'Tool{index}' for index in range(30)), 'Tool17', 'Tool30'),
        ('(?i)probe', 'PROBE', 'probes'),
        (r'(?:a|b){3}\(\?=[]\]()|*]{2,}', 'aba(?=])', 'ab(?=])'),
        ('a{,3}b{2}c{1,}?', 'bbccc', 'aaaabbc'),
        ('a{x}', 'a{x}', 'a'),
        ('.*a.*b.*c.*', '1a2b3c4', 'cba'),
        ('([0-9]+[.]){2}', '1.22.', '1.'),
    ],
)
def test_what_people_write_is_taken(pattern: str, match: str, no_match: str) -> None:
    regex = compile_device_regex(pattern)
    assert regex.fullmatch(match)
    assert not regex.fullmatch(no_match)


@pytest.mark.parametrize(
    'pattern',
    [
        '(a+)+',
        '(a*)*b',
        '(?:a|a)*b',
        '(a|ab)+c',
        '((a{1,9}){1,9}){1,9}b',
        '(a?){20}a{20}',
        '(.*)(.*)(.*)(.*)(.*)b',
        'a?' * 30 + 'b',
        '(a|a)' * 30 + 'b',
        '(|a|a)' * 20 + 'b',
        '(){4294967294}',
        '(((){21}){21}){21}(){21}(){21}',
        'a{22}',
    ],
)
def test_what_can_take_too_long_is_refused(pattern: str) -> None:
    with pytest.raises(Refused, match='can take too long to match'):
        compile_device_regex(pattern)


@pytest.mark.parametrize(
    'pattern', ['Start', '.*', 'Move.*Arm[0-9]+', '(?i)x{100}', '(Get|Set).*']
)
def test_what_people_write_for_commands_is_taken_and_quick(pattern: str) -> None:
    regex = compile_command_regex(pattern)
    begin = time.process_time()
    regex.fullmatch('x' * 100 + '1' * 26 + '\n')
    assert time.process_time() - begin < 0.1


@pytest.mark.parametrize('pattern', ['/robot/.*', '/.*/pose', '/(left|right)/[a-z_]+/image.*'])
def test_what_people_write_for_topics_is_taken_and_quick(pattern: str) -> None:
    regex = compile_topic_regex(pattern)
    begin = time.process_time()
    regex.fullmatch('/' + 'image/pose/' * 22 + '\n')
    assert time.process_time() - begin < 0.1


@pytest.mark.parametrize('compile_regex', [compile_command_regex, compile_topic_regex])
def test_names_of_commands_and_topics_are_longer_and_their_expressions_simpler(
    compile_regex: Callable[[str], re.Pattern[str]],
) -> None:
    compile_device_regex('.*a.*b.*')
    with pytest.raises(Refused, match='at most 2 consecutive repetitions'):
        compile_regex('.*a.*b.*')


@pytest.mark.parametrize('start', ['(?=', '(?!', '(?<=', '(?P<n>', '(?x:', '(?#', '(?-i:'])
def test_a_group_that_hides_what_it_costs_is_refused(start: str) -> None:
    with pytest.raises(Refused, match='is not allowed'):
        compile_device_regex(f'a{start}a)')


@pytest.mark.parametrize('pattern', ['(', '*', 'a**', '[', 'a{5,2}', '[[a]', '(?x)a', 'a(?i)'])
def test_what_is_no_expression_is_refused(pattern: str) -> None:
    with pytest.raises(Refused, match=r'is not a regular expression|is not allowed'):
        compile_device_regex(pattern)


def test_an_expression_above_the_length_is_refused() -> None:
    with pytest.raises(Refused, match='the expression has 201 characters; allowed: 200'):
        compile_device_regex('a' * (MAX_REGEX_LENGTH + 1))


_ATOMS = st.sampled_from(['a', '.', '[ab]', '(a|a)', '(a|aa)', '(|a)', '(a+)', '(a?a)', '()'])
_REPEATS = st.sampled_from(['', '', '*', '+', '?', '{2}', '{1,3}', '*?', '{3,}'])


@settings(deadline=None)
@given(
    st.lists(st.tuples(_ATOMS, _REPEATS).map(''.join), max_size=30).map(
        lambda parts: ''.join(parts) + 'b'
    )
)
def test_what_is_taken_gives_up_soon_on_a_name_made_for_it(pattern: str) -> None:
    try:
        regex = compile_device_regex(pattern)
    except Refused:
        return
    start = time.process_time()
    regex.fullmatch('a' * 20)
    # It takes milliseconds, or, if the bound is wrong, minutes.
    assert time.process_time() - start < 1

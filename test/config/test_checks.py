# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What one value may be: the values that are taken; refusals stand in refused_*.txt."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ros2_igtl import options
from ros2_igtl.config import checks
from ros2_igtl.options import Option

whole_number = checks.whole_number(Option('integer', '', allowed=(-5, 20_000)))
number = checks.number(Option('number', '', allowed=(-10, 10), unit='m'))
above_0 = checks.number(Option('number', '', allowed=(0, 1), unit='s', above=True))
word = checks.word(Option('word', '', allowed=('a', 'b')))


def node(text: str) -> yaml.Node:
    found = yaml.compose(text, Loader=yaml.SafeLoader)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ('check', 'text', 'value'),
    [
        (checks.truth, 'true', True),
        (checks.truth, 'FALSE', False),
        (whole_number, '18944', 18944),
        (whole_number, '+7', 7),
        (whole_number, '-5', -5),
        (number, '1', 1.0),
        (number, '-.5e+1', -5.0),
        (number, '10', 10.0),
        (above_0, '1e-9', 1e-9),
        (checks.text, 'a b', 'a b'),
        (checks.text, '"no"', 'no'),
        (checks.text, "'12'", '12'),
        (checks.text, '""', ''),
        (checks.text, '>-\n a\n b', 'a b'),
        (word, 'b', 'b'),
        (checks.text_of(options.DEVICE_NAME), '""', ''),
        (checks.text_of(options.DEVICE_NAME), 'é' * 10, 'é' * 10),
        (checks.text_of(options.TOOL_NAME), 'a' * 19, 'a' * 19),
        (checks.text_of(options.TYPE_NAME), 'GET_POLYDATA', 'GET_POLYDATA'),
        (checks.text_of(options.ROS_TYPE_NAME), 'my_msgs2/msg/Type3', 'my_msgs2/msg/Type3'),
        (checks.text_of(options.TOPIC_NAME), 'a', 'a'),
        (checks.text_of(options.TOPIC_NAME), '/a/b_1/_c', '/a/b_1/_c'),
        (checks.text_of(options.TOPIC_NAME), '~/a', '~/a'),
        (checks.text_of(options.TOPIC_NAME), 'a__b', 'a__b'),
        (checks.text_of(options.CONNECTION_NAME), 'plus_1', 'plus_1'),
        (checks.text_of(options.FRAME), 'tool-0/tip', 'tool-0/tip'),
        (checks.text_of(options.ADDRESS), '127.0.0.1', '127.0.0.1'),
        (checks.text_of(options.ADDRESS), 'fe80::1%eth0', 'fe80::1%eth0'),
        (
            checks.text_of(options.ADDRESS),
            'scanner-2.hospital.example.',
            'scanner-2.hospital.example.',
        ),
        (checks.text_of(options.NETWORK), '10.0.0.5', '10.0.0.5'),
        (checks.text_of(options.NETWORK), '2001:db8::/32', '2001:db8::/32'),
    ],
)
def test_an_allowed_value_is_taken(check: checks.Check, text: str, value: Any) -> None:
    found = check(node(text))
    assert found == value
    assert type(found) is type(value)


def test_a_suggestion_is_found_whatever_the_case() -> None:
    assert checks.suggest('transform', ['STRING', 'TRANSFORM']) == " (did you mean 'TRANSFORM'?)"
    assert checks.suggest('zzz', ['STRING']) == ''


def test_what_is_shown_of_a_long_text_is_cut_off() -> None:
    assert checks.clip('a' * 60) == 'a' * 60
    assert checks.clip('a' * 61) == 'a' * 57 + '...'

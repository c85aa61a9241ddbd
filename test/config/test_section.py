# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A section keeps what is right, and the lines of what is wrong."""

from __future__ import annotations

import pytest
import yaml

from ros2_igtl.config import checks
from ros2_igtl.config.errors import ConfigError, Problems
from ros2_igtl.config.section import Section
from ros2_igtl.options import Option

KEYS = {'port': checks.whole_number(Option('integer', '', allowed=(1, 9))), 'name': checks.text}


def section_of(text: str, key: str = 'top') -> Section:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None
    return Section(node, key, KEYS, Problems('f'))


def problems_of(section: Section) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        section.problems.raise_if_any()
    return str(refusal.value).splitlines()


def test_right_values_are_kept_beside_wrong_ones() -> None:
    section = section_of('port: 0\nname: a')
    assert section.values == {'name': 'a'}
    assert section.has('port')
    assert problems_of(section) == ['f:1: top.port: is 0; allowed: a whole number from 1 to 9']


def test_a_value_that_starts_below_its_key_is_refused_where_it_starts() -> None:
    assert problems_of(section_of('name: a\nport:\n  10'))[0].startswith('f:3: top.port: is 10')


def test_the_first_of_two_values_is_kept() -> None:
    section = section_of('port: 1\nport: 2')
    assert section.values == {'port': 1}
    assert problems_of(section) == [
        'f:2: top.port: is given twice, first in line 1; allowed: once'
    ]


def test_of_what_is_no_mapping_only_that_is_told() -> None:
    section = section_of('- port', key='')
    section.require('port')
    assert problems_of(section) == ['f:1: file: is a list; allowed: a mapping of port, name']

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec

# word, its text, and other texts of the same unit
CASES = [
    (0x0000000000000000, '1', ['10^0']),
    (0x00443E0000000000, 'm/s^2', ['m * s^-2']),  # golden
    (0xB0443E0000000000, 'mm/s^2', ['10^-3*m/s^2', 'm/10^3/s^2']),
    (0x02C4110000000000, 'N*m', ['N·m']),
    (0x02C0100000000000, 'N^0*m^0', []),  # what sensordata.md prints for N*m
    (0x3084110F80000000, 'kg*m/s^2', ['10^3*g*m/s^2']),
    (0x00FC000000000000, 's^-1', ['1/s']),
    (0x40FC000000000000, 'us^-1', ['1/us', '1/\u00b5s', '1/\u03bcs']),
    (0xB048000000000000, '10^-3*m^2', []),
    (0xC048000000000000, 'mm^2', ['10^-6*m^2']),
    (0x3000000000000000, '10^3', []),
    (0x3484000000000000, 'kohm', ['kΩ']),
    (0x00FC110000000000, 's^-1*m', ['1/s*m']),
    (0x01C4000000000000, 'cd', []),
    (0x005C000000000000, 'm^7', []),
    (0x0064000000000000, 'm^-7', ['1/m^7']),
    (0x0044110441104411, 'm*m*m*m*m*m', []),
    (0x10C4000000000000, 'das', []),
    (0xB2043F0000000000, 'mrad/s', ['rad/s*10^-3']),
]
# what the specification does not know, and words that no text stands for
STRANGE = [
    0x8000000000000000,  # prefix 8
    0x0704000000000000,  # unit 0x1C
    0x0004000000000000,  # an exponent without a unit
    0x0000110000000000,  # a unit behind an empty slot
    0x0060000000000000,  # exponent -8
    2**64 - 1,
]


@pytest.mark.parametrize(('word', 'text', 'others'), CASES)
def test_a_unit_is_read_from_its_text(word: int, text: str, others: list[str]) -> None:
    for same in (text, *others):
        assert codec.Unit.parse(same) == word


@pytest.mark.parametrize(('word', 'text', 'others'), CASES)
def test_a_unit_says_its_text(word: int, text: str, others: list[str]) -> None:
    assert str(codec.Unit(word)) == text


@pytest.mark.parametrize('word', STRANGE)
def test_what_no_text_stands_for_is_said_as_the_word(word: int) -> None:
    text = str(codec.Unit(word))
    assert text == f'0x{word:016x}'
    assert codec.Unit.parse(text) == word


@given(st.integers(0, 2**64 - 1) | st.integers(0, 2**64 - 1).map(lambda word: word & ~0xFFFFFFFF))
def test_any_word_has_a_text_that_is_read_as_the_word(word: int) -> None:
    assert codec.Unit.parse(str(codec.Unit(word))) == word


@given(
    st.lists(
        st.tuples(st.sampled_from(['m', 'g', 's', 'N', 'cd', 'Wb']), st.integers(-7, 7)),
        max_size=6,
    ),
    st.sampled_from([0, 1, 2, 3, 6, 9, 12, 15, -1, -2, -3, -6, -9, -12, -15]),
)
def test_any_factors_with_any_prefix_are_written_and_read(
    factors: list[tuple[str, int]], power: int
) -> None:
    text = '*'.join([f'10^{power}', *(f'{symbol}^{exponent}' for symbol, exponent in factors)])
    unit = codec.Unit.parse(text)
    assert unit.power == power
    assert list(unit.factors) == factors
    assert codec.Unit.parse(str(unit)) == unit
    assert not str(unit).startswith('0x')


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('', 'cannot be read'),
        ('  ', 'cannot be read'),
        ('*m', 'cannot be read'),
        ('/s', 'cannot be read'),
        ('m**s', r"cannot be read from '\*\*s'"),
        ('m^', r"cannot be read from '\^'"),
        ('m^x', 'cannot be read'),
        ('m^12', "cannot be read from '2'"),
        ('m+s', 'cannot be read'),
        ('2*m', 'cannot be read'),
        ('0x12', 'cannot be read'),
        ('inch', "'inch' is unknown"),
        ('kkg', "'kkg' is unknown"),
        ('min', "'min' is unknown"),
        ('cm^2', r'there is no prefix for 10\^-4'),
        ('km*km^7', r'there is no prefix for 10\^24'),
        ('m^8', 'a power of -7 to 7'),
        ('m*m*m*m*m*m*m', '6 factors'),
    ],
)
def test_a_text_that_is_no_unit_is_refused(text: str, match: str) -> None:
    with pytest.raises(codec.ValueRangeError, match=match):
        codec.Unit.parse(text)


def test_the_factors_of_a_strange_unit_are_refused() -> None:
    with pytest.raises(codec.ValueRangeError, match='has the undefined prefix 8'):
        _ = codec.Unit(0x8000000000000000).power
    with pytest.raises(codec.ValueRangeError, match='has the undefined unit 28'):
        _ = codec.Unit(0x0704000000000000).factors


@pytest.mark.parametrize(
    ('first', 'second', 'factor'),
    [
        ('m', 'mm', 1000.0),
        ('kg*m/s^2', 'N', 1.0),
        ('g*mm/s^2', 'N', 1e-6),
        ('N*m', 'J', 1.0),
        ('mJ', 'N*m', 1e-3),
        ('V*A', 'W', 1.0),
        ('V/A', 'ohm', 1.0),
        ('A/V', 'S', 1.0),
        ('C/V', 'F', 1.0),
        ('V*s', 'Wb', 1.0),
        ('Wb/m^2', 'T', 1.0),
        ('Wb/A', 'H', 1.0),
        ('N/m^2', 'hPa', 0.01),
        ('lm/m^2', 'lx', 1.0),
        ('cd*sr', 'lm', 1.0),
        ('rad/s', 'Hz', 1.0),
        ('kBq', '1/s', 1000.0),
        ('Gy', 'J/kg', 1.0),
        ('Sv', 'Gy', 1.0),
        ('mol/m^3', 'mol/m^3', 1.0),
        ('N^0*m^0', '1', 1.0),
    ],
)
def test_a_unit_is_a_power_of_ten_of_another(first: str, second: str, factor: float) -> None:
    units = codec.Unit.parse(first), codec.Unit.parse(second)
    assert units[0].factor_to(units[1]) == pytest.approx(factor, rel=1e-15)
    assert units[1].factor_to(units[0]) == pytest.approx(1.0 / factor, rel=1e-15)


@pytest.mark.parametrize(('first', 'second'), [('m', 's'), ('N', 'N*m'), ('K', '1'), ('m', 'm^2')])
def test_units_that_do_not_measure_the_same_have_no_factor(first: str, second: str) -> None:
    with pytest.raises(codec.ValueRangeError, match='measure different quantities'):
        codec.Unit.parse(first).factor_to(codec.Unit.parse(second))


def test_every_unit_with_every_prefix_is_a_unit_of_its_own() -> None:
    units = [
        f'{prefix}{symbol}'
        for prefix in ('', *'dcmunpf', 'da', *'hkMGTP')
        for symbol in (
            *('m', 'g', 's', 'A', 'K', 'mol', 'cd', 'rad', 'sr', 'Hz', 'N', 'Pa', 'J', 'W'),
            *('C', 'V', 'F', 'ohm', 'S', 'Wb', 'T', 'H', 'lm', 'lx', 'Bq', 'Gy', 'Sv'),
        )
    ]
    words = {codec.Unit.parse(unit) for unit in units}
    assert len(words) == len(units) == 15 * 27
    assert {str(word) for word in words} == set(units)


def test_a_unit_shows_its_word() -> None:
    assert repr(codec.Unit.parse('N')) == 'Unit(0x02c4000000000000)'

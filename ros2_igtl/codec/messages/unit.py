# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The unit of a SENSOR: as a 64-bit word, as text, and in relation to other units.

Source: ``unit.md``, ``igtl_unit.h``. The 64 bits, from the highest: a prefix (4 bits), then six
times a unit (6 bits) and its exponent (4 bits, two's complement). The prefix applies to the whole
product: milli with metre squared is 0.001 m^2, written as 10^-3*m^2 and not as mm^2.
"""

from __future__ import annotations

import re

from ros2_igtl.codec.errors import ValueRangeError

__all__ = ['Unit']

_PREFIXES = {  # by number: power of ten and symbol
    0x0: (0, ''),
    0x1: (1, 'da'),
    0x2: (2, 'h'),
    0x3: (3, 'k'),
    0x4: (6, 'M'),
    0x5: (9, 'G'),
    0x6: (12, 'T'),
    0x7: (15, 'P'),
    0x9: (-1, 'd'),
    0xA: (-2, 'c'),
    0xB: (-3, 'm'),
    0xC: (-6, 'u'),
    0xD: (-9, 'n'),
    0xE: (-12, 'p'),
    0xF: (-15, 'f'),
}
_UNITS = {  # by number: symbol and, for a derived unit, its base units
    0x01: ('m', ''),
    0x02: ('g', ''),
    0x03: ('s', ''),
    0x04: ('A', ''),
    0x05: ('K', ''),
    0x06: ('mol', ''),
    0x07: ('cd', ''),
    0x08: ('rad', '1'),
    0x09: ('sr', '1'),
    0x0A: ('Hz', 's^-1'),
    0x0B: ('N', 'kg*m/s^2'),
    0x0C: ('Pa', 'kg/m/s^2'),
    0x0D: ('J', 'kg*m^2/s^2'),
    0x0E: ('W', 'kg*m^2/s^3'),
    0x0F: ('C', 's*A'),
    0x10: ('V', 'kg*m^2/s^3/A'),
    0x11: ('F', 's^4*A^2/kg/m^2'),
    0x12: ('ohm', 'kg*m^2/s^3/A^2'),
    0x13: ('S', 's^3*A^2/kg/m^2'),
    0x14: ('Wb', 'kg*m^2/s^2/A'),
    0x15: ('T', 'kg/s^2/A'),
    0x16: ('H', 'kg*m^2/s^2/A^2'),
    0x17: ('lm', 'cd'),
    0x18: ('lx', 'cd/m^2'),
    0x19: ('Bq', 's^-1'),
    0x1A: ('Gy', 'm^2/s^2'),
    0x1B: ('Sv', 'm^2/s^2'),
}
_SLOTS = 6
_PREFIX_OF_POWER = {power: number for number, (power, _) in _PREFIXES.items()}
_SYMBOLS = {  # all distinct: power of ten, number of the unit
    prefix + symbol: (power, number)
    for power, prefix in _PREFIXES.values()
    for number, (symbol, _) in _UNITS.items()
}
_TERM = re.compile(r'([*/]?)(?:10\^(-?\d{1,3})|([^\W\d_]+)(?:\^(-?\d))?|1)')
_HEX = re.compile(r'0x[0-9a-f]{16}')


class Unit(int):
    """
    The unit of a SENSOR: its 64-bit word.

    ::

        Unit.parse('mm/s^2') == 0xB0443E0000000000
        str(Unit(0x02C4110000000000)) == 'N*m'
        Unit.parse('kg*mm/s^2').factor_to(Unit.parse('N')) == 0.001
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Unit:
        """
        Return the unit that a text such as 'N*m', 'mm/s^2', 's^-1', '10^-3*m^2' or '1' denotes.

        The text is read from left to right, and a division applies only to the next factor. SI
        prefixes are raised to the power of their unit and combined into one prefix of the word.

        :raises ValueRangeError: the text is not a unit, has more than six factors or an exponent
            beyond 7, or its prefixes do not combine to one that exists.
        """
        if _HEX.fullmatch(text):
            return cls(text, 16)
        compact = text.replace(' ', '').replace('·', '*').replace('Ω', 'ohm')
        compact = compact.replace('\u00b5', 'u').replace('\u03bc', 'u')  # two signs for micro
        power = position = 0
        factors: list[tuple[int, int]] = []
        while position < len(compact) or not position:
            term = _TERM.match(compact, position)
            if term is None or (position == 0) == bool(term[1]):
                raise ValueRangeError(
                    f'unit {text!r} cannot be read from {compact[position:]!r} on; '
                    "a text such as 'N*m' or 'mm/s^2' is allowed"
                )
            sign = -1 if term[1] == '/' else 1
            if term[2]:
                power += sign * int(term[2])
            elif term[3]:
                if term[3] not in _SYMBOLS:
                    raise ValueRangeError(
                        f'unit {text!r}: {term[3]!r} is unknown; SI units are allowed'
                    )
                prefix_power, number = _SYMBOLS[term[3]]
                exponent = sign * int(term[4] or 1)
                power += prefix_power * exponent
                factors.append((number, exponent))
            position = term.end()
        if power not in _PREFIX_OF_POWER:
            raise ValueRangeError(f'unit {text!r}: there is no prefix for 10^{power}')
        if len(factors) > _SLOTS or any(abs(exponent) > 7 for _, exponent in factors):
            raise ValueRangeError(
                f'unit {text!r}: up to 6 factors to a power of -7 to 7 are allowed'
            )
        word = _PREFIX_OF_POWER[power]
        for number, exponent in factors + [(0, 0)] * (_SLOTS - len(factors)):
            word = word << 10 | number << 4 | exponent & 15
        return cls(word)

    @property
    def power(self) -> int:
        """
        The power of ten that the prefix denotes.

        :raises ValueRangeError: the specification does not define the prefix.
        """
        number = self >> 60
        if number not in _PREFIXES:
            raise ValueRangeError(f'unit {int(self):#018x} has the undefined prefix {number}')
        return _PREFIXES[number][0]

    @property
    def factors(self) -> tuple[tuple[str, int], ...]:
        """
        The units as symbols, with their exponents.

        :raises ValueRangeError: the specification does not define a unit.
        """
        return tuple((_UNITS[number][0], exponent) for number, exponent in self._factors())

    def _factors(self) -> list[tuple[int, int]]:
        """Return the numbers of the units, with their exponents."""
        factors = []
        for shift in range(10 * (_SLOTS - 1), -1, -10):
            number, exponent = self >> shift + 4 & 63, ((self >> shift & 15) ^ 8) - 8
            if number in _UNITS:
                factors.append((number, exponent))
            elif number or exponent:
                raise ValueRangeError(f'unit {int(self):#018x} has the undefined unit {number}')
        return factors

    def factor_to(self, other: Unit) -> float:
        """
        Return the factor that converts a number in this unit to another unit.

        :raises ValueRangeError: the units measure different quantities, or one is undefined.
        """
        power, exponents = self._in_base_units()
        other_power, other_exponents = other._in_base_units()
        if exponents != other_exponents:
            raise ValueRangeError(f'{self} and {other} measure different quantities')
        return float(10.0 ** (power - other_power))

    def _in_base_units(self) -> tuple[int, dict[int, int]]:
        """Return the power of ten, and the exponents of base units (gram, not kilogram)."""
        power = self.power
        exponents: dict[int, int] = {}
        for number, exponent in self._factors():
            definition = _UNITS[number][1]
            inner_power, inner = (
                Unit.parse(definition)._in_base_units() if definition else (0, {number: 1})
            )
            power += inner_power * exponent
            for base, inner_exponent in inner.items():
                exponents[base] = exponents.get(base, 0) + inner_exponent * exponent
        return power, {base: exponent for base, exponent in exponents.items() if exponent}

    def __str__(self) -> str:
        """Return a text that :meth:`parse` reads; for an undefined unit, the word."""
        try:
            text = self._text()
            if Unit.parse(text) == self:
                return text
        except ValueRangeError:
            pass
        return f'{int(self):#018x}'

    def _text(self) -> str:
        power, factors = self.power, self.factors
        text = ''
        if power:
            first = factors[0][1] if factors else 0
            prefix = _PREFIX_OF_POWER.get(power // first) if first and not power % first else None
            text = f'10^{power}' if prefix is None else _PREFIXES[prefix][1]
        for index, (symbol, exponent) in enumerate(factors):
            divides = index > 0 and all(later < 0 for _, later in factors[index:])
            if index or text.startswith('10'):
                text += '/' if divides else '*'
            shown = -exponent if divides else exponent
            text += symbol if shown == 1 else f'{symbol}^{shown}'
        return text or '1'

    def __repr__(self) -> str:
        return f'Unit({int(self):#018x})'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""SENSOR: the readings of a sensor, with a unit. Source: ``sensordata.md``, ``igtl_sensor.h``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentSizeError, ValueRangeError
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.messages.unit import Unit
from ros2_igtl.codec.registry import Content, check_minimum_size, register
from ros2_igtl.codec.wire import U8, U64, Buffer

__all__ = ['GetSensor', 'Sensor', 'SensorReply', 'StartSensor', 'StopSensor']


class _SensorHeader(NamedTuple):
    length: U8  # number of values that follow
    status: U8  # reserved
    unit: U64


_LAYOUT = wire.struct_of(_SensorHeader)
_VALUE = np.dtype('>f8')


@register
class Sensor(Content):
    """
    Up to 255 numbers in one unit. 10 bytes, and 8 for each number.

    :param values: shape (n,); received values view their bytes.
    :param unit: a :class:`Unit`, its word, or its text ('N*m', 'mm/s^2').
    :param status: reserved, 0.
    :raises ValueRangeError: the text is not a unit, or the values are not numbers.
    """

    __slots__ = ('status', 'unit', 'values')
    type_name = 'SENSOR'
    sizes = f'{_LAYOUT.size} + {_VALUE.itemsize} n'
    protocol_version = 2

    def __init__(self, values: ArrayLike, unit: int | str = 0, status: int = 0) -> None:
        try:
            self.values = np.asarray(values, _VALUE)
        except (TypeError, ValueError) as error:
            raise ValueRangeError(f'SENSOR values {values!r}: {error}') from None
        self.unit = Unit.parse(unit) if isinstance(unit, str) else Unit(unit)
        self.status = status

    @classmethod
    def unpack(cls, content: memoryview) -> Sensor:
        """Return the numbers from 10 bytes and 8 for each."""
        check_minimum_size('SENSOR', content, _LAYOUT.size)
        count, status, unit = _LAYOUT.unpack_from(content)
        size = _LAYOUT.size + count * _VALUE.itemsize
        if len(content) != size:
            raise ContentSizeError(
                f'SENSOR of {count} numbers takes {size} bytes, got {len(content)}'
            )
        return cls(np.frombuffer(content[_LAYOUT.size :], _VALUE), unit, status)

    def pack_parts(self) -> tuple[bytes, bytes]:
        """Return 10 bytes, and 8 for each number."""
        values = np.asarray(self.values, _VALUE)  # others may have been assigned
        if values.ndim != 1 or len(values) > 255:
            raise ValueRangeError(
                f'SENSOR values of shape {values.shape}; a list of 0 to 255 is allowed'
            )
        if not 0 <= self.status <= 255:
            raise ValueRangeError(f'SENSOR status {self.status}: 0 to 255 are allowed')
        if not 0 <= self.unit < 2**64:
            raise ValueRangeError(f'SENSOR unit {int(self.unit)}: 0 to 2**64 - 1 are allowed')
        return _LAYOUT.pack(len(values), self.status, self.unit), values.tobytes()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sensor):
            return NotImplemented
        return (self.unit, self.status) == (other.unit, other.status) and wire.same_array(
            self.values, other.values
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'Sensor({self.values.tolist()}, {str(self.unit)!r}, status={self.status})'


@register
@dataclass(slots=True)
class StartSensor(Start):
    """
    STT_SENSOR: asks for a stream of SENSOR messages. Empty, or 1 byte.

    :ivar status: the status that ``sensordata.md`` has here, 0 for success and 1 for error; None
        for an empty content.
    """

    type_name = 'STT_SENSOR'
    sizes = '0 or 1'
    subject = 'SENSOR'

    status: int | None = None

    @classmethod
    def unpack(cls, content: Buffer) -> StartSensor:
        """Return the query from 0 or 1 byte."""
        if len(content) > 1:
            raise ContentSizeError(f'STT_SENSOR takes 0 or 1 byte, got {len(content)}')
        return cls(content[0] if len(content) else None)

    def pack_parts(self) -> tuple[bytes, ...]:
        """Return 0 or 1 byte."""
        if self.status is None:
            return ()
        if not 0 <= self.status <= 255:
            raise ValueRangeError(f'STT_SENSOR status {self.status}: 0 to 255 are allowed')
        return (bytes((self.status,)),)


GetSensor, StopSensor, SensorReply = companions(Sensor, Get, Stop, Reply)

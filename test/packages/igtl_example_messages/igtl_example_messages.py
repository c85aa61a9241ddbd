# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages of a needle driver: JOINTS, where its joints are; NEEDLE, forces on its needle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec
from ros2_igtl.codec import wire


class _Joint(NamedTuple):
    name: wire.Char20
    position: wire.F64  # radians, or metres of a joint that slides
    velocity: wire.F64  # per second
    effort: wire.F64  # newton metres, or newtons


@codec.register
class Joints(codec.ElementList):
    """The joints of a needle driver, a structured array that views the received bytes."""

    __slots__ = ()
    type_name = 'JOINTS'
    dtype = wire.dtype_of(_Joint)
    sizes = f'{dtype.itemsize} n'


class DriveMode(IntEnum):
    """What the needle driver does."""

    IDLE = 0
    INSERT = 1
    RETRACT = 2


class _NeedleHeader(NamedTuple):
    needle: wire.Char20
    mode: wire.U8
    interval: wire.F64  # seconds between two samples


_LAYOUT = wire.struct_of(_NeedleHeader)
_FORCE = np.dtype('>f4')
_SAMPLE_SIZE = 3 * _FORCE.itemsize


@codec.register
@dataclass(slots=True, eq=False)
class Needle(codec.Content):
    """
    Forces on a needle, sampled at equal times.

    :ivar forces: shape (n, 3), newtons; received ones view their bytes.
    :ivar needle: the needle's name, at most 19 bytes.
    :ivar mode: what the needle driver does.
    :ivar interval: seconds between two samples.
    """

    type_name = 'NEEDLE'
    sizes = f'{_LAYOUT.size} + {_SAMPLE_SIZE} n'
    bulk_offset = _LAYOUT.size

    forces: NDArray[Any]
    needle: str = ''
    mode: DriveMode = DriveMode.IDLE
    interval: float = 0.001

    @classmethod
    def unpack(cls, content: memoryview) -> Needle:
        """Return the forces of 29 bytes and 12 a sample."""
        codec.check_minimum_size('NEEDLE', content, _LAYOUT.size)
        return cls.unpack_parts(content[: _LAYOUT.size], content[_LAYOUT.size :])

    @classmethod
    def unpack_parts(cls, fixed: memoryview, bulk: Any) -> Needle:
        """Return the forces of the 29 bytes and a buffer that :attr:`forces` views."""
        codec.check_multiple('NEEDLE samples', bulk, _SAMPLE_SIZE)
        needle, mode, interval = _LAYOUT.unpack(fixed)
        try:
            mode = DriveMode(mode)
        except ValueError as error:
            raise codec.ContentValueError(f'NEEDLE: {error}') from None
        forces = np.frombuffer(bulk, _FORCE).reshape(-1, 3)
        return cls(forces, codec.text(needle), mode, interval)

    def pack_parts(self) -> tuple[bytes, Any]:
        """Return 29 bytes and 12 a sample."""
        forces = np.asarray(self.forces, _FORCE)
        if forces.ndim != 2 or forces.shape[1] != 3:
            raise codec.ValueRangeError(f'forces have shape {forces.shape}, (n, 3) is allowed')
        needle = codec.pack_inner_name(self.needle, 20, 'needle')
        return _LAYOUT.pack(needle, self.mode, self.interval), wire.big_endian(forces)


@codec.register
class GetNeedle(codec.Get):
    """GET_NEEDLE: asks for the forces on a needle. Empty."""

    __slots__ = ()
    type_name = 'GET_NEEDLE'
    subject = 'NEEDLE'

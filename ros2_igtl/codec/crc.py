# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
CRC-64/ECMA-182 of a buffer, by the fastest available of four implementations.

Polynomial 0x42F0E1EBA9EA3693, initial value 0, not reflected, no final XOR (``crc.md``,
``igtl_util.c``). :data:`IMPLEMENTATION` names the one in use:

* ``fastcrc`` 0.4 or newer runs at memory speed; older versions are slow and accept only ``bytes``.
* ``compiled``, our ``src/crc64.c``, is part of every colcon build, and of a pip build if there is
  a C compiler. On 48 bytes it takes 0.06 µs and fastcrc 0.09 µs; on 262 KB it takes 18 µs and
  fastcrc, which also uses AVX-512, takes 6 µs. So fastcrc comes first.
* ``liblzma`` computes the reflected variant of this CRC, at 1.3 GB/s.
* ``numpy`` is always available; it folds the message with XORs, without carry-less multiplication.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x42F0E1EBA9EA3693
_MASK = 0xFFFFFFFFFFFFFFFF


class Crc64(Protocol):
    """The signature of all implementations."""

    def __call__(self, data: Any, initial: int = 0, /) -> int:
        """Return the CRC of a contiguous buffer, continued from the CRC of the bytes before it."""


def _from_fastcrc() -> Crc64 | None:
    try:
        function: Crc64 = importlib.import_module('fastcrc').crc64.ecma_182
        function(memoryview(b''), 0)
    except (ImportError, AttributeError, TypeError):  # missing, or too old: accepts only bytes
        return None
    return function


def _from_compiled() -> Crc64 | None:
    try:
        function: Crc64 = importlib.import_module('ros2_igtl.codec._crc64').crc64
    except ImportError:  # a plain checkout, or installed without a C compiler
        return None
    return function


def _from_liblzma() -> Crc64 | None:
    """
    Compute this CRC with CRC-64/XZ, which uses the same polynomial with all bit orders reversed.

    The bits of each byte are reversed on the way in, and those of the result on the way out. The
    initial and the final inversion of XZ are undone.
    """
    try:
        # PyDLL keeps the interpreter's lock: regaining it from a busy thread takes 5 ms, a call
        # for 64 KB only 0.05 ms.
        function = ctypes.PyDLL('liblzma.so.5').lzma_crc64
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_uint64
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
    table = bytes(int(f'{value:08b}'[::-1], 2) for value in range(256))
    piece_size = 1 << 16  # both copies stay in the cache and cause no page faults

    def reversed_bits(value: int) -> int:
        return int.from_bytes(value.to_bytes(8, 'little').translate(table), 'big')

    def crc64(data: Any, initial: int = 0, /) -> int:
        view = memoryview(data).cast('B')
        # lzma_crc64 inverts its running value on entry and on exit.
        crc = reversed_bits(initial) ^ _MASK
        for start in range(0, len(view), piece_size):
            piece = bytes(view[start : start + piece_size]).translate(table)
            crc = function(piece, len(piece), crc)
        return reversed_bits(crc ^ _MASK)

    return crc64


# x^379 is the sum of these powers of x, modulo the polynomial (found by a search for a short sum;
# the tests check it). Squaring six times gives the same relation for powers of x^64: a word of a
# message can be removed by XORing it onto the eleven words at these distances behind it.
_DEGREE = 379
_POWERS = (309, 306, 220, 204, 168, 107, 104, 58, 25, 2, 0)


def _byte_table() -> NDArray[np.uint64]:
    """Return the CRC of each byte, shape (256,)."""
    table = np.arange(256, dtype=np.uint64)
    for _ in range(64):  # times x, modulo the polynomial
        table = (table << np.uint64(1)) ^ (table >> np.uint64(63)) * np.uint64(POLYNOMIAL)
    return table


@functools.cache
def _place_tables() -> NDArray[np.uint64]:
    """Return the CRC of each byte at each place, shape (8 * _DEGREE, 256), last place last."""
    tables = np.empty((8 * _DEGREE, 256), dtype=np.uint64)
    row = last = _byte_table()
    for place in range(len(tables) - 1, -1, -1):
        tables[place] = row
        row = last[row >> np.uint64(56)] ^ (row << np.uint64(8))
    return tables


def _from_numpy() -> Crc64:
    """Fold a message until it is short, then XOR the tabulated CRCs of its bytes."""
    piece_size = 1 << 20  # stays in the cache
    distances = [_DEGREE - power for power in sorted(_POWERS, reverse=True)]
    offsets = np.arange(8 * _DEGREE) * 256
    byte_table = _byte_table().tolist()

    def short_crc(data: memoryview, crc: int) -> int:
        for byte in data:
            crc = byte_table[byte ^ crc >> 56] ^ (crc << 8 & _MASK)
        return crc

    def long_crc(data: memoryview, initial: int) -> int:
        # Leading zeros do not change the CRC, and the CRC of the bytes before is XORed onto the
        # first eight bytes.
        words = np.zeros(-(-len(data) // 8), dtype=np.uint64)
        octets = words.view(np.uint8)[-len(data) :]
        octets[:] = np.frombuffer(data, dtype=np.uint8)
        octets[:8] ^= np.frombuffer(initial.to_bytes(8, 'big'), dtype=np.uint8)
        for unit in (256, 128, 64, 32, 16, 8, 4, 2, 1):
            while (count := min(len(words) - _DEGREE * unit, distances[0] * unit)) > 0:
                lead, words = words[:count], words[count:]
                for distance in distances:
                    words[distance * unit - count :][:count] ^= lead
        octets = words.view(np.uint8)
        left = _place_tables().take(octets + offsets[-len(octets) :])
        return int(np.bitwise_xor.reduce(left))

    def crc64(data: Any, initial: int = 0, /) -> int:
        view = memoryview(data).cast('B')
        crc = initial
        for start in range(0, len(view), piece_size):
            piece = view[start : start + piece_size]
            crc = long_crc(piece, crc) if len(piece) >= 128 else short_crc(piece, crc)
        return crc

    return crc64


def _choose() -> tuple[str, Crc64]:
    for implementation, make in (
        ('fastcrc', _from_fastcrc),
        ('compiled', _from_compiled),
        ('liblzma', _from_liblzma),
    ):
        function = make()
        if function is not None:
            return implementation, function
    return 'numpy', _from_numpy()


IMPLEMENTATION, crc64 = _choose()
"""
``crc64(data, initial=0)`` returns the CRC-64 of a contiguous buffer, continued from ``initial``,
the CRC of the bytes before it. No function wraps it, since it runs for every message.
"""
